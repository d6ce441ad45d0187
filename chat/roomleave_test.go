package chat_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

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

// Bob is muted, and knows the code by which he came. To leave and come back by it does not give him his voice.
func TestLeavingEndsNoMute(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl")
	ann, bob, carl := people[0], people[1], people[2]
	h := openRooms(t, engine)
	room := h.found(ann, bob, carl)
	code, err := h.SetCode(t.Context(), ann, room, true)
	wantCode(t, "code", err, "")
	wantCode(t, "mute", second(h.Mute(t.Context(), ann, room, bob, time.Hour)), "")
	wantCode(t, "Carl leaves", h.Leave(t.Context(), carl, room), "")
	wantCode(t, "Carl comes back", second(h.Join(t.Context(), carl, 0, code)), "")
	wantCode(t, "Bob leaves", h.Leave(t.Context(), bob, room), "")
	wantCode(t, "Bob comes back", second(h.Join(t.Context(), bob, 0, code)), chat.NotFound)
	if view, err := h.Info(t.Context(), ann, room); err != nil || view.Code == "" || view.Code == code {
		t.Errorf("the code is %q, %v, want another one", view.Code, err)
	}
	wantCode(t, "Bob writes", h.MayWrite(t.Context(), bob, room), chat.NotFound)
}

// silentMembers is an engine that does not say who is in a room.
type silentMembers struct{ chat.Store }

func (silentMembers) Members(context.Context, chat.RoomID, chat.UserID, int) ([]chat.RoomMember, error) {
	return nil, errAway
}

// Ann wants to leave, and the engine does not say who could have her room. It stays, and hers.
func TestARoomOutlastsAFailure(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob")
	ann, bob := people[0], people[1]
	h := openRooms(t, engine)
	room := h.found(ann, bob)
	wantCode(t, "leaving", openRooms(t, silentMembers{engine}).Leave(t.Context(), ann, room), chat.Unavailable)
	if r, err := engine.Room(t.Context(), room); err != nil || r.Owner != ann {
		t.Errorf("the room is %+v, %v", r, err)
	}
	h.wantMembers(room, ann, bob)
}

// The engine failed between deleting a room and its members. Whoever asks for the room again has the rest deleted, which
// would count among her rooms for ever.
func TestADeletionIsCompleted(t *testing.T) {
	engine := newEngine(t)
	ann := settle(t, engine, "Ann")[0]
	h := openRooms(t, engine)
	room := chat.RoomID(chat.NewUserID(noon()))
	if _, err := engine.PutMember(t.Context(), chat.RoomMember{Room: room, User: ann, Role: chat.RoleAdmin}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "dissolving again", h.Dissolve(t.Context(), ann, room), chat.NotFound)
	if in, err := engine.Memberships(t.Context(), ann); err != nil || len(in) > 0 {
		t.Errorf("Ann is in %v, %v", in, err)
	}
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
