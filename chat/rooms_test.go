package chat_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

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
	}
	for _, set := range set {
		set(&cfg)
	}
	h.Rooms = chat.NewRooms(cfg)
	h.Tell(h)
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

// countedAccounts counts for how many accounts the engine is asked.
type countedAccounts struct {
	chat.AccountStore
	asked int
}

func (c *countedAccounts) Accounts(ctx context.Context, ids []chat.UserID) ([]chat.Account, error) {
	c.asked += len(ids)
	return c.AccountStore.Accounts(ctx, ids)
}

// To look at who is invited takes the engine long, so it is not done for strangers, nor for who is there.
func TestInvitingCostsTheEngineNothingInVain(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl", "Mallory")
	ann, bob, carl, mallory := people[0], people[1], people[2], people[3]
	counted := &countedAccounts{AccountStore: engine}
	h := openRooms(t, engine, func(cfg *chat.RoomsConfig) { cfg.Accounts = counted })
	room := h.found(ann, bob)
	counted.asked = 0
	_, err := h.Invite(t.Context(), mallory, room, []chat.UserID{carl})
	wantCode(t, "a stranger invites", err, chat.NotFound)
	_, err = h.Invite(t.Context(), ann, room, []chat.UserID{ann, bob, bob})
	wantCode(t, "who is there", err, "")
	if counted.asked != 0 {
		t.Errorf("%d accounts were looked at", counted.asked)
	}
	if added, err := h.Invite(t.Context(), bob, room, []chat.UserID{ann, carl}); err != nil || len(added) != 1 || counted.asked != 1 {
		t.Errorf("added are %v, %v, %d accounts were looked at", added, err, counted.asked)
	}
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

func TestOnlyFriendsBringSomebodyInWhereOnlyFriendsMayWrite(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl")
	ann, bob, carl := people[0], people[1], people[2]
	h := openRooms(t, engine, func(cfg *chat.RoomsConfig) { cfg.Befriended = engine.Befriended })
	for owner, friend := range map[chat.UserID]chat.UserID{bob: ann, ann: carl} { // that Ann has Carl in her list is not his wish
		if _, err := engine.AddFriend(t.Context(), owner, friend, noon()); err != nil {
			t.Fatal(err)
		}
	}
	r, added, err := h.Create(t.Context(), ann, "Lunch", []chat.UserID{bob, carl}, "")
	if err != nil || !slices.Equal(added, []chat.UserID{bob}) {
		t.Errorf("Ann made a room with %v, %v, want Bob alone", added, err)
	}
	added, err = h.Invite(t.Context(), bob, r.ID, []chat.UserID{carl})
	if err != nil || len(added) > 0 {
		t.Errorf("Bob, whom Carl does not know, added %v, %v", added, err)
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
