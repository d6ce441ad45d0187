package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/auth"
	"github.com/parley-chat/parley/bench/sio"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/media"
	"github.com/parley-chat/parley/realtime"
	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/socketio"
	"github.com/parley-chat/parley/store/embedded"
	"github.com/parley-chat/parley/words"
)

// answerWait is how long anything may take before a test gives up. Nothing is expected to take it.
const answerWait = 30 * time.Second

// testGrace is for a user without a socket to come back as if she had not left: on a slow machine that takes a while.
const testGrace = 2 * time.Second

// house is the door over the real rules and an engine in memory.
type house struct {
	t        *testing.T
	url      string
	door     *realtime.Server
	accounts *chat.Accounts
	messages *chat.Messages
	rooms    *chat.Rooms
	cursors  *chat.Cursors
	friends  *chat.Friends
	engine   *faultyStore
	bodies   *media.Files
	ahead    atomic.Int64 // how far the house's clock is set ahead
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

// setClock sets the house's clock so far ahead of the world's, or back.
func (h *house) setClock(ahead time.Duration) { h.ahead.Store(int64(ahead)) }

// faultyStore is an engine that can be told not to answer.
type faultyStore struct {
	chat.Store
	away    atomic.Bool
	mute    atomic.Bool            // changes are stored, and not answered
	onRooms atomic.Pointer[func()] // see meanwhile
	onPage  atomic.Pointer[func()] // called when a page of messages was read, before it is handed out
}

func (s *faultyStore) ChangeMessage(ctx context.Context, m chat.Message, was uint64) (chat.Message, error) {
	changed, err := s.Store.ChangeMessage(ctx, m, was)
	if s.mute.Load() {
		return chat.Message{}, chat.Wrap(chat.Unavailable, "the engine does not answer", errors.New("secret of the house"))
	}
	return changed, err
}

func (s *faultyStore) Since(ctx context.Context, conv chat.ConvID, after uint64, limit int) ([]chat.Message, error) {
	page, err := s.Store.Since(ctx, conv, after, limit)
	if f := s.onPage.Load(); f != nil && limit > 1 {
		(*f)()
	}
	return page, err
}

// meanwhile has something happen once, between the next question for somebody's rooms and its answer.
func (s *faultyStore) meanwhile(do func()) { s.onRooms.Store(&do) }

func (s *faultyStore) Memberships(ctx context.Context, user chat.UserID) ([]chat.RoomMember, error) {
	rooms, err := s.Store.Memberships(ctx, user)
	if f := s.onRooms.Swap(nil); f != nil {
		(*f)()
	}
	return rooms, err
}

func (s *faultyStore) AdvanceCursors(ctx context.Context, cursors []chat.Cursor) error {
	if s.away.Load() {
		return chat.Wrap(chat.Unavailable, "the engine does not answer", errors.New("secret of the house"))
	}
	return s.Store.AdvanceCursors(ctx, cursors)
}

func (s *faultyStore) PutSocket(ctx context.Context, socket chat.Socket) error {
	if s.away.Load() {
		return chat.Wrap(chat.Unavailable, "the engine does not answer", errors.New("secret of the house"))
	}
	return s.Store.PutSocket(ctx, socket)
}

func (s *faultyStore) Append(ctx context.Context, batch []chat.Message) ([]chat.Receipt, error) {
	if s.away.Load() {
		return nil, chat.Wrap(chat.Unavailable, "the engine does not answer", errors.New("secret of the house"))
	}
	return s.Store.Append(ctx, batch)
}

// open opens the door; change may alter what it stands on.
func open(t *testing.T, change ...func(*realtime.Config)) *house {
	t.Helper()
	store, err := embedded.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	passwords, err := auth.NewPasswords(4)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, engine: &faultyStore{Store: store}}
	log := slog.New(slog.DiscardHandler)
	none := limit.None{}
	h.accounts = &chat.Accounts{
		Store: h.engine, Passwords: passwords, Tokens: auth.NewTokens([]byte("a secret of the tests alone"), time.Now),
		Limits: chat.AccountLimits{
			LoginByAccount: none, LoginByAddress: none, RegisterByAddress: none, SearchByUser: none, ProfileByUser: none,
		},
		Now: time.Now, Log: log,
	}
	cursors := chat.NewCursors(h.engine, log)
	h.cursors = cursors
	h.messages = chat.NewMessages(h.engine, h.engine, h.now)
	presence := chat.NewPresence(chat.PresenceConfig{
		Friends: h.engine, Devices: h.engine, Sockets: h.engine, Node: "here", Grace: testGrace, Now: time.Now, Log: log,
	})
	h.messages.Files, h.messages.Cursors = h.engine, cursors
	pictures, err := media.Open(filepath.Join(t.TempDir(), "img"), t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := media.OpenFiles(filepath.Join(t.TempDir(), "files"), pictures)
	if err != nil {
		t.Fatal(err)
	}
	h.bodies = bodies
	cfg := realtime.Config{
		Files: &chat.Files{
			Store: h.engine, Bodies: bodies, Most: 1 << 20, Quota: 4 << 20, Keep: time.Hour, Now: time.Now, Log: log,
		},
		Presence: presence, Accounts: h.accounts, Messages: h.messages, Cursors: cursors,
		Searches: chat.NewSearches(h.messages, h.engine, words.New(), time.Now),
		Receipts: &chat.Receipts{Messages: h.engine, Cursors: cursors}, Syncs: chat.NewSyncs(h.engine, cursors),
		Registry: &chat.Registry{Store: h.engine, Node: "here", Now: time.Now, Log: log},
		Devices:  &chat.Devices{Store: h.engine, Accounts: h.engine, Sockets: h.engine, Cursors: cursors, Now: h.now},
		Now:      h.now, Log: log,
		// Clients of these tests read when their story comes to it, on a slow machine long after the server is used to.
		Transport: socketio.Config{Engine: engineio.Config{PingTimeout: time.Hour, WriteTimeout: time.Hour}},
	}
	cfg.Friends = &chat.Friends{Store: h.engine, Accounts: h.engine, Now: h.now, Presence: presence, Changed: h.messages.Forget}
	h.friends, h.messages.Gate = cfg.Friends, cfg.Friends.MayWrite
	h.rooms = chat.NewRooms(chat.RoomsConfig{
		Store: h.engine, Messages: h.engine, Accounts: h.engine, Say: h.messages.System, Here: presence.Here, Now: h.now, Log: log,
	})
	cfg.Rooms, cfg.Syncs.Rooms, cfg.Receipts.Rooms, h.messages.Rooms = h.rooms, h.rooms, h.rooms, h.rooms
	for _, f := range change {
		f(&cfg)
	}
	if err := cfg.Registry.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.door = realtime.New(cfg)
	h.friends.Tell = []chat.FriendAudience{h.door}
	h.rooms.Tell(h.door)
	h.accounts.Revoked = h.door.Revoke
	cfg.Devices.End = h.door.Evict
	cursors.Moved = h.door.Moved
	background, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { cursors.Run(background) })
	running.Go(func() { cfg.Presence.Run(background, h.door) })
	h.messages.Start(h.door)
	server := httptest.NewServer(h.door)
	h.url = server.URL
	t.Cleanup(func() {
		end, cancel := context.WithTimeout(context.Background(), answerWait)
		defer cancel()
		if err := h.messages.Close(end); err != nil {
			t.Error(err)
		}
		h.door.Shutdown(end)
		server.Close()
		stop()
		running.Wait()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// user is an account and its token.
type user struct {
	name, token string
	id          chat.UserID
}

func (h *house) register(name string) user {
	h.t.Helper()
	a, token, err := h.accounts.Register(h.t.Context(), chat.Registration{
		Username: name, Password: "secret of " + name, Email: name + "@example.org",
		Phone: strconv.FormatInt(13_000_000_000+int64(len(name))*1000+int64(name[0]), 10),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return user{name, token, a.ID}
}

// person is a user at a device. She reads only when asked to; what she was not asked about waits.
type person struct {
	user
	t       *testing.T
	conn    *sio.Conn
	asked   int
	waiting []string
}

// object is a JSON object.
type object = map[string]any

// message is a message as a client sees it.
type message struct {
	From    string `json:"f_id"`
	Time    any
	Message any
	ID      string
	Conv    string
	Seq     uint64
	At      int64
	Type    string
	Ref     string
	To      string
	Room    string
	Offline bool

	Mentions any
}

type failure struct {
	Event, Code, Message, Ref string
	RetryAfter                int64
}

// connect opens a connection and joins the main namespace.
func (h *house) connect(u user, auth object) *person {
	h.t.Helper()
	p, err := h.tryConnect(u, auth)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *house) tryConnect(u user, auth object) (*person, error) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), answerWait)
	defer cancel()
	conn, err := sio.Open(ctx, h.url)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(2 * answerWait))
	_, err = conn.Connect(auth)
	return &person{user: u, t: h.t, conn: conn}, err
}

// join connects and logs in.
func (h *house) join(u user, device string) *person {
	h.t.Helper()
	p := h.connect(u, object{"token": u.token})
	p.ask("login", object{"device": device})
	return p
}

// leave hangs up and waits until the server has noticed.
func (h *house) leave(p *person) {
	h.t.Helper()
	before := h.door.Connections()
	p.conn.Close()
	h.until("the server sees "+p.name+" leave", func() bool { return h.door.Connections() < before })
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
			h.t.Fatal("in vain: ", what)
		}
	}
}

// proven waits until the engine knows that a device has a conversation up to a number.
func (h *house) proven(p *person, device string, conv string, seq uint64) {
	h.t.Helper()
	h.until(fmt.Sprintf("the cursor of %s reaches %d", p.name, seq), func() bool {
		p.drain()
		cursors, err := h.engine.Cursors(h.t.Context(), p.id, chat.DeviceID(device))
		return err == nil && cursors[chat.ConvID(conv)] >= seq
	})
}

// drain reads, and so answers pings, for a moment.
func (p *person) drain() {
	p.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	defer p.conn.SetReadDeadline(time.Now().Add(2 * answerWait))
	for {
		packet, err := p.conn.Read()
		if err != nil {
			return
		}
		p.waiting = append(p.waiting, string(packet))
	}
}

func (p *person) send(packet string) {
	p.t.Helper()
	p.conn.Write([]byte(packet))
	if err := p.conn.Flush(); err != nil {
		p.t.Fatal(err)
	}
}

func event(ack, name string, argument any) string {
	args, err := json.Marshal([]any{name, argument})
	if err != nil {
		panic(err) // tests send nothing that has no JSON
	}
	return "42" + ack + string(args)
}

func (p *person) emit(name string, argument any) {
	p.t.Helper()
	p.send(event("", name, argument))
}

// ask emits and returns the ack, which must say ok.
func (p *person) ask(name string, argument any) object {
	p.t.Helper()
	answer, f := p.try(name, argument)
	if f != nil {
		p.t.Fatalf("%s: %s refused: %+v", p.name, name, *f)
	}
	return answer
}

// try emits and returns the ack or the failure in it.
func (p *person) try(name string, argument any) (object, *failure) {
	p.t.Helper()
	p.asked++
	id := strconv.Itoa(p.asked)
	p.send(event(id, name, argument))
	return p.answer(id)
}

func (p *person) answer(id string) (object, *failure) {
	p.t.Helper()
	packet := p.await("3" + id + "[")
	var ok []object
	decode(p.t, packet[1+len(id):], &ok)
	if ok[0]["ok"] == true {
		return ok[0], nil
	}
	var bad []struct{ Error failure }
	decode(p.t, packet[1+len(id):], &bad)
	return nil, &bad[0].Error
}

// hear waits for an event and decodes its argument.
func (p *person) hear(name string, into any) {
	p.t.Helper()
	packet := p.await(`2["` + name + `",`)
	decode(p.t, strings.TrimSuffix(packet[len(`2["`+name+`",`):], "]"), into)
}

func (p *person) hearMessage(name string) message {
	p.t.Helper()
	var m message
	p.hear(name, &m)
	return m
}

func (p *person) await(prefix string) string {
	p.t.Helper()
	if i := slices.IndexFunc(p.waiting, func(s string) bool { return strings.HasPrefix(s, prefix) }); i >= 0 {
		packet := p.waiting[i]
		p.waiting = slices.Delete(p.waiting, i, i+1)
		return packet
	}
	for {
		packet, err := p.conn.Read()
		if err != nil {
			p.t.Fatalf("%s waits for %s: %v", p.name, prefix, err)
		}
		if strings.HasPrefix(string(packet), prefix) {
			return string(packet)
		}
		p.waiting = append(p.waiting, string(packet))
	}
}

// heardNothingElse checks, by a question whose answer comes after whatever is on its way, that no event of that name
// waits.
func (p *person) heardNothingElse(name string) {
	p.t.Helper()
	p.ask("message:before", object{"with": p.id})
	for _, packet := range p.waiting {
		if strings.HasPrefix(packet, `2["`+name+`",`) {
			p.t.Errorf("%s also heard %s", p.name, packet)
		}
	}
}

// say sends a message and returns its number.
func (p *person) say(to user, text string) uint64 {
	p.t.Helper()
	answer := p.ask("chat", object{"form_id": p.id, "toUserid": to.id, "message": text})
	return uint64(answer["seq"].(float64))
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
}

func convOf(a, b user) string { return string(chat.DirectConv(a.id, b.id)) }
