package chat_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// watchedRooms is an engine whose reads of rooms are counted, and before each call of which the story may do something.
type watchedRooms struct {
	chat.Store
	reads atomic.Int32 // of rosters
	away  atomic.Bool

	mu     sync.Mutex
	before map[string]func() // by the name of a method; done once
	read   func()            // when the members were read, and nobody has them yet; done once
}

func (w *watchedRooms) meet(method string) {
	w.mu.Lock()
	do := w.before[method]
	delete(w.before, method)
	w.mu.Unlock()
	if do != nil {
		do()
	}
}

func (w *watchedRooms) Room(ctx context.Context, id chat.RoomID) (chat.Room, error) {
	w.meet("Room")
	if w.away.Load() {
		return chat.Room{}, errAway
	}
	return w.Store.Room(ctx, id)
}

func (w *watchedRooms) Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.RoomMember, error) {
	w.reads.Add(1)
	members, err := w.Store.Members(ctx, room, after, limit)
	w.mu.Lock()
	do := w.read
	w.read = nil
	w.mu.Unlock()
	if do != nil {
		do()
	}
	return members, err
}

func (w *watchedRooms) Member(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.RoomMember, error) {
	w.meet("Member")
	return w.Store.Member(ctx, room, user)
}

func (w *watchedRooms) PutMember(ctx context.Context, m chat.RoomMember) (bool, error) {
	w.meet("PutMember")
	return w.Store.PutMember(ctx, m)
}

func (w *watchedRooms) RemoveMember(ctx context.Context, room chat.RoomID, user chat.UserID) (bool, error) {
	w.meet("RemoveMember")
	return w.Store.RemoveMember(ctx, room, user)
}

func (w *watchedRooms) ChangeRoom(ctx context.Context, r chat.Room, was uint64) error {
	w.meet("ChangeRoom")
	return w.Store.ChangeRoom(ctx, r, was)
}

// openWatched opens rooms over a watched engine. what is done before a method's next call.
func openWatched(t *testing.T, engine chat.Store, set ...func(*chat.RoomsConfig)) (*roomHouse, *watchedRooms) {
	t.Helper()
	w := &watchedRooms{Store: engine, before: make(map[string]func())}
	return openRooms(t, w, set...), w
}

func (w *watchedRooms) beforeNext(method string, do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before[method] = do
}

func TestAMessageAsksNoEngineAboutItsRoom(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl")
	ann, bob, carl := people[0], people[1], people[2]
	room := openRooms(t, engine).found(ann, bob)
	h, w := openWatched(t, engine)
	conv, ctx := chat.RoomConv(room), t.Context()

	// All who ask at once about a room that nobody knows wait for one answer.
	reading, goOn := make(chan struct{}), make(chan struct{})
	w.read = func() { close(reading); <-goOn }
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { wantCode(t, "Bob writes", h.MayWrite(ctx, bob, room), "") })
	}
	<-reading
	close(goOn)
	all.Wait()
	if n := w.reads.Load(); n != 1 {
		t.Fatalf("the engine was asked %d times", n)
	}

	for what, ask := range map[string]func() error{
		"write": func() error { return h.MayWrite(ctx, bob, room) },
		"read":  func() error { _, err := h.Floor(ctx, bob, conv); return err },
		"hear":  func() error { h.Hearers(room); return nil },
	} {
		var err error
		if n := testing.AllocsPerRun(100, func() { err = ask() }); err != nil || n > 0 {
			t.Errorf("to %s takes %v allocations, and ends with %v", what, n, err)
		}
	}
	wantCode(t, "Carl writes", h.MayWrite(ctx, carl, room), chat.NotFound)
	if _, err := h.Roster(ctx, room); err != nil {
		t.Error(err)
	}
	if _, err := h.Info(ctx, ann, room); err != nil {
		t.Error(err)
	}
	if n := w.reads.Load(); n != 1 {
		t.Errorf("the engine was asked %d times", n)
	}
}

func TestARosterDoesNotChange(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl", "Dora")
	ann, bob, carl, dora := people[0], people[1], people[2], people[3]
	h := openRooms(t, engine)
	room := h.found(ann, bob)
	before, err := h.Roster(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	hearers := h.Hearers(room)
	for _, err := range []error{
		h.Rename(t.Context(), ann, room, "Dinner"),
		h.SetRole(t.Context(), ann, room, bob, chat.RoleAdmin),
		second(h.Invite(t.Context(), ann, room, []chat.UserID{carl})),
		second(h.Kick(t.Context(), ann, room, []chat.UserID{bob})),
		second(h.Invite(t.Context(), ann, room, []chat.UserID{dora})),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, users := range [][]chat.UserID{hearers, before.Users()} {
		if len(users) != 2 || !slices.Contains(users, ann) || !slices.Contains(users, bob) {
			t.Errorf("once the members were %v, want Ann and Bob", users)
		}
	}
	if m, ok := before.Member(bob); !ok || m.Role != chat.RoleMember || !m.Joined.Equal(noon()) || !m.MutedUntil.IsZero() || m.Room != room {
		t.Errorf("Bob was %+v, %v", m, ok)
	}
	if before.Role(carl) != "" || before.Room().Name != "Lunch" {
		t.Errorf("the roster is of now: %+v", before.Room())
	}
	after, err := h.Roster(t.Context(), room)
	if err != nil || after.Room().Name != "Dinner" || after.Role(bob) != "" || after.Role(carl) != chat.RoleMember {
		t.Errorf("now it is %+v, %v", after.Room(), err)
	}
	h.wantMembers(room, ann, carl, dora)
}

func second[T any](_ T, err error) error { return err }

// While the members are read, one goes, one comes and comes again, and the room is renamed. The load knows half of that.
func TestALoadThatMissesAChangeHasItMade(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl")
	ann, bob, carl := people[0], people[1], people[2]
	room := openRooms(t, engine).found(ann, bob)
	h, w := openWatched(t, engine, func(cfg *chat.RoomsConfig) { cfg.Say = nil })
	h.Tell() // or it would wait for what is being read
	reading, goOn := make(chan struct{}), make(chan struct{})
	w.read = func() { close(reading); <-goOn }
	heard := make(chan []chat.UserID)
	go func() { heard <- h.Hearers(room) }()
	<-reading // Bob is among those who were read
	code, err := h.SetCode(t.Context(), ann, room, true)
	for _, err := range []error{
		err, h.Leave(t.Context(), bob, room), second(h.Join(t.Context(), carl, 0, code)), h.Leave(t.Context(), carl, room),
		second(h.Join(t.Context(), carl, 0, code)), h.Rename(t.Context(), ann, room, "Dinner"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	close(goOn)
	if users := <-heard; len(users) != 2 || !slices.Contains(users, ann) || !slices.Contains(users, carl) {
		t.Errorf("%v hear, want Ann and Carl", users)
	}
	if r, err := h.Roster(t.Context(), room); err != nil || r.Room().Name != "Dinner" || r.Role(bob) != "" || r.Role(carl) != chat.RoleMember {
		t.Errorf("it is %+v, %v", r.Room(), err)
	}
	if n := w.reads.Load(); n != 1 {
		t.Errorf("the engine was asked %d times, want once", n)
	}
	h.wantMembers(room, ann, carl)
}

func TestWhileTheEngineIsAwayNobodyHears(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob")
	ann, bob := people[0], people[1]
	room := openRooms(t, engine).found(ann, bob)
	h, w := openWatched(t, engine)
	w.away.Store(true)
	if users := h.Hearers(room); users != nil {
		t.Errorf("%v hear", users)
	}
	wantCode(t, "Bob writes", h.MayWrite(t.Context(), bob, room), chat.Unavailable)
	_, err := h.Floor(t.Context(), bob, chat.RoomConv(room))
	wantCode(t, "Bob reads", err, chat.Unavailable)
	w.away.Store(false)
	wantCode(t, "Bob writes", h.MayWrite(t.Context(), bob, room), "")
	w.away.Store(true) // what is known stays known
	wantCode(t, "Bob writes", h.MayWrite(t.Context(), bob, room), "")
	if users := h.Hearers(chat.RoomID(bob)); users != nil {
		t.Errorf("%v hear in a room that is none", users)
	}
	// Whoever gives up waiting is told so.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	wantCode(t, "who gave up", h.MayWrite(gone, bob, chat.RoomID(chat.NewUserID(noon()))), chat.Unavailable)
}

// Changes of all kinds at once, beside those who write: what is remembered is in the end what the engine has.
func TestRosterUnderLoad(t *testing.T) {
	engine := newEngine(t)
	names := make([]string, 24)
	for i := range names {
		names[i] = fmt.Sprint("user ", i)
	}
	people := settle(t, engine, names...)
	owner := people[0]
	h := openRooms(t, engine)
	room := h.found(owner, people[1:12]...)
	stop := make(chan struct{})
	var askers, changers sync.WaitGroup
	for _, user := range people[:2] {
		askers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if code := chat.CodeOf(h.MayWrite(t.Context(), user, room)); code != "" && code != chat.NotFound {
					t.Errorf("writing: %s", code)
					return
				}
				r, err := h.Roster(t.Context(), room)
				if err != nil {
					t.Error(err)
					return
				}
				for _, user := range r.Users() {
					if r.Role(user) == "" {
						t.Error("a roster contradicts itself")
						return
					}
				}
			}
		})
	}
	for i := range 4 {
		changers.Go(func() {
			for n := range 10 {
				user := people[1+(i*10+n*7)%(len(people)-1)]
				_, invited := h.Invite(t.Context(), owner, room, []chat.UserID{user})
				_, kicked := h.Kick(t.Context(), owner, room, []chat.UserID{people[1+n%(len(people)-1)]})
				renamed := h.Rename(t.Context(), owner, room, fmt.Sprint(n))
				for _, err := range []error{invited, kicked, renamed} {
					wantCode(t, "a change", err, "")
				}
			}
		})
	}
	changers.Wait()
	close(stop)
	askers.Wait()
	stored, err := engine.Members(t.Context(), room, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var want []chat.UserID
	for _, m := range stored {
		want = append(want, m.User)
	}
	h.wantMembers(room, want...)
	seqs := uint64(1) // of the word that the room was made
	for _, c := range h.told() {
		if c.Seq != seqs+1 {
			t.Fatalf("number %d was told behind %d", c.Seq, seqs)
		}
		seqs = c.Seq
	}
}
