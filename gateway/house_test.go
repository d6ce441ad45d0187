package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/auth"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/gateway"
	"github.com/parley-chat/parley/gateway/gatewaytest"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/store/embedded"
)

// patience is how long a test waits for what must come; it is never waited for in a test that passes.
const patience = 30 * time.Second

// house is the door on a real listener, with the real rules and an engine in memory behind it.
type house struct {
	t        *testing.T
	door     *gateway.Server
	cfg      gateway.Config
	messages *chat.Messages
	address  string
	served   chan error

	mu   sync.Mutex // guards seen
	more *sync.Cond // seen grew
	seen []chat.Outcome
}

// open opens the door; change may alter what it stands on.
func open(t *testing.T, change ...func(*gateway.Config)) *house {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return openOn(t, listener, change...)
}

func openOn(t *testing.T, listener net.Listener, change ...func(*gateway.Config)) *house {
	t.Helper()
	store, err := embedded.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	passwords, err := auth.NewPasswords(4)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	now := time.Now
	h := &house{t: t, messages: chat.NewMessages(store, store, now), served: make(chan error, 1)}
	h.more = sync.NewCond(&h.mu)
	h.messages.ChangeTime = time.Hour
	cursors := chat.NewCursors(store, log)
	registry := &chat.Registry{Store: store, Node: "test", Now: now, Log: log}
	if err := registry.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	accounts := &chat.Accounts{
		Store: store, Passwords: passwords, Tokens: auth.NewTokens([]byte("a secret of the tests alone"), now),
		Limits: chat.AccountLimits{
			LoginByAccount: limit.None{}, LoginByAddress: limit.None{}, RegisterByAddress: limit.None{}, SearchByUser: limit.None{}, ProfileByUser: limit.None{},
		},
		Now: now, Log: log,
	}
	rooms := chat.NewRooms(chat.RoomsConfig{
		Store: store, Messages: store, Accounts: store, Say: h.messages.System, Now: now, Log: log,
	})
	h.messages.Rooms = rooms
	friends := &chat.Friends{Store: store, Accounts: store, Now: now, Changed: h.messages.Forget}
	h.messages.Gate = friends.MayWrite
	devices := &chat.Devices{Store: store, Accounts: store, Sockets: store, Cursors: cursors, Now: now}
	h.cfg = gateway.Config{
		Accounts: accounts, Friends: friends, Rooms: rooms, Messages: h.messages, Devices: devices, Cursors: cursors,
		Registry: registry, Conversations: store, Now: now, Log: log, PublicURL: "https://chat.example",
		Presence: chat.NewPresence(chat.PresenceConfig{
			Friends: store, Devices: store, Sockets: store, Node: registry.Node, Grace: time.Millisecond, Now: now, Log: log,
		}),
	}
	for _, f := range change {
		f(&h.cfg)
	}
	h.door = gateway.New(h.cfg)
	accounts.Revoked, devices.End = h.door.Revoke, h.door.Evict
	friends.Tell = []chat.FriendAudience{h.door}
	rooms.Tell(h.door)
	h.messages.Start(h.door, h)
	h.address = listener.Addr().String()
	go func() { h.served <- h.door.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		h.door.Shutdown(ctx)
		if err := <-h.served; err != nil {
			t.Error(err)
		}
		if n := h.door.Connections(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		if err := errors.Join(h.messages.Close(ctx), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// Deliver notes what was stored, as another door would hear it.
func (h *house) Deliver(batch []chat.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range batch {
		m := *o.Message
		h.seen = append(h.seen, chat.Outcome{Message: &m, Repeat: o.Repeat, Err: o.Err})
	}
	h.more.Broadcast()
}

// stored returns what was stored so far.
func (h *house) stored() (all []chat.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.seen {
		if o.Err == nil && !o.Repeat {
			all = append(all, *o.Message)
		}
	}
	return all
}

// until waits for what cannot be waited for otherwise: a state of the server that it does not announce.
func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			stacks := make([]byte, 1<<20)
			h.t.Fatalf("in vain: %s\n%s", what, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// person is someone with an account.
type person struct {
	name, token string
	id          chat.UserID
	uid         uint64
}

// join registers someone by name.
func (h *house) join(name string) person {
	h.t.Helper()
	ctx := context.Background()
	a, token, err := h.cfg.Accounts.Register(ctx, chat.Registration{
		Username: name, Password: name + "'s password", Email: strings.ReplaceAll(name, " ", ".") + "@example.com", Address: "127.0.0.1",
	})
	if err == nil {
		a, err = h.cfg.Accounts.WithNumber(ctx, a)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return person{name, token, a.ID, a.Number}
}

// crowd makes accounts that nobody logs in to; their names begin alike.
func (h *house) crowd(name string, n int) (all []person) {
	h.t.Helper()
	for i := range n {
		p := person{name: fmt.Sprintf("%s %d", name, i), id: chat.NewUserID(time.Now()), uid: uint64(chat.MinNumber + i)}
		if err := h.cfg.Accounts.Store.CreateAccount(context.Background(), chat.Account{
			ID: p.id, Number: p.uid, Username: p.name, Created: time.Now(),
		}); err != nil {
			h.t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// waitStored waits until so many messages have come to every door.
func (h *house) waitStored(n int) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.seen) < n {
		h.more.Wait()
	}
}

// write sends a message as another door does; waitStored waits until it is stored.
func (h *house) write(d chat.Draft) {
	h.t.Helper()
	if err := h.messages.Submit(context.Background(), d, nil); err != nil {
		h.t.Fatal(err)
	}
}

type (
	client = gatewaytest.Client
	object = gatewaytest.Object
)

func chats(o object, name string) []object { return gatewaytest.Chats(o, name) }

func (h *house) dial() *client {
	h.t.Helper()
	return gatewaytest.Dial(h.t, h.address)
}

// enter connects and logs in.
func (h *house) enter(p person) *client {
	h.t.Helper()
	c := h.dial()
	c.Login(p.uid, p.token)
	return c
}
