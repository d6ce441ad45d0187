package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zishang520/socket.io/v2/socket"

	secrets "github.com/parley-chat/parley/auth" // the clients' stories have an auth of their own
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/realtime"
	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/extension"
	"github.com/parley-chat/parley/realtime/socketio"
	"github.com/parley-chat/parley/store/embedded"
)

const (
	stormLives = 10_000
	stormWidth = 64  // lives at a time
	stormUsers = 200 // so that nobody's backlog grows long
	// The silent ones are given up after both together.
	stormPingInterval = 2 * time.Second
	stormPingTimeout  = 2 * time.Second
	calmWait          = 60 * time.Second // for the server to forget; it takes a few seconds
)

// Ten thousand clients come and die, each at a random moment of its life. Afterwards nothing of them is left.
func TestStorm(t *testing.T) {
	lives := stormLives
	if testing.Short() {
		lives /= 10
	}
	s := openStorm(t)
	seed := rand.Uint64()
	random := func(i uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, i)) }
	for i, k := range kinds() { // what is made once for all is made before the count
		l := s.life(k, leaving, random(uint64(i)))
		if err := l.live(); err != nil {
			t.Fatal(err)
		}
		l.bury(nil, nil)
	}
	s.calm(t, s.count(t).settled())
	before := s.count(t)

	var (
		next          atomic.Int64
		running, late sync.WaitGroup
		mu            sync.Mutex
		deaths        = map[kind]map[moment]int{}
		silent        int
		wrong         []error
	)
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		wrong = append(wrong, err)
	}
	begun := time.Now()
	for range stormWidth {
		running.Go(func() {
			for i := next.Add(1); i <= int64(lives); i = next.Add(1) {
				r := random(uint64(1000 + i))
				k := kinds()[i%6]
				l := s.life(k, k.moments()[r.IntN(len(k.moments()))], r)
				l.silent = r.IntN(30) == 0
				if err := l.live(); err != nil {
					fail(err)
				}
				l.bury(&late, fail)
				mu.Lock()
				if deaths[k] == nil {
					deaths[k] = map[moment]int{}
				}
				deaths[k][l.end]++
				if l.silent {
					silent++
				}
				mu.Unlock()
			}
		})
	}
	running.Wait()
	storm := time.Since(begun)
	late.Wait()
	if len(wrong) > 0 {
		t.Errorf("%d lives ended otherwise (seed %d), the first: %v", len(wrong), seed, wrong[0])
	}
	for _, k := range kinds() {
		for _, m := range k.moments() {
			if deaths[k][m] == 0 {
				t.Errorf("nobody of %v died in %s", k, m)
			}
		}
		t.Logf("Engine.IO %s, %s: %v", k.protocol, k.carrier, deaths[k])
	}
	s.calm(t, before)
	t.Logf("%d lives in %.1f s, %d of them fell silent; %d sessions and %d connections to the extension were made",
		lives, storm.Seconds(), silent, s.sessions.made.Load(), s.extended.made.Load())
	t.Logf("before %+v, after %+v", before, s.count(t))
}

// stormHouse is the door in this process, where what is left of a client can be counted.
type stormHouse struct {
	url      string
	store    *embedded.Store
	door     *realtime.Server
	rooms    socket.Namespace
	users    []chat.Account
	tokens   []string
	sessions freed
	extended freed
}

// freed counts values that were made, and those that the garbage collector has freed since: one that a goroutine, a
// timer or a table still holds is not.
type freed struct{ made, gone atomic.Int64 }

func watch[T any](f *freed, value *T) {
	f.made.Add(1)
	runtime.AddCleanup(value, func(f *freed) { f.gone.Add(1) }, f)
}

// Remember implements socketio.Extension. What it returns stays with the session until Open, or its end.
func (w *watchedExtension) Remember(r *http.Request) any {
	kept := &remembered{w.Server.Remember(r), ""}
	watch(&w.house.sessions, kept)
	return kept
}

// Open implements socketio.Extension.
func (w *watchedExtension) Open(conn *engineio.Conn, kept any) socketio.PacketHandler {
	watch(&w.house.extended, conn)
	return w.Server.Open(conn, kept.(*remembered).value)
}

type watchedExtension struct {
	*extension.Server
	house *stormHouse
}

type remembered struct {
	value any
	_     string // so that it is not empty, and has an address of its own
}

func openStorm(t *testing.T) *stormHouse {
	t.Helper()
	s := &stormHouse{}
	var err error
	if s.store, err = embedded.OpenMemory(); err != nil {
		t.Fatal(err)
	}
	passwords, err := secrets.NewPasswords(4)
	if err != nil {
		t.Fatal(err)
	}
	log, none := slog.New(slog.DiscardHandler), limit.None{}
	accounts := &chat.Accounts{
		Store: s.store, Passwords: passwords, Tokens: secrets.NewTokens([]byte("a secret of the storm alone"), time.Now),
		Limits: chat.AccountLimits{
			LoginByAccount: none, LoginByAddress: none, RegisterByAddress: none, SearchByUser: none, ProfileByUser: none,
		},
		Now: time.Now, Log: log,
	}
	for i := range stormUsers {
		account, token, err := accounts.Register(t.Context(), chat.Registration{
			Username: fmt.Sprint("Ann ", i), Password: "secret", Email: fmt.Sprintf("ann%d@example.org", i), Phone: fmt.Sprint(13_000_000_000 + i),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.users, s.tokens = append(s.users, account), append(s.tokens, token)
	}
	library, err := extension.New(extension.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s.rooms = library.Sockets().Of("/rooms", nil)
	s.rooms.On("connection", func(args ...any) {
		client := args[0].(*socket.Socket)
		client.On("enter", func(args ...any) {
			room, ack := socket.Room(args[0].(string)), args[1].(socket.Ack)
			client.Join(room)
			client.To(room).Emit("entered", client.Id())
			ack(nil, nil)
		})
	})
	cursors := chat.NewCursors(s.store, log)
	messages := chat.NewMessages(s.store, s.store, time.Now)
	registry := &chat.Registry{Store: s.store, Node: "here", Now: time.Now, Log: log}
	if err := registry.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	presence := chat.NewPresence(chat.PresenceConfig{
		Friends: s.store, Devices: s.store, Sockets: s.store, Node: registry.Node, Grace: time.Second, Now: time.Now, Log: log,
	})
	s.door = realtime.New(realtime.Config{
		Accounts: accounts, Messages: messages, Cursors: cursors,
		Receipts: &chat.Receipts{Messages: s.store, Cursors: cursors}, Syncs: chat.NewSyncs(s.store, cursors),
		Registry: registry, Presence: presence, Friends: &chat.Friends{Store: s.store, Accounts: s.store, Now: time.Now},
		Devices: &chat.Devices{Store: s.store, Sockets: s.store, Cursors: cursors, Now: time.Now}, Now: time.Now, Log: log,
		Transport: socketio.Config{
			Engine:    engineio.Config{PingInterval: stormPingInterval, PingTimeout: stormPingTimeout},
			Extension: &watchedExtension{library, s},
		},
	})
	cursors.Moved = s.door.Moved
	background, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { cursors.Run(background) })
	running.Go(func() { presence.Run(background, s.door) })
	messages.Start(s.door)
	web := httptest.NewUnstartedServer(s.door)
	web.Config.ReadHeaderTimeout, web.Config.IdleTimeout = stormPingTimeout, stormPingTimeout
	web.Start()
	s.url = web.URL
	t.Cleanup(func() {
		end, cancel := context.WithTimeout(context.Background(), answerWait)
		defer cancel()
		if err := messages.Close(end); err != nil {
			t.Error(err)
		}
		s.door.Shutdown(end)
		library.Close()
		web.Close()
		stop()
		running.Wait()
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *stormHouse) life(k kind, end moment, r *rand.Rand) *life {
	i := r.IntN(len(s.users))
	return &life{
		kind: k, addr: strings.TrimPrefix(s.url, "http://"), token: s.tokens[i], user: string(s.users[i].ID),
		other: string(s.users[r.IntN(len(s.users))].ID), end: end, rand: r,
	}
}

// census is all that clients may leave behind.
type census struct {
	Connections, Registered int   // sessions of the transport; sockets in the engine's registry
	Members, Rooms          int   // sockets and rooms of the extension
	Sessions, Extended      int64 // not freed yet: sessions with all that is theirs, connections of the extension
	Goroutines, Descriptors int
}

// settled is the same where nobody is connected.
func (c census) settled() census {
	return census{Goroutines: c.Goroutines, Descriptors: c.Descriptors}
}

func (s *stormHouse) count(t *testing.T) census {
	t.Helper()
	for range 2 { // what a pool keeps goes with the second
		runtime.GC()
	}
	c := census{
		Connections: s.door.Connections(), Members: s.rooms.Sockets().Len(), Rooms: s.rooms.Adapter().Rooms().Len(),
		Sessions: s.sessions.made.Load() - s.sessions.gone.Load(), Extended: s.extended.made.Load() - s.extended.gone.Load(),
		Goroutines: runtime.NumGoroutine(),
	}
	for _, user := range s.users {
		sockets, err := s.store.Sockets(t.Context(), []chat.UserID{user.ID}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		c.Registered += len(sockets)
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil { // Linux alone has it
		c.Descriptors = len(open)
	}
	return c
}

// calm waits until nothing is left but what was there before.
func (s *stormHouse) calm(t *testing.T, before census) {
	t.Helper()
	end := time.After(calmWait)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		now := s.count(t)
		rest := now
		rest.Goroutines, rest.Descriptors = max(now.Goroutines, before.Goroutines), max(now.Descriptors, before.Descriptors)
		if rest == before {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			var stacks strings.Builder
			pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			t.Fatalf("left behind: %+v, where before there was %+v\n%s", now, before, stacks.String())
		}
	}
}
