package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func roomStories() []story {
	return []story{
		{name: "every field comes back", tell: roomRoundTrip},
		{name: "no room", tell: roomNone},
		{name: "what is taken", tell: roomTaken},
		{name: "a change needs the version", tell: roomChange},
		{name: "a code moves with its room", tell: roomCode},
		{name: "twenty rooms want one number", tell: roomNumberRace},
		{name: "twenty rooms want one code", tell: roomCodeRace, updateRace: true},
		{name: "twenty change the same version", tell: roomChangeRace, updateRace: true},
		{name: "a deleted room leaves its messages alone", tell: roomDelete},
		{name: "rooms outlast a restart", tell: roomReopen},
	}
}

// firstNumber is that of the first room of a story; each place is its own.
const firstNumber = chat.MinRoomNumber

func newRoom(owner chat.UserID, number uint64) chat.Room {
	return chat.Room{
		ID: chat.RoomID(newUser()), Number: number, Name: "Lunch", Owner: owner, Created: noon(), History: chat.HistoryJoined, Version: 1,
	}
}

func newMember(room chat.RoomID, user chat.UserID) chat.RoomMember {
	return chat.RoomMember{Room: room, User: user, Role: chat.RoleMember, Joined: noon()}
}

// found makes a room of the owner and of these members, as plain as can be.
func found(t testing.TB, p *place, number uint64, owner chat.UserID, members ...chat.UserID) chat.Room {
	t.Helper()
	r := newRoom(owner, number)
	all := []chat.RoomMember{newMember(r.ID, owner)}
	for _, user := range members {
		all = append(all, newMember(r.ID, user))
	}
	noError(t, p.CreateRoom(t.Context(), r, all))
	return r
}

func wantRoom(t testing.TB, what string, got, want chat.Room, err error) {
	t.Helper()
	noError(t, err)
	for _, times := range [][2]*time.Time{
		{&got.Created, &want.Created}, {&got.AnnouncedAt, &want.AnnouncedAt}, {&got.MutedUntil, &want.MutedUntil},
	} {
		if !times[0].Equal(*times[1]) {
			t.Errorf("%s: a time is %v, want %v", what, times[0], times[1])
		}
		*times[0] = *times[1]
	}
	if got != want {
		t.Errorf("%s: the room is\n%+v, want\n%+v", what, got, want)
	}
}

// wantNoRoom asks for a room in each way.
func wantNoRoom(t testing.TB, p *place, r chat.Room) {
	t.Helper()
	_, err := p.Room(t.Context(), r.ID)
	wantCode(t, "by id", err, chat.NotFound)
	_, err = p.RoomByNumber(t.Context(), r.Number)
	wantCode(t, "by number", err, chat.NotFound)
	_, err = p.RoomByCode(t.Context(), r.Code)
	wantCode(t, "by code", err, chat.NotFound)
}

func roomRoundTrip(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	bare := newRoom(ann, firstNumber)
	full := chat.Room{
		ID: chat.RoomID(newUser()), Number: chat.MaxRoomNumber, Name: "饭 \x00/<b>", Owner: bob, Created: noon(), Code: "a/b|c.$d é",
		Announcement: "two\nlines", AnnouncedBy: ann, AnnouncedAt: noon().Add(time.Second), History: chat.HistoryStart,
		MutedUntil: noon().Add(time.Hour), Version: 7,
	}
	for _, r := range []chat.Room{bare, full} {
		noError(t, p.CreateRoom(t.Context(), r, []chat.RoomMember{newMember(r.ID, r.Owner)}))
	}
	for _, r := range []chat.Room{bare, full} {
		got, err := p.Room(t.Context(), r.ID)
		wantRoom(t, "by id", got, r, err)
		got, err = p.RoomByNumber(t.Context(), r.Number)
		wantRoom(t, "by number", got, r, err)
	}
	got, err := p.RoomByCode(t.Context(), full.Code)
	wantRoom(t, "by code", got, full, err)

	rooms, err := p.Rooms(t.Context(), []chat.RoomID{full.ID, chat.RoomID(newUser()), bare.ID, "nonsense", full.ID})
	noError(t, err)
	if len(rooms) != 3 {
		t.Fatalf("%d rooms, want 3", len(rooms))
	}
	for i, want := range []chat.Room{full, bare, full} {
		wantRoom(t, "in the order asked", rooms[i], want, nil)
	}
	rooms, err = p.Rooms(t.Context(), nil)
	if err != nil || len(rooms) > 0 {
		t.Errorf("of none: %v, %v", rooms, err)
	}
}

func roomNone(t *testing.T, p *place) {
	found(t, p, firstNumber, newUser()) // without a code, which "" does not open
	wantNoRoom(t, p, newRoom(newUser(), firstNumber+1))
	wantNoRoom(t, p, chat.Room{ID: "nonsense", Number: 7, Code: "nonsense"})
	wantCode(t, "ChangeRoom", p.ChangeRoom(t.Context(), newRoom(newUser(), 7), 1), chat.NotFound)
	noError(t, p.DeleteRoom(t.Context(), chat.RoomID(newUser())))
}

func roomTaken(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	there := newRoom(ann, firstNumber)
	there.Code = "open"
	noError(t, p.CreateRoom(t.Context(), there, []chat.RoomMember{newMember(there.ID, ann)}))
	id, number, code := newRoom(bob, firstNumber+1), newRoom(bob, firstNumber), newRoom(bob, firstNumber+2)
	id.ID, code.Code = there.ID, "open"
	for what, r := range map[string]chat.Room{"id": id, "number": number, "code": code} {
		err := p.CreateRoom(t.Context(), r, []chat.RoomMember{newMember(r.ID, bob)})
		wantCode(t, what, err, chat.Conflict)
		wantMembers(t, p, there.ID, ann)
		if r.ID != there.ID {
			_, err = p.Room(t.Context(), r.ID)
			wantCode(t, what+": the room", err, chat.NotFound)
		}
		wantMemberships(t, p, bob)
	}
	// What was refused holds nothing: its own number and code are free.
	code.Code = "other"
	noError(t, p.CreateRoom(t.Context(), code, nil))
	got, err := p.Room(t.Context(), there.ID)
	wantRoom(t, "the first", got, there, err)
}

func roomChange(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	there := found(t, p, firstNumber, ann, bob)
	other := found(t, p, firstNumber+1, ann)
	r := there
	r.Name, r.Owner, r.Announcement, r.AnnouncedBy, r.AnnouncedAt = "Dinner", bob, "at eight", ann, noon().Add(time.Minute)
	r.History, r.MutedUntil, r.Code = chat.HistoryStart, noon().Add(time.Hour), "open"
	wantCode(t, "an older version", p.ChangeRoom(t.Context(), r, 0), chat.Conflict)
	wantCode(t, "a version to come", p.ChangeRoom(t.Context(), r, 2), chat.Conflict)
	got, err := p.Room(t.Context(), there.ID)
	wantRoom(t, "refused", got, there, err)

	change := r
	change.Number, change.Created, change.Version = 7, noon().Add(time.Hour), 99 // none of these is the caller's to say
	noError(t, p.ChangeRoom(t.Context(), change, 1))
	r.Version = 2
	got, err = p.Room(t.Context(), there.ID)
	wantRoom(t, "changed", got, r, err)
	got, err = p.RoomByNumber(t.Context(), there.Number)
	wantRoom(t, "by its number still", got, r, err)
	wantCode(t, "again", p.ChangeRoom(t.Context(), change, 1), chat.Conflict)
	got, err = p.Room(t.Context(), other.ID)
	wantRoom(t, "another", got, other, err)

	bare := there // and everything can be taken away again
	noError(t, p.ChangeRoom(t.Context(), bare, 2))
	bare.Version = 3
	got, err = p.Room(t.Context(), there.ID)
	wantRoom(t, "as it was", got, bare, err)
	wantMembers(t, p, there.ID, ann, bob)
}

func roomCode(t *testing.T, p *place) {
	ann := newUser()
	lunch, dinner := found(t, p, firstNumber, ann), found(t, p, firstNumber+1, ann)
	version := map[chat.RoomID]uint64{lunch.ID: 1, dinner.ID: 1}
	recode := func(r chat.Room, code string, want chat.Code) {
		t.Helper()
		r.Code = code
		err := p.ChangeRoom(t.Context(), r, version[r.ID])
		wantCode(t, r.Name+" by "+code, err, want)
		if err == nil {
			version[r.ID]++
		}
	}
	opens := func(code string, want chat.RoomID) {
		t.Helper()
		r, err := p.RoomByCode(t.Context(), code)
		if want == "" {
			wantCode(t, code, err, chat.NotFound)
		} else if noError(t, err); r.ID != want {
			t.Errorf("%s opens %s, want %s", code, r.ID, want)
		}
	}
	recode(lunch, "one", "")
	recode(dinner, "one", chat.Conflict)
	opens("one", lunch.ID)
	recode(lunch, "two", "")
	opens("one", "")
	opens("two", lunch.ID)
	recode(dinner, "one", "") // which lunch has left
	opens("one", dinner.ID)
	recode(lunch, "two", "") // the same again
	opens("two", lunch.ID)
	recode(lunch, "", "")
	recode(dinner, "", "")
	opens("one", "")
	opens("two", "")
	opens("", "")
}

func roomNumberRace(t *testing.T, p *place) {
	var firsts atomic.Int32
	together(20, func(int) {
		r := newRoom(newUser(), firstNumber)
		switch err := p.CreateRoom(t.Context(), r, []chat.RoomMember{newMember(r.ID, r.Owner)}); chat.CodeOf(err) {
		case "":
			firsts.Add(1)
		case chat.Conflict:
			if rooms, err := p.Memberships(t.Context(), r.Owner); err != nil || len(rooms) > 0 {
				t.Errorf("who was refused is in %v, %v", rooms, err)
			}
		default:
			t.Error(err)
		}
	})
	if got := firsts.Load(); got != 1 {
		t.Errorf("%d rooms have the number, want one", got)
	}
}

func roomCodeRace(t *testing.T, p *place) {
	rooms := make([]chat.Room, 20)
	for i := range rooms {
		rooms[i] = found(t, p, firstNumber+uint64(i), newUser())
	}
	var firsts atomic.Int32
	together(len(rooms), func(i int) {
		r := rooms[i]
		r.Code = "open"
		switch err := p.ChangeRoom(t.Context(), r, 1); chat.CodeOf(err) {
		case "":
			firsts.Add(1)
		case chat.Conflict:
		default:
			t.Error(err)
		}
	})
	if got := firsts.Load(); got != 1 {
		t.Errorf("%d rooms have the code, want one", got)
	}
}

func roomChangeRace(t *testing.T, p *place) {
	there := found(t, p, firstNumber, newUser())
	var firsts atomic.Int32
	winner := make(chan string, 20)
	together(20, func(i int) {
		r := there
		r.Name = string(rune('a' + i))
		switch err := p.ChangeRoom(t.Context(), r, 1); chat.CodeOf(err) {
		case "":
			firsts.Add(1)
			winner <- r.Name
		case chat.Conflict:
		default:
			t.Error(err)
		}
	})
	if got := firsts.Load(); got != 1 {
		t.Fatalf("%d changed the same version, want one", got)
	}
	got, err := p.Room(t.Context(), there.ID)
	noError(t, err)
	if want := <-winner; got.Name != want || got.Version != 2 {
		t.Errorf("the room is %q of version %d, want %q of 2", got.Name, got.Version, want)
	}
}

func roomDelete(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	gone, stays := newRoom(ann, firstNumber), found(t, p, firstNumber+1, ann, bob)
	gone.Code = "open"
	noError(t, p.CreateRoom(t.Context(), gone, []chat.RoomMember{newMember(gone.ID, ann), newMember(gone.ID, bob)}))
	conv := chat.RoomConv(gone.ID)
	send(t, p, chat.Message{Conv: conv, Sender: ann, Room: gone.ID, Type: "text", Body: []byte(`1`), At: noon()})

	noError(t, p.DeleteRoom(t.Context(), gone.ID))
	wantNoRoom(t, p, gone)
	wantMembers(t, p, gone.ID)
	wantMembers(t, p, stays.ID, ann, bob)
	wantMemberships(t, p, ann, stays.ID)
	wantMemberships(t, p, bob, stays.ID)
	if n := len(readAll(t, p, conv)); n != 1 {
		t.Errorf("%d messages, want the one", n)
	}
	// Who came in while it went is put out by the next call.
	_, err := p.PutMember(t.Context(), newMember(gone.ID, bob))
	noError(t, err)
	noError(t, p.DeleteRoom(t.Context(), gone.ID))
	wantMemberships(t, p, bob, stays.ID)
	// Number and code are free.
	again := newRoom(bob, gone.Number)
	again.Code = gone.Code
	noError(t, p.CreateRoom(t.Context(), again, nil))
}

func roomReopen(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	r := found(t, p, firstNumber, ann, bob, carl)
	r.Name, r.Code = "Dinner", "open"
	noError(t, p.ChangeRoom(t.Context(), r, 1))
	_, err := p.RemoveMember(t.Context(), r.ID, carl)
	noError(t, err)
	p.reopen(t)
	r.Version = 2
	got, err := p.RoomByCode(t.Context(), "open")
	wantRoom(t, "after a restart", got, r, err)
	wantMembers(t, p, r.ID, ann, bob)
	wantMemberships(t, p, carl)
	err = p.CreateRoom(t.Context(), newRoom(ann, r.Number), nil)
	wantCode(t, "the number after a restart", err, chat.Conflict)
}
