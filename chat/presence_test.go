package chat_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/chat"
)

const grace = 5 * time.Second

// foyer is a node where people come and go, and who hears of it.
type foyer struct {
	*chat.Presence
	t      *testing.T
	engine *shyEngine
	names  map[chat.UserID]string
	ids    map[string]chat.UserID

	mu    sync.Mutex
	heard []string // "Bob: Ann online"
}

// shyEngine is an engine that can be told not to answer.
type shyEngine struct {
	chat.Store
	away   atomic.Bool
	broken atomic.Value // chat.UserID: the one whose friends cannot be read
}

func (e *shyEngine) Friends(ctx context.Context, owner chat.UserID) ([]chat.UserID, error) {
	if e.away.Load() || e.broken.Load() == owner {
		return nil, errAway
	}
	return e.Store.Friends(ctx, owner)
}

func (e *shyEngine) See(ctx context.Context, sightings []chat.Sighting) error {
	if e.away.Load() {
		return errAway
	}
	return e.Store.See(ctx, sightings)
}

// Appear implements chat.Audience.
func (f *foyer) Appear(news []chat.News) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range news {
		for _, user := range n.To {
			f.heard = append(f.heard, f.names[user]+": "+f.describe(n.Appearance))
		}
	}
}

func (f *foyer) describe(a chat.Appearance) string {
	state := "offline"
	if a.Online {
		state = "online"
	}
	if a.At.IsZero() {
		return f.names[a.User] + " " + state
	}
	return fmt.Sprintf("%s %s since %s", f.names[a.User], state, a.At.Sub(noon()).Round(time.Second))
}

// hears checks what was told since it was last asked, in any order.
func (f *foyer) hears(want ...string) {
	f.t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.Sort(f.heard)
	slices.Sort(want)
	if !slices.Equal(f.heard, want) {
		f.t.Errorf("after %s heard %q, want %q", time.Since(noon()), f.heard, want)
	}
	f.heard = nil
}

// sees checks what the asker is answered about others.
func (f *foyer) sees(asker string, about []string, want ...string) {
	f.t.Helper()
	var users []chat.UserID
	for _, name := range about {
		users = append(users, f.ids[name])
	}
	found, err := f.Of(f.t.Context(), f.ids[asker], users)
	var got []string
	for _, a := range found {
		got = append(got, f.describe(a))
	}
	if err != nil || !slices.Equal(got, want) {
		f.t.Errorf("%s sees %q, %v, want %q", asker, got, err, want)
	}
}

func (f *foyer) comes(name string) { f.Enter(f.ids[name], "phone", "192.0.2.1") }
func (f *foyer) goes(name string)  { f.Leave(f.ids[name], "phone", "192.0.2.1") }

// inFoyer tells a story. Ann counts Bob and Carl as friends, Bob counts Ann; Mallory counts them all.
func inFoyer(t *testing.T, tell func(f *foyer)) {
	engine := &shyEngine{Store: newEngine(t)}
	f := &foyer{engine: engine, names: make(map[chat.UserID]string), ids: make(map[string]chat.UserID)}
	for i, name := range []string{"Ann", "Bob", "Carl", "Mallory"} {
		f.ids[name], f.names[person(i)] = person(i), name
	}
	for owner, friends := range map[string][]string{"Ann": {"Bob", "Carl"}, "Bob": {"Ann"}, "Mallory": {"Ann", "Bob", "Carl"}} {
		for _, friend := range friends { // outside the bubble, whose clock the disk does not know
			if _, err := engine.AddFriend(t.Context(), f.ids[owner], f.ids[friend], noon()); err != nil {
				t.Fatal(err)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(noon()))
		f.t = t
		f.Presence = chat.NewPresence(chat.PresenceConfig{
			Friends: engine, Devices: engine, Sockets: engine, Node: "here", Grace: grace, Now: time.Now, Log: quiet(),
		})
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { f.Run(ctx, f) })
		tell(f)
		cancel()
		running.Wait()
	})
}

// Those whom Ann counts as friends hear that she comes and, when the grace is over, that she has gone.
func TestFriendsHearWhoComesAndGoes(t *testing.T) {
	inFoyer(t, func(f *foyer) {
		f.hears()
		f.comes("Ann")
		f.hears("Bob: Ann online since 0s", "Carl: Ann online since 0s")
		f.comes("Ann") // a second socket
		time.Sleep(time.Minute)
		f.goes("Ann")
		time.Sleep(time.Minute)
		f.hears()
		f.goes("Ann")
		time.Sleep(grace - time.Second)
		f.hears()
		time.Sleep(time.Second)
		f.hears("Bob: Ann offline since 2m0s", "Carl: Ann offline since 2m0s")
		f.comes("Bob")
		f.hears("Ann: Bob online since 2m5s")
		f.comes("Carl") // who counts nobody
		f.hears()
		f.goes("Mallory") // who never came
		time.Sleep(time.Minute)
		f.hears()
	})
}

// Ann's connection breaks again and again, Carl peeps in and is gone at once: that is no news.
func TestFlappingIsNoNews(t *testing.T) {
	inFoyer(t, func(f *foyer) {
		f.comes("Ann")
		f.hears("Bob: Ann online since 0s", "Carl: Ann online since 0s")
		for range 1000 {
			f.goes("Ann")
			time.Sleep(grace - time.Millisecond)
			f.sees("Carl", []string{"Ann"}, "Ann online since 0s")
			f.comes("Ann")
		}
		f.hears()
		f.goes("Ann")
		time.Sleep(grace)
		gone := time.Since(noon()) - grace
		f.hears(fmt.Sprintf("Bob: Ann offline since %s", gone.Round(time.Second)), fmt.Sprintf("Carl: Ann offline since %s", gone.Round(time.Second)))

		f.engine.away.Store(true)
		f.comes("Bob")
		f.goes("Bob")
		time.Sleep(time.Hour)
		f.engine.away.Store(false)
		time.Sleep(time.Minute)
		f.hears() // he was gone before anybody could be told
	})
}

// While the engine is away nobody is told. When it is back, they hear what is true by then, once.
func TestNewsWaitForTheEngine(t *testing.T) {
	inFoyer(t, func(f *foyer) {
		f.comes("Ann")
		f.hears("Bob: Ann online since 0s", "Carl: Ann online since 0s")
		f.engine.away.Store(true)
		f.goes("Ann")
		f.comes("Bob")
		time.Sleep(time.Minute)
		f.comes("Ann")
		f.goes("Ann")
		time.Sleep(time.Minute)
		f.hears()
		f.engine.away.Store(false)
		time.Sleep(10 * time.Second)
		f.hears("Ann: Bob online since 0s") // that Ann was away for her friends they never heard
		f.sees("Ann", []string{"Bob"}, "Bob online since 0s")
	})
}

// What cannot be told of Ann holds up nothing that can be told of Bob.
func TestOneUsersNewsHoldUpNobodyElses(t *testing.T) {
	inFoyer(t, func(f *foyer) {
		f.engine.broken.Store(f.ids["Ann"])
		f.comes("Ann")
		synctest.Wait()
		f.comes("Bob")
		time.Sleep(10 * time.Second)
		f.hears("Ann: Bob online since 0s")
		f.goes("Bob")
		time.Sleep(10 * time.Second)
		f.hears("Ann: Bob offline since 10s")
		f.engine.broken.Store(chat.UserID(""))
		time.Sleep(10 * time.Second)
		f.hears("Bob: Ann online since 0s", "Carl: Ann online since 0s")
	})
}

// One sees those who count one as a friend, and oneself; adding somebody is no way to watch her.
func TestPresenceIsForThoseWhomOneCountsAsFriends(t *testing.T) {
	inFoyer(t, func(f *foyer) {
		all := []string{"Mallory", "Carl", "Bob", "Ann"}
		f.sees("Bob", all, "Mallory offline", "Bob offline", "Ann offline")
		f.comes("Ann")
		f.comes("Mallory")
		time.Sleep(time.Minute)
		f.goes("Mallory")
		f.sees("Bob", all, "Mallory online since 0s", "Bob offline", "Ann online since 0s")
		time.Sleep(grace)
		f.sees("Bob", all, "Mallory offline since 1m0s", "Bob offline", "Ann online since 0s")
		f.sees("Mallory", all, "Mallory offline since 1m0s")
		f.sees("Ann", all, "Mallory offline since 1m0s", "Bob offline", "Ann online since 0s")
		f.sees("Bob", nil)
		many := make([]chat.UserID, chat.MaxPresence)
		for i := range many {
			many[i] = person(i)
		}
		if _, err := f.Of(f.t.Context(), f.ids["Bob"], many); err != nil {
			f.t.Error(err)
		}
		_, err := f.Of(f.t.Context(), f.ids["Bob"], append(many, person(0)))
		wantCode(f.t, "one too many", err, chat.Invalid)
		_, err = f.Of(f.t.Context(), f.ids["Bob"], []chat.UserID{"Ann"})
		wantCode(f.t, "no id", err, chat.Invalid)
	})
}

// Ann has a socket on another node, too: leaving this one she is still there, until that node falls silent.
func TestWhoIsOnAnotherNodeIsThere(t *testing.T) {
	inFoyer(t, func(f *foyer) {
		there := chat.Socket{ID: "there", User: f.ids["Ann"], Node: "there", Since: noon()}
		stale := chat.Socket{ID: "stale", User: f.ids["Ann"], Node: "here", Since: noon()} // left behind by this node
		for _, err := range []error{
			f.engine.Beat(f.t.Context(), "there", noon().Add(time.Minute)), f.engine.Beat(f.t.Context(), "here", noon().Add(time.Hour)),
			f.engine.PutSocket(f.t.Context(), there), f.engine.PutSocket(f.t.Context(), stale),
		} {
			if err != nil {
				f.t.Fatal(err)
			}
		}
		f.sees("Bob", []string{"Ann"}, "Ann online since 0s")
		time.Sleep(10 * time.Second)
		f.comes("Ann")
		f.hears("Bob: Ann online since 10s", "Carl: Ann online since 10s")
		f.goes("Ann")
		time.Sleep(grace)
		f.hears()
		f.sees("Bob", []string{"Ann"}, "Ann online since 0s")
		time.Sleep(time.Minute)
		f.sees("Bob", []string{"Ann"}, "Ann offline since 10s")
	})
}

// Device and address of those who come and go are written behind them, also what waited for the engine, and at the end.
func TestSightingsAreWritten(t *testing.T) {
	engine := &shyEngine{Store: newEngine(t)}
	ann, bob := person(1), person(2)
	phone := chat.Device{User: ann, ID: "phone", Address: "192.0.2.1"}
	if _, err := engine.PutDevice(t.Context(), phone); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := chat.NewPresence(chat.PresenceConfig{
			Friends: engine, Devices: engine, Sockets: engine, Node: "here", Grace: grace, Now: time.Now, Log: quiet(),
		})
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx, &foyer{}) })
		want := func(ann0, bob0 time.Time, address string) {
			t.Helper()
			last, err := engine.LastSeen(t.Context(), []chat.UserID{ann, bob})
			if err != nil || !last[0].Equal(ann0) || !last[1].Equal(bob0) {
				t.Errorf("seen last %v, %v, want %v, %v", last, err, ann0, bob0)
			}
			devices, err := engine.Devices(t.Context(), ann)
			if err != nil || len(devices) != 1 || devices[0].Address != address || !ann0.IsZero() && !devices[0].Seen.Equal(ann0) {
				t.Errorf("Ann's devices are %+v, %v", devices, err)
			}
		}
		engine.away.Store(true)
		time.Sleep(time.Second)
		first := time.Now()
		for i := range 50 {
			s.Enter(ann, "phone", fmt.Sprint("198.51.100.", i))
		}
		s.Enter(bob, "gone", "198.51.100.1")
		time.Sleep(time.Minute)
		want(time.Time{}, time.Time{}, "192.0.2.1")
		engine.away.Store(false)
		time.Sleep(time.Second)
		want(first, first, "198.51.100.49")
		last := time.Now()
		s.Leave(ann, "phone", "203.0.113.1")
		cancel()
		running.Wait()
		want(last, first, "203.0.113.1")
	})
}
