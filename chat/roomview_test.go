package chat_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/chat"
)

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
