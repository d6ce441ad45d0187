package plainws_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/auth"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/plainws"
	"github.com/parley-chat/parley/store/embedded"
)

// answerWait is how long anything may take before a test gives up. Nothing is expected to take it.
const answerWait = 30 * time.Second

// house is the door over the real rules and an engine in memory.
type house struct {
	t        *testing.T
	address  string
	engine   chat.Store
	door     *plainws.Server
	accounts *chat.Accounts
	rooms    *chat.Rooms
	messages *chat.Messages
	devices  *chat.Devices
}

// open opens the door; change may alter what it stands on.
func open(t *testing.T, change ...func(*plainws.Config)) *house {
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
	h := &house{t: t, engine: store}
	h.accounts = &chat.Accounts{
		Store: store, Passwords: passwords, Tokens: auth.NewTokens([]byte("a secret of the tests alone"), time.Now),
		Limits: noLimits(), Now: time.Now, Log: log,
	}
	presence := chat.NewPresence(chat.PresenceConfig{
		Friends: store, Devices: store, Sockets: store, Node: "here", Grace: time.Second, Now: time.Now, Log: log,
	})
	h.messages = chat.NewMessages(store, store, time.Now)
	h.rooms = chat.NewRooms(chat.RoomsConfig{
		Store: store, Messages: store, Accounts: store, Here: presence.Here, Now: time.Now, Log: log,
		Say: h.messages.System,
	})
	h.messages.Rooms = h.rooms
	cursors := chat.NewCursors(store, log)
	h.devices = &chat.Devices{Store: store, Accounts: store, Sockets: store, Cursors: cursors, Now: time.Now}
	cfg := plainws.Config{
		Accounts: h.accounts, Rooms: h.rooms, Messages: h.messages, Devices: h.devices, Cursors: cursors, Presence: presence,
		Registry: &chat.Registry{Store: store, Node: "here", Now: time.Now, Log: log}, Now: time.Now, Log: log,
		// Clients of these tests read when their story comes to it.
		PingInterval: time.Hour, PingTimeout: time.Hour, WriteTimeout: time.Hour,
	}
	for _, f := range change {
		f(&cfg)
	}
	if err := cfg.Registry.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.door = plainws.New(cfg)
	h.accounts.Revoked, h.devices.End = h.door.Revoke, h.door.Evict
	background, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { cursors.Run(background) })
	running.Go(func() { presence.Run(background, nobody{}) })
	h.messages.Start(h.door)
	mux := http.NewServeMux()
	mux.Handle("GET /ws/{Sender}", h.door)
	server := httptest.NewServer(mux)
	h.address = server.Listener.Addr().String()
	t.Cleanup(func() {
		end, cancel := context.WithTimeout(context.Background(), answerWait)
		defer cancel()
		if err := h.messages.Close(end); err != nil {
			t.Error(err)
		}
		h.door.Shutdown(end)
		if n := h.door.Connections(); n != 0 {
			t.Errorf("%d connections outlast the shutdown", n)
		}
		server.Close()
		stop()
		running.Wait()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// nobody hears who comes and goes.
type nobody struct{}

func (nobody) Appear([]chat.News) {}

// user is an account and its token.
type user struct {
	name, token string
	id          chat.UserID
}

func (h *house) register(name string) user {
	h.t.Helper()
	a, token, err := h.accounts.Register(h.t.Context(), chat.Registration{Username: name, Password: "secret of " + name})
	if err != nil {
		h.t.Fatal(err)
	}
	return user{name, token, a.ID}
}

// gather makes a room of people, the first of whom owns it.
func (h *house) gather(name string, people ...user) chat.Room {
	h.t.Helper()
	var ids []chat.UserID
	for _, u := range people[1:] {
		ids = append(ids, u.id)
	}
	room, added, err := h.rooms.Create(h.t.Context(), people[0].id, name, ids, chat.HistoryJoined)
	if err != nil || len(added) != len(ids) {
		h.t.Fatalf("added %v, %v", added, err)
	}
	return room
}

// until waits for what cannot be waited for otherwise: a state of the server that it does not announce.
func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	end := time.After(answerWait)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			stacks := make([]byte, 1<<20)
			h.t.Fatalf("in vain: %s\n%s", what, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// person is a user at a WebSocket.
type person struct {
	user
	t    *testing.T
	conn net.Conn
	in   io.Reader
}

// join connects a user, as her account, with her token in the query.
func (h *house) join(u user) *person {
	h.t.Helper()
	return h.joinAs(u, "/ws/"+url.PathEscape(u.name)+"?token="+u.token, nil)
}

func (h *house) joinAs(u user, path string, header http.Header) *person {
	h.t.Helper()
	p, status := h.try(u, path, header)
	if p == nil {
		h.t.Fatalf("%s gets %d", path, status)
	}
	return p
}

// try connects, or says with which status it was refused.
func (h *house) try(u user, path string, header http.Header) (*person, int) {
	h.t.Helper()
	dialer := ws.Dialer{Timeout: answerWait, Header: ws.HandshakeHeaderHTTP(header)}
	conn, early, _, err := dialer.Dial(h.t.Context(), "ws://"+h.address+path)
	var refused ws.StatusError
	if errors.As(err, &refused) {
		return nil, int(refused)
	} else if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(2 * answerWait))
	p := &person{user: u, t: h.t, conn: conn, in: conn}
	if early != nil {
		p.in = early
	}
	return p, http.StatusSwitchingProtocols
}

// object is a JSON object.
type object = map[string]any

// send sends a frame, as a client does it.
func (p *person) send(f ws.Frame) {
	p.t.Helper()
	if err := ws.WriteFrame(p.conn, ws.MaskFrame(f)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) write(v any) {
	p.t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	p.send(ws.NewTextFrame(text))
}

// say writes to a room.
func (p *person) say(room chat.Room, text string) {
	p.t.Helper()
	p.write(object{"Msg": text, "RoomId": room.ID})
}

// message is a message as a client sees it, or a refusal.
type message struct {
	Sender, Context      string
	RoomID, SenderID, ID string
	Seq                  uint64
	At                   int64
	Type, Ref            string
	Error                *struct {
		Code, Message, Ref string
		RetryAfter         int64
	}
}

// frame returns the next frame.
func (p *person) frame() ws.Frame {
	p.t.Helper()
	f, err := ws.ReadFrame(p.in)
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	return f
}

// hear returns the next message, but for the one that says that a room was made, and answers pings on the way.
func (p *person) hear() (m message) {
	p.t.Helper()
	for {
		f := p.frame()
		switch f.Header.OpCode {
		case ws.OpPing:
			p.send(ws.NewPongFrame(f.Payload))
		case ws.OpText:
			if err := json.Unmarshal(f.Payload, &m); err != nil {
				p.t.Fatalf("%s hears %q: %v", p.name, f.Payload, err)
			}
			if m.Type != "system" || !strings.Contains(m.Context, `"what":"created"`) {
				return m
			}
			m = message{}
		default:
			p.t.Fatalf("%s hears a frame %d: %q", p.name, f.Header.OpCode, f.Payload)
		}
	}
}

// hears checks what comes next: who says what, where.
func (p *person) hears(sender user, room chat.Room, text string) message {
	p.t.Helper()
	m := p.hear()
	if m.Sender != sender.name || m.SenderID != string(sender.id) || m.Context != text || m.RoomID != string(room.ID) {
		p.t.Errorf("%s hears %+v, not %s: %s", p.name, m, sender.name, text)
	}
	return m
}

// refused checks that the next message is a refusal.
func (p *person) refused(code chat.Code) message {
	p.t.Helper()
	m := p.hear()
	if m.Error == nil || m.Error.Code != string(code) || m.Error.Message == "" {
		p.t.Errorf("%s hears %+v, not a refusal as %s", p.name, m, code)
	}
	return m
}

// closed waits for a close frame, and the end behind it.
func (p *person) closed(code ws.StatusCode) (reason string) {
	p.t.Helper()
	for {
		f := p.frame()
		if f.Header.OpCode != ws.OpClose {
			continue
		}
		got, reason := ws.ParseCloseFrameData(f.Payload)
		if got != code {
			p.t.Errorf("%s is closed with %d %q, not %d", p.name, got, reason, code)
		}
		if n, err := io.Copy(io.Discard, p.in); n != 0 || err != nil {
			p.t.Errorf("behind the close frame %s hears %d bytes, %v", p.name, n, err)
		}
		p.conn.Close()
		return reason
	}
}

func noLimits() chat.AccountLimits {
	none := limit.None{}
	return chat.AccountLimits{LoginByAccount: none, LoginByAddress: none, RegisterByAddress: none}
}
