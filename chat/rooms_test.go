package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// roomHouse is the rules of rooms over an engine, with messages of the system really stored.
type roomHouse struct {
	*chat.Rooms
	t      *testing.T
	engine chat.Store
	clock  *clock
	blocks map[[2]chat.UserID]bool

	mu    sync.Mutex
	heard []chat.RoomChange
	here  map[chat.UserID]bool
}

func openRooms(t *testing.T, engine chat.Store, set ...func(*chat.RoomsConfig)) *roomHouse {
	t.Helper()
	h := &roomHouse{t: t, engine: engine, clock: &clock{now: noon()}, blocks: make(map[[2]chat.UserID]bool), here: make(map[chat.UserID]bool)}
	messages := chat.NewMessages(engine, engine, h.clock.Now)
	messages.Start()
	t.Cleanup(func() { messages.Close(context.Background()) })
	cfg := chat.RoomsConfig{
		Store: engine, Messages: engine, Accounts: engine, Say: messages.System, Now: h.clock.Now, Log: quiet(),
		Blocks: func(_ context.Context, pairs [][2]chat.UserID) ([]bool, error) {
			var blocks []bool
			for _, pair := range pairs {
				blocks = append(blocks, h.blocks[pair])
			}
			return blocks, nil
		},
		Here: func(users []chat.UserID) []bool {
			var here []bool
			for _, user := range users {
				here = append(here, h.here[user])
			}
			return here
		},
		Tell: []chat.RoomAudience{h},
	}
	for _, set := range set {
		set(&cfg)
	}
	h.Rooms = chat.NewRooms(cfg)
	return h
}

// RoomChanged implements chat.RoomAudience.
func (h *roomHouse) RoomChanged(c *chat.RoomChange) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = append(h.heard, *c)
}

// told returns what was told since it was asked last.
func (h *roomHouse) told() []chat.RoomChange {
	h.mu.Lock()
	defer h.mu.Unlock()
	heard := h.heard
	h.heard = nil
	return heard
}

// found makes a room of the owner and these members.
func (h *roomHouse) found(owner chat.UserID, members ...chat.UserID) chat.RoomID {
	h.t.Helper()
	r, added, err := h.Create(h.t.Context(), owner, "Lunch", members, "")
	if err != nil || len(added) != len(members) {
		h.t.Fatalf("a room of %d: %v, %v", len(members), added, err)
	}
	h.told()
	return r.ID
}

func (h *roomHouse) wantMembers(room chat.RoomID, want ...chat.UserID) {
	h.t.Helper()
	got := slices.Sorted(slices.Values(h.Hearers(room)))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		h.t.Errorf("members are %v, want %v", got, want)
	}
	stored, err := h.engine.Members(h.t.Context(), room, "", chat.MaxMembers+1)
	if err != nil {
		h.t.Fatal(err)
	}
	if len(stored) != len(want) {
		h.t.Errorf("the engine has %d members, want %d", len(stored), len(want))
	}
}

// say stores n messages of a member.
func (h *roomHouse) say(room chat.RoomID, by chat.UserID, n int) (last uint64) {
	h.t.Helper()
	for range n {
		receipts, err := h.engine.Append(h.t.Context(), []chat.Message{
			{Conv: chat.RoomConv(room), Sender: by, Room: room, Type: "text", Body: []byte(`"hi"`), At: noon()},
		})
		if err != nil {
			h.t.Fatal(err)
		}
		last = receipts[0].Seq
	}
	return last
}

func TestRoomsAreMadeOfThoseWhoMayBeAsked(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl", "Dora", "Eve")
	ann, bob, carl, dora, eve := people[0], people[1], people[2], people[3], people[4]
	h := openRooms(t, engine)
	h.blocks[[2]chat.UserID{dora, ann}] = true // and Ann's block of Eve keeps nobody out
	h.blocks[[2]chat.UserID{ann, eve}] = true
	stranger := chat.NewUserID(noon())
	r, added, err := h.Create(t.Context(), ann, "Lunch", []chat.UserID{carl, ann, stranger, bob, dora, bob, eve}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values([]chat.UserID{bob, carl, eve}))
	if !slices.Equal(added, want) {
		t.Errorf("added are %v, want Bob, Carl and Eve", added)
	}
	if r.Number < chat.MinRoomNumber || r.Number > chat.MaxRoomNumber || r.Owner != ann || r.History != chat.HistoryJoined || r.Code != "" {
		t.Errorf("the room is %+v", r)
	}
	h.wantMembers(r.ID, ann, bob, carl, eve)
	if c := h.told(); len(c) != 1 || c[0].What != chat.RoomCreated || c[0].Seq != 1 || !slices.Equal(c[0].Users, want) || len(c[0].Hearers) != 4 {
		t.Errorf("told was %+v", c)
	}
	for what, make := range map[string]func() error{
		"no name":         func() error { _, _, err := h.Create(t.Context(), ann, "", nil, ""); return err },
		"a long name":     func() error { _, _, err := h.Create(t.Context(), ann, strings.Repeat("安", 65), nil, ""); return err },
		"another history": func() error { _, _, err := h.Create(t.Context(), ann, "x", nil, "all"); return err },
		"no user":         func() error { _, _, err := h.Create(t.Context(), ann, "x", []chat.UserID{"bob"}, ""); return err },
		"too many": func() error {
			_, _, err := h.Create(t.Context(), ann, "x", make([]chat.UserID, chat.MaxInvited+1), "")
			return err
		},
	} {
		wantCode(t, what, make(), chat.Invalid)
	}
	// Whom Ann may not bring, Bob may; who is there stays as he is.
	added, err = h.Invite(t.Context(), bob, r.ID, []chat.UserID{dora, carl})
	if err != nil || !slices.Equal(added, []chat.UserID{dora}) {
		t.Errorf("Bob added %v, %v", added, err)
	}
	added, err = h.Invite(t.Context(), bob, r.ID, []chat.UserID{dora, carl})
	if err != nil || len(added) > 0 {
		t.Errorf("again: %v, %v", added, err)
	}
	if c := h.told(); len(c) != 1 || c[0].What != chat.RoomInvited || c[0].By != bob || c[0].Seq != 2 {
		t.Errorf("told was %+v", c)
	}
}

func TestNumbersOfRoomsAreDrawnAgain(t *testing.T) {
	engine := newEngine(t)
	ann := settle(t, engine, "Ann")[0]
	draws := []uint64{chat.MinRoomNumber, chat.MinRoomNumber, chat.MinRoomNumber, chat.MaxRoomNumber}
	h := openRooms(t, engine, func(cfg *chat.RoomsConfig) {
		cfg.Draw = func() (n uint64) { n, draws = draws[0], draws[1:]; return n }
	})
	for _, want := range []uint64{chat.MinRoomNumber, chat.MaxRoomNumber} {
		r, _, err := h.Create(t.Context(), ann, "Lunch", nil, "")
		if err != nil || r.Number != want {
			t.Errorf("number %d, %v, want %d", r.Number, err, want)
		}
		id, err := h.ByNumber(t.Context(), ann, want)
		if err != nil || id != r.ID {
			t.Errorf("by number: %s, %v", id, err)
		}
	}
}

// What each role may do, and to whom.
func TestRolesOfRooms(t *testing.T) {
	const f, n = chat.Forbidden, chat.NotFound
	type person struct{ owner, admin, admin2, member, member2, stranger chat.UserID }
	actions := []struct {
		name string
		do   func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error
		// the codes for stranger, member, admin, owner
		want [4]chat.Code
	}{
		{"info", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Info(t.Context(), by, room)
			return err
		}, [4]chat.Code{n}},
		{"members", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, _, err := h.Members(t.Context(), by, room, "", 0)
			return err
		}, [4]chat.Code{n}},
		{"write", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.MayWrite(t.Context(), by, room)
		}, [4]chat.Code{n}},
		{"read", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Floor(t.Context(), by, chat.RoomConv(room))
			return err
		}, [4]chat.Code{f}},
		{"invite", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Invite(t.Context(), by, room, []chat.UserID{p.stranger})
			return err
		}, [4]chat.Code{n}},
		{"leave", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.Leave(t.Context(), by, room)
		}, [4]chat.Code{n}},
		{"rename", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.Rename(t.Context(), by, room, "Dinner")
		}, [4]chat.Code{n, f}},
		{"announce", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.Announce(t.Context(), by, room, "at\neight")
		}, [4]chat.Code{n, f}},
		{"code", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.SetCode(t.Context(), by, room, true)
			return err
		}, [4]chat.Code{n, f}},
		{"history", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.SetHistory(t.Context(), by, room, chat.HistoryStart)
		}, [4]chat.Code{n, f}},
		{"kick a member", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Kick(t.Context(), by, room, []chat.UserID{p.member2})
			return err
		}, [4]chat.Code{n, f}},
		{"kick an admin", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Kick(t.Context(), by, room, []chat.UserID{p.member2, p.admin2})
			return err
		}, [4]chat.Code{n, f, f}},
		{"kick the owner", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Kick(t.Context(), by, room, []chat.UserID{p.owner})
			return err
		}, [4]chat.Code{n, f, f, f}},
		{"mute a member", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Mute(t.Context(), by, room, p.member2, time.Hour)
			return err
		}, [4]chat.Code{n, f}},
		{"mute an admin", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Mute(t.Context(), by, room, p.admin2, time.Hour)
			return err
		}, [4]chat.Code{n, f, f}},
		{"mute the owner", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Mute(t.Context(), by, room, p.owner, time.Hour)
			return err
		}, [4]chat.Code{n, f, f, f}},
		{"mute all", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			_, err := h.Mute(t.Context(), by, room, "", time.Hour)
			return err
		}, [4]chat.Code{n, f}},
		{"make an admin", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.SetRole(t.Context(), by, room, p.member2, chat.RoleAdmin)
		}, [4]chat.Code{n, f, f}},
		{"transfer", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.Transfer(t.Context(), by, room, p.member2)
		}, [4]chat.Code{n, f, f}},
		{"dissolve", func(h *roomHouse, p person, by chat.UserID, room chat.RoomID) error {
			return h.Dissolve(t.Context(), by, room)
		}, [4]chat.Code{n, f, f}},
	}
	engine := newEngine(t)
	people := settle(t, engine, "Owner", "Admin", "Admin2", "Member", "Member2", "Stranger")
	p := person{people[0], people[1], people[2], people[3], people[4], people[5]}
	h := openRooms(t, engine)
	for _, action := range actions {
		for i, by := range []chat.UserID{p.stranger, p.member, p.admin, p.owner} {
			room := h.found(p.owner, p.admin, p.admin2, p.member, p.member2)
			for _, admin := range []chat.UserID{p.admin, p.admin2} {
				if err := h.SetRole(t.Context(), p.owner, room, admin, chat.RoleAdmin); err != nil {
					t.Fatal(err)
				}
			}
			h.told()
			what := fmt.Sprintf("%s by number %d", action.name, i)
			wantCode(t, what, action.do(h, p, by, room), action.want[i])
			if action.want[i] != "" {
				h.wantMembers(room, p.owner, p.admin, p.admin2, p.member, p.member2)
				if told := h.told(); len(told) > 0 {
					t.Errorf("%s: told was %+v", what, told)
				}
			}
			// A room that is not there is the same to everybody as one that she is not in.
			nowhere := chat.RoomID(chat.NewUserID(noon()))
			wantCode(t, action.name+" nowhere", action.do(h, p, by, nowhere), action.want[0])
			wantCode(t, action.name+" at no room", action.do(h, p, by, "nonsense"), cmpCode(action.name == "read", chat.Invalid, chat.NotFound))
		}
	}
}

func cmpCode(is bool, then, otherwise chat.Code) chat.Code {
	if is {
		return then
	}
	return otherwise
}

func TestJoiningByCode(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl")
	ann, bob, carl := people[0], people[1], people[2]
	h := openRooms(t, engine)
	room := h.found(ann)
	code, err := h.SetCode(t.Context(), ann, room, true)
	if err != nil || len(code) < 16 {
		t.Fatalf("the code is %q, %v", code, err)
	}
	view, err := h.Info(t.Context(), ann, room)
	if err != nil || view.Code != code {
		t.Errorf("Ann sees %+v, %v", view, err)
	}
	h.say(room, ann, 3)
	for _, wrong := range []struct {
		number uint64
		code   string
	}{{0, ""}, {0, "x"}, {view.Number + 1, code}, {view.Number, ""}, {0, code + "x"}, {0, strings.Repeat("x", 1000)}} {
		_, err := h.Join(t.Context(), bob, wrong.number, wrong.code)
		wantCode(t, wrong.code, err, chat.NotFound)
	}
	h.told()
	for _, number := range []uint64{view.Number, 0} { // the second time he is there
		r, err := h.Join(t.Context(), bob, number, code)
		if err != nil || r.ID != room || r.Code != "" {
			t.Errorf("Bob joins %+v, %v", r, err)
		}
	}
	c := h.told()
	if len(c) != 1 || c[0].What != chat.RoomJoined || c[0].By != bob || c[0].Room.Code != "" || len(c[0].Hearers) != 2 {
		t.Errorf("told was %+v", c)
	}
	if floor, err := h.Floor(t.Context(), bob, chat.RoomConv(room)); err != nil || floor != c[0].Seq-1 {
		t.Errorf("Bob reads above %d, %v, want what is before the word that he came, %d", floor, err, c[0].Seq)
	}
	if view, err := h.Info(t.Context(), bob, room); err != nil || view.Code != "" || view.Role != chat.RoleMember || view.Members != 2 {
		t.Errorf("Bob sees %+v, %v", view, err)
	}
	// Who was kicked does not come back by what he knows.
	if _, err := h.Kick(t.Context(), ann, room, []chat.UserID{bob, carl}); err != nil {
		t.Fatal(err)
	}
	_, err = h.Join(t.Context(), bob, 0, code)
	wantCode(t, "by the old code", err, chat.NotFound)
	h.wantMembers(room, ann)
	if c := h.told(); len(c) != 1 || c[0].What != chat.RoomKicked || !slices.Equal(c[0].Users, []chat.UserID{bob}) || !slices.Contains(c[0].Hearers, bob) {
		t.Errorf("told was %+v", c)
	}
	view, _ = h.Info(t.Context(), ann, room)
	if _, err := h.Join(t.Context(), carl, 0, view.Code); err != nil || view.Code == code {
		t.Errorf("Carl by the fresh code: %v", err)
	}
	if code, err := h.SetCode(t.Context(), ann, room, false); err != nil || code != "" {
		t.Errorf("no code: %q, %v", code, err)
	}
	_, err = h.Join(t.Context(), bob, 0, view.Code)
	wantCode(t, "by a code that was taken back", err, chat.NotFound)
}

func TestAnOwnersRoomGoesOn(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl", "Dora")
	ann, bob, carl, dora := people[0], people[1], people[2], people[3]
	h := openRooms(t, engine)
	room := h.found(ann)
	for _, user := range []chat.UserID{bob, carl, dora} { // one after the other
		h.clock.pass(time.Second)
		if _, err := h.Invite(t.Context(), ann, room, []chat.UserID{user}); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.SetRole(t.Context(), ann, room, dora, chat.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	h.told()
	for _, step := range []struct {
		leaves, heir chat.UserID
		left         []chat.UserID
	}{
		{ann, dora, []chat.UserID{bob, carl, dora}}, // the admin, though she came last
		{dora, bob, []chat.UserID{bob, carl}},       // the member who is there longest
		{bob, carl, []chat.UserID{carl}},
	} {
		if err := h.Leave(t.Context(), step.leaves, room); err != nil {
			t.Fatal(err)
		}
		h.wantMembers(room, step.left...)
		c := h.told()
		if len(c) != 2 || c[0].What != chat.RoomOwner || !slices.Equal(c[0].Users, []chat.UserID{step.heir}) ||
			c[1].What != chat.RoomLeft || c[1].By != step.leaves || !slices.Contains(c[1].Hearers, step.leaves) || c[1].Seq != c[0].Seq+1 {
			t.Errorf("told was %+v", c)
		}
		if view, err := h.Info(t.Context(), step.heir, room); err != nil || view.Role != chat.RoleOwner {
			t.Errorf("the heir is %+v, %v", view, err)
		}
		wantCode(t, "who left", h.MayWrite(t.Context(), step.leaves, room), chat.NotFound)
		wantCode(t, "leaving twice", h.Leave(t.Context(), step.leaves, room), chat.NotFound)
	}
	if err := h.Leave(t.Context(), carl, room); err != nil {
		t.Fatal(err)
	}
	c := h.told()
	if len(c) != 1 || c[0].What != chat.RoomDissolved || c[0].Seq != 0 || !slices.Equal(c[0].Hearers, []chat.UserID{carl}) {
		t.Errorf("told was %+v", c)
	}
	_, err := engine.Room(t.Context(), room)
	wantCode(t, "the room", err, chat.NotFound)
}

func TestHandingARoomOver(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl", "Dora")
	ann, bob, carl, dora := people[0], people[1], people[2], people[3]
	h := openRooms(t, engine)
	room := h.found(ann, bob, carl)
	wantCode(t, "to a stranger", h.Transfer(t.Context(), ann, room, dora), chat.NotFound)
	wantCode(t, "to herself", h.Transfer(t.Context(), ann, room, ann), "")
	wantCode(t, "another role of her own", h.SetRole(t.Context(), ann, room, ann, chat.RoleMember), chat.Invalid)
	wantCode(t, "a role that is none", h.SetRole(t.Context(), ann, room, bob, chat.RoleOwner), chat.Invalid)
	wantCode(t, "a role of a stranger", h.SetRole(t.Context(), ann, room, dora, chat.RoleAdmin), chat.NotFound)
	if told := h.told(); len(told) > 0 {
		t.Errorf("told was %+v", told)
	}
	if err := h.Transfer(t.Context(), ann, room, bob); err != nil {
		t.Fatal(err)
	}
	r, err := h.Roster(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[chat.UserID]chat.Role{ann: chat.RoleAdmin, bob: chat.RoleOwner, carl: chat.RoleMember, dora: ""} {
		if got := r.Role(user); got != want {
			t.Errorf("%s is %q, want %q", user, got, want)
		}
	}
	if c := h.told(); len(c) != 1 || c[0].What != chat.RoomOwner || c[0].By != ann || !slices.Equal(c[0].Users, []chat.UserID{bob}) || c[0].Room.Owner != bob {
		t.Errorf("told was %+v", c)
	}
	// Bob makes Ann a member again, twice: there is something to tell once.
	for range 2 {
		wantCode(t, "Ann is a member", h.SetRole(t.Context(), bob, room, ann, chat.RoleMember), "")
	}
	if c := h.told(); len(c) != 1 || c[0].What != chat.RoomRole || c[0].Role != chat.RoleMember {
		t.Errorf("told was %+v", c)
	}
}

func TestMuting(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl", "Dora")
	ann, bob, carl, dora := people[0], people[1], people[2], people[3]
	h := openRooms(t, engine)
	room := h.found(ann, bob, carl)
	if err := h.SetRole(t.Context(), ann, room, bob, chat.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	writes := func(want ...chat.UserID) {
		t.Helper()
		for _, user := range []chat.UserID{ann, bob, carl} {
			code := cmpCode(slices.Contains(want, user), "", chat.Forbidden)
			wantCode(t, "writing", h.MayWrite(t.Context(), user, room), code)
		}
	}
	mute := func(by, user chat.UserID, length time.Duration) {
		t.Helper()
		until, err := h.Mute(t.Context(), by, room, user, length)
		if err != nil || length > 0 && !until.Equal(h.clock.Now().Add(length)) || length == 0 && !until.IsZero() {
			t.Errorf("muted until %v, %v", until, err)
		}
	}
	writes(ann, bob, carl)
	mute(bob, carl, time.Minute)
	writes(ann, bob)
	err := chat.AsError(h.MayWrite(t.Context(), carl, room))
	if err.RetryAfter != time.Minute || !strings.Contains(err.Message, "2026-03-04T12:01:00Z") {
		t.Errorf("Carl hears %q, and to come back in %v", err.Message, err.RetryAfter)
	}
	h.clock.pass(time.Minute - time.Millisecond)
	writes(ann, bob)
	h.clock.pass(time.Millisecond)
	writes(ann, bob, carl)
	mute(ann, bob, time.Hour)
	writes(ann, carl)
	mute(ann, bob, 0)
	writes(ann, bob, carl)
	mute(bob, "", time.Hour)
	writes(ann, bob)
	mute(bob, carl, time.Minute) // ends before that of all
	h.clock.pass(2 * time.Minute)
	writes(ann, bob)
	h.clock.pass(time.Hour)
	writes(ann, bob, carl)
	mute(bob, "", time.Hour)
	mute(ann, "", 0)
	writes(ann, bob, carl)
	for _, length := range []time.Duration{-1, 367 * 24 * time.Hour} {
		_, err := h.Mute(t.Context(), ann, room, bob, length)
		wantCode(t, "for so long", err, chat.Invalid)
	}
	_, stranger := h.Mute(t.Context(), ann, room, dora, time.Hour)
	wantCode(t, "a stranger", stranger, chat.NotFound)
	var told []chat.RoomWhat
	for _, c := range h.told() {
		told = append(told, c.What)
	}
	m, u := chat.RoomMuted, chat.RoomUnmuted
	if want := []chat.RoomWhat{chat.RoomRole, m, m, u, m, m, m, u}; !slices.Equal(told, want) {
		t.Errorf("told was %v, want %v", told, want)
	}
}

func TestFloors(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl")
	ann, bob, carl := people[0], people[1], people[2]
	h := openRooms(t, engine)
	room, other := h.found(ann), h.found(ann, bob)
	h.say(room, ann, 9)
	if _, err := h.Invite(t.Context(), ann, room, []chat.UserID{bob}); err != nil {
		t.Fatal(err)
	}
	joined := uint64(10) // she made it, and said nine words
	floor := func(user chat.UserID, conv chat.ConvID, want uint64, code chat.Code) {
		t.Helper()
		got, err := h.Floor(t.Context(), user, conv)
		wantCode(t, "the floor", err, code)
		if got != want {
			t.Errorf("she reads above %d, want %d", got, want)
		}
	}
	conv := chat.RoomConv(room)
	floor(ann, conv, 0, "")
	floor(bob, conv, joined, "")
	floor(carl, conv, 0, chat.Forbidden)
	floor(bob, chat.RoomConv(chat.RoomID(carl)), 0, chat.Forbidden)
	floor(bob, chat.DirectConv(ann, bob), 0, "")
	floor(carl, chat.DirectConv(ann, bob), 0, chat.Forbidden)
	floor(carl, "nonsense", 0, chat.Invalid)
	floor(carl, "r:nonsense", 0, chat.Invalid)
	convs, floors, err := h.Conversations(t.Context(), bob)
	want := map[chat.ConvID]uint64{conv: joined, chat.RoomConv(other): 0}
	if err != nil || len(convs) != 2 || floors[0] != want[convs[0]] || floors[1] != want[convs[1]] {
		t.Errorf("Bob's are %v above %v, %v", convs, floors, err)
	}
	if err := h.SetHistory(t.Context(), ann, room, chat.HistoryStart); err != nil {
		t.Fatal(err)
	}
	floor(bob, conv, 0, "")
	if _, floors, err := h.Conversations(t.Context(), bob); err != nil || floors[0] != 0 || floors[1] != 0 {
		t.Errorf("above %v, %v", floors, err)
	}
	// Who comes back begins anew.
	if err := h.SetHistory(t.Context(), ann, room, chat.HistoryJoined); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Kick(t.Context(), ann, room, []chat.UserID{bob}); err != nil {
		t.Fatal(err)
	}
	floor(bob, conv, 0, chat.Forbidden)
	last := h.say(room, ann, 5)
	if _, err := h.Invite(t.Context(), ann, room, []chat.UserID{bob}); err != nil {
		t.Fatal(err)
	}
	floor(bob, conv, last, "")

	var none *chat.Rooms
	if _, err := none.Floor(t.Context(), ann, chat.DirectConv(ann, bob)); err != nil {
		t.Errorf("without rooms: %v", err)
	}
	_, err = none.Floor(t.Context(), ann, conv)
	wantCode(t, "without rooms", err, chat.NotFound)
	wantCode(t, "without rooms", none.MayWrite(t.Context(), ann, room), chat.NotFound)
}

func TestTheLastPlaceOfALargeRoom(t *testing.T) {
	engine := newEngine(t)
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprint("late ", i)
	}
	late := settle(t, engine, names...)
	h := openRooms(t, engine)
	r := chat.Room{ID: chat.RoomID(chat.NewUserID(noon())), Number: chat.MinRoomNumber, Owner: chat.NewUserID(noon()), History: chat.HistoryJoined, Code: "open"}
	members := []chat.RoomMember{{Room: r.ID, User: r.Owner, Role: chat.RoleAdmin}}
	for range chat.MaxMembers - 2 {
		members = append(members, chat.RoomMember{Room: r.ID, User: chat.NewUserID(noon()), Role: chat.RoleMember})
	}
	if err := engine.CreateRoom(t.Context(), r, members); err != nil {
		t.Fatal(err)
	}
	var in atomic.Int32
	var all sync.WaitGroup
	for i, user := range late {
		all.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = h.Join(t.Context(), user, 0, "open")
			} else {
				_, err = h.Invite(t.Context(), r.Owner, r.ID, []chat.UserID{user})
			}
			switch chat.CodeOf(err) {
			case "":
				in.Add(1)
			case chat.TooLarge:
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := in.Load(); n != 1 {
		t.Errorf("%d got the last place", n)
	}
	if n := len(h.Hearers(r.ID)); n != chat.MaxMembers {
		t.Errorf("%d members", n)
	}
	// Of two who are brought together neither gets in where there is one place.
	gone := members[1].User
	if err := h.Leave(t.Context(), gone, r.ID); err != nil {
		t.Fatal(err)
	}
	strangers := slices.DeleteFunc(late, func(user chat.UserID) bool { return slices.Contains(h.Hearers(r.ID), user) })
	_, err := h.Invite(t.Context(), r.Owner, r.ID, strangers[:2])
	wantCode(t, "two for one place", err, chat.TooLarge)
	if n := len(h.Hearers(r.ID)); n != chat.MaxMembers-1 {
		t.Errorf("%d members", n)
	}
}

func TestRoomsOfAUserAreBounded(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob")
	ann, bob := people[0], people[1]
	h := openRooms(t, engine)
	room := h.found(ann)
	code, err := h.SetCode(t.Context(), ann, room, true)
	if err != nil {
		t.Fatal(err)
	}
	for range chat.MaxRooms {
		if _, err := engine.PutMember(t.Context(), chat.RoomMember{Room: chat.RoomID(chat.NewUserID(noon())), User: bob, Role: chat.RoleMember}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = h.Join(t.Context(), bob, 0, code)
	wantCode(t, "joining", err, chat.TooLarge)
	_, _, err = h.Create(t.Context(), bob, "Lunch", nil, "")
	wantCode(t, "making", err, chat.TooLarge)
	if added, err := h.Invite(t.Context(), ann, room, []chat.UserID{bob}); err != nil || len(added) > 0 {
		t.Errorf("brought: %v, %v", added, err)
	}
	// All of them are rooms that are gone, which leaving everything cleans away.
	if err := h.LeaveAll(t.Context(), bob); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Join(t.Context(), bob, 0, code); err != nil {
		t.Error(err)
	}
}

func TestLeavingEverything(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob")
	ann, bob := people[0], people[1]
	h := openRooms(t, engine)
	alone, hers, his := h.found(ann), h.found(ann, bob), h.found(bob, ann)
	if err := h.LeaveAll(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	h.wantMembers(alone)
	h.wantMembers(hers, bob)
	h.wantMembers(his, bob)
	if err := h.LeaveAll(t.Context(), ann); err != nil {
		t.Errorf("again: %v", err)
	}
	views, err := h.List(t.Context(), bob)
	if err != nil || len(views) != 2 || views[0].Role != chat.RoleOwner || views[1].Role != chat.RoleOwner || views[0].Members != 1 {
		t.Errorf("Bob's rooms are %+v, %v", views, err)
	}
	if views, err := h.List(t.Context(), ann); err != nil || len(views) > 0 {
		t.Errorf("Ann's rooms are %+v, %v", views, err)
	}
}

func TestMembersAreSeenByEachOther(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl", "Dora")
	slices.Sort(people)
	ann, bob, carl, dora := people[0], people[1], people[2], people[3]
	h := openRooms(t, engine)
	room := h.found(ann, bob, carl, dora)
	if err := h.SetRole(t.Context(), ann, room, dora, chat.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	h.here[bob], h.here[carl] = true, true
	h.blocks[[2]chat.UserID{carl, bob}] = true
	if n := h.Online(room); n != 2 {
		t.Errorf("%d are online, want 2", n)
	}
	var seen []string
	for after, more := chat.UserID(""), true; more; {
		var page []chat.Seat
		var err error
		page, more, err = h.Members(t.Context(), bob, room, after, 3)
		if err != nil || len(page) == 0 {
			t.Fatalf("%v, %v", page, err)
		}
		for _, s := range page {
			if s.Account.ID != s.User || s.Account.Username == "" {
				t.Errorf("the account of %s is %+v", s.User, s.Account)
			}
			seen = append(seen, fmt.Sprint(s.User, s.Role, s.Online))
		}
		after = page[len(page)-1].User
	}
	want := []string{
		fmt.Sprint(ann, chat.RoleOwner, false), fmt.Sprint(bob, chat.RoleMember, true),
		fmt.Sprint(carl, chat.RoleMember, false), // who blocks Bob, and is there
		fmt.Sprint(dora, chat.RoleAdmin, false),
	}
	if !slices.Equal(seen, want) {
		t.Errorf("Bob sees\n%v, want\n%v", seen, want)
	}
	for _, limit := range []int{-1, chat.MaxSeats + 1} {
		_, _, err := h.Members(t.Context(), bob, room, "", limit)
		wantCode(t, "a limit", err, chat.Invalid)
	}
	_, _, err := h.Members(t.Context(), bob, room, "nonsense", 1)
	wantCode(t, "after nobody", err, chat.Invalid)
}

// Each change is a message of the conversation, but for what not all may know or nobody could read.
func TestWhatIsSaidOfChanges(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob")
	ann, bob := people[0], people[1]
	h := openRooms(t, engine)
	r, _, err := h.Create(t.Context(), ann, "Lunch", []chat.UserID{bob}, "")
	if err != nil {
		t.Fatal(err)
	}
	_, codeErr := h.SetCode(t.Context(), ann, r.ID, true)
	_, muteErr := h.Mute(t.Context(), ann, r.ID, bob, time.Hour)
	for what, err := range map[string]error{
		"code": codeErr, "mute": muteErr,
		"name":          h.Rename(t.Context(), ann, r.ID, "Dinner <3"),
		"the same name": h.Rename(t.Context(), ann, r.ID, "Dinner <3"),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, text := range []string{"at\neight", ""} {
		if err := h.Announce(t.Context(), ann, r.ID, text); err != nil {
			t.Error(err)
		}
	}
	wantCode(t, "a long text", h.Announce(t.Context(), ann, r.ID, strings.Repeat("安", 2001)), chat.Invalid)
	page, err := engine.Since(t.Context(), chat.RoomConv(r.ID), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for i, m := range page {
		if m.Type != "system" || m.Sender != ann || m.Room != r.ID || m.Seq != uint64(i+1) || !json.Valid(m.Body) {
			t.Errorf("a message is %+v", m)
		}
		said = append(said, string(m.Body))
	}
	slices.Sort(said[1:3]) // mute and name are of no order
	want := []string{
		`{"what":"created","users":["` + string(bob) + `"],"name":"Lunch"}`,
		fmt.Sprintf(`{"what":"muted","users":["%s"],"until":%d}`, bob, noon().Add(time.Hour).UnixMilli()),
		`{"what":"renamed","name":"Dinner \u003c3"}`,
		`{"what":"announced","text":"at\neight"}`,
		`{"what":"announced","text":""}`,
	}
	if !slices.Equal(said, want) {
		t.Errorf("said was\n%s, want\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
	for _, c := range h.told() {
		if c.Room.Code != "" || (c.Seq == 0) != (c.What == chat.RoomRecoded) || c.Hearers == nil {
			t.Errorf("told was %+v", c)
		}
	}
}
