package storetest

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func memberStories() []story {
	return []story{
		{name: "every field comes back", tell: memberRoundTrip},
		{name: "once in, once out", tell: memberOnce},
		{name: "role and mute change, nothing else", tell: memberChange},
		{name: "a large room page by page", tell: memberPages},
		{name: "rooms of a user, and how large they are", tell: memberRooms},
		{name: "twenty put the same user in", tell: memberRace},
		{name: "twenty put the same user out", tell: memberOutRace},
		{name: "twenty change the same member", tell: memberChangeRace, updateRace: true},
		{name: "who comes and goes at once is in or out", tell: memberInOut},
	}
}

func wantMember(t testing.TB, got, want chat.RoomMember) {
	t.Helper()
	if !got.Joined.Equal(want.Joined) || !got.MutedUntil.Equal(want.MutedUntil) {
		t.Errorf("joined %v, muted until %v, want %v and %v", got.Joined, got.MutedUntil, want.Joined, want.MutedUntil)
	}
	got.Joined, got.MutedUntil = want.Joined, want.MutedUntil
	if got != want {
		t.Errorf("the member is\n%+v, want\n%+v", got, want)
	}
}

// wantMembers asks for the members of a room, in every way.
func wantMembers(t testing.TB, p *place, room chat.RoomID, want ...chat.UserID) {
	t.Helper()
	slices.Sort(want)
	page, err := p.Members(t.Context(), room, "", 1000)
	noError(t, err)
	var got []chat.UserID
	for _, m := range page {
		got = append(got, m.User)
	}
	if !slices.Equal(got, want) {
		t.Errorf("members are %v, want %v", got, want)
	}
	counts, err := p.CountMembers(t.Context(), []chat.RoomID{room})
	noError(t, err)
	if len(counts) != 1 || counts[0] != len(want) {
		t.Errorf("counted %v members, want %d", counts, len(want))
	}
	for _, user := range want {
		m, err := p.Member(t.Context(), room, user)
		if err != nil || m.User != user || m.Room != room {
			t.Errorf("Member: %+v, %v", m, err)
		}
	}
}

func wantMemberships(t testing.TB, p *place, user chat.UserID, want ...chat.RoomID) {
	t.Helper()
	slices.Sort(want)
	memberships, err := p.Memberships(t.Context(), user)
	noError(t, err)
	var got []chat.RoomID
	for _, m := range memberships {
		got = append(got, m.Room)
		if m.User != user {
			t.Errorf("a membership of %s, want hers", m.User)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("she is in %v, want %v", got, want)
	}
}

func enter(t testing.TB, p *place, m chat.RoomMember, want bool) {
	t.Helper()
	added, err := p.PutMember(t.Context(), m)
	noError(t, err)
	if added != want {
		t.Errorf("added = %v, want %v", added, want)
	}
}

func memberRoundTrip(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	r := newRoom(ann, firstNumber)
	full := chat.RoomMember{
		Room: r.ID, User: ann, Role: chat.RoleAdmin, Joined: noon(), From: 1 << 52, MutedUntil: noon().Add(time.Hour),
	}
	bare := newMember(r.ID, bob)
	noError(t, p.CreateRoom(t.Context(), r, []chat.RoomMember{full}))
	enter(t, p, bare, true)
	for _, want := range []chat.RoomMember{full, bare} {
		got, err := p.Member(t.Context(), r.ID, want.User)
		noError(t, err)
		wantMember(t, got, want)
		memberships, err := p.Memberships(t.Context(), want.User)
		noError(t, err)
		if len(memberships) != 1 {
			t.Fatalf("%d memberships, want one", len(memberships))
		}
		wantMember(t, memberships[0], want)
	}
	page, err := p.Members(t.Context(), r.ID, "", 10)
	noError(t, err)
	for _, got := range page {
		if got.User == ann {
			wantMember(t, got, full)
		} else {
			wantMember(t, got, bare)
		}
	}
	for _, nobody := range []chat.UserID{newUser(), "nonsense", ""} {
		_, err := p.Member(t.Context(), r.ID, nobody)
		wantCode(t, "a stranger", err, chat.NotFound)
	}
	_, err = p.Member(t.Context(), chat.RoomID(newUser()), ann)
	wantCode(t, "another room", err, chat.NotFound)
}

func memberOnce(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	r := found(t, p, firstNumber, ann)
	first := newMember(r.ID, bob)
	first.From = 7
	enter(t, p, first, true)
	again := first
	again.From, again.Role, again.Joined = 9, chat.RoleAdmin, noon().Add(time.Hour)
	enter(t, p, again, false)
	got, err := p.Member(t.Context(), r.ID, bob)
	noError(t, err)
	wantMember(t, got, first)
	for _, want := range []bool{true, false} {
		removed, err := p.RemoveMember(t.Context(), r.ID, bob)
		noError(t, err)
		if removed != want {
			t.Errorf("removed = %v, want %v", removed, want)
		}
	}
	wantMembers(t, p, r.ID, ann)
	wantMemberships(t, p, bob)
	enter(t, p, again, true) // she comes back as another
	got, err = p.Member(t.Context(), r.ID, bob)
	noError(t, err)
	wantMember(t, got, again)
}

func memberChange(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	r := found(t, p, firstNumber, ann, bob)
	m := newMember(r.ID, bob)
	change := m
	change.Role, change.MutedUntil, change.Joined, change.From = chat.RoleAdmin, noon().Add(time.Hour), noon().Add(time.Hour), 99
	for what, was := range map[string]chat.RoomMember{"role": {Role: chat.RoleAdmin}, "mute": {Role: chat.RoleMember, MutedUntil: noon()}} {
		was.Room, was.User = r.ID, bob
		wantCode(t, "another "+what, p.ChangeMember(t.Context(), change, was), chat.Conflict)
	}
	noError(t, p.ChangeMember(t.Context(), change, m))
	wantCode(t, "again", p.ChangeMember(t.Context(), change, m), chat.Conflict)
	m.Role, m.MutedUntil = change.Role, change.MutedUntil
	got, err := p.Member(t.Context(), r.ID, bob)
	noError(t, err)
	wantMember(t, got, m)
	wantCode(t, "a stranger", p.ChangeMember(t.Context(), newMember(r.ID, newUser()), m), chat.NotFound)
	wantMembers(t, p, r.ID, ann, bob)
}

func memberPages(t *testing.T, p *place) {
	ann := newUser()
	r, other := newRoom(ann, firstNumber), found(t, p, firstNumber+1, ann, newUser())
	users := []chat.UserID{ann}
	members := []chat.RoomMember{newMember(r.ID, ann)}
	for range p.scaled(chat.MaxMembers, 120) - 1 {
		m := newMember(r.ID, newUser())
		users, members = append(users, m.User), append(members, m)
	}
	noError(t, p.CreateRoom(t.Context(), r, members))
	slices.Sort(users)
	var got []chat.UserID
	for after := chat.UserID(""); ; {
		page, err := p.Members(t.Context(), r.ID, after, 97)
		noError(t, err)
		if len(page) > 97 {
			t.Fatalf("%d members in a page of 97", len(page))
		}
		for _, m := range page {
			got = append(got, m.User)
		}
		if len(page) < 97 {
			break
		}
		after = got[len(got)-1]
	}
	if !slices.Equal(got, users) {
		t.Errorf("%d members came page by page, want %d in the order of their ids", len(got), len(users))
	}
	if none, err := p.Members(t.Context(), r.ID, "", 0); err != nil || len(none) > 0 {
		t.Errorf("a page of none: %v, %v", none, err)
	}
	counts, err := p.CountMembers(t.Context(), []chat.RoomID{other.ID, chat.RoomID(newUser()), r.ID})
	noError(t, err)
	if !slices.Equal(counts, []int{2, 0, len(users)}) {
		t.Errorf("counted %v", counts)
	}
}

func memberRooms(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	wantMemberships(t, p, ann)
	var rooms []chat.RoomID
	for i := range 12 {
		rooms = append(rooms, found(t, p, firstNumber+uint64(i), ann).ID)
	}
	for _, room := range rooms[:5] {
		enter(t, p, newMember(room, bob), true)
	}
	wantMemberships(t, p, ann, slices.Clone(rooms)...)
	wantMemberships(t, p, bob, slices.Clone(rooms[:5])...)
	counts, err := p.CountMembers(t.Context(), append(slices.Clone(rooms), rooms[0]))
	noError(t, err)
	if want := []int{2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 2}; !slices.Equal(counts, want) {
		t.Errorf("counted %v, want %v", counts, want)
	}
}

func memberRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	r := found(t, p, firstNumber, ann)
	var firsts atomic.Int32
	together(20, func(i int) {
		m := newMember(r.ID, bob)
		m.From = uint64(i)
		added, err := p.PutMember(t.Context(), m)
		if err != nil {
			t.Errorf("PutMember: %v", err)
		}
		if added {
			firsts.Add(1)
		}
	})
	if got := firsts.Load(); got != 1 {
		t.Errorf("added %d times, want once", got)
	}
	wantMembers(t, p, r.ID, ann, bob)
	wantMemberships(t, p, bob, r.ID)
}

func memberChangeRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	r := found(t, p, firstNumber, ann, bob)
	was := newMember(r.ID, bob)
	var firsts atomic.Int32
	together(20, func(i int) {
		m := was
		m.MutedUntil = noon().Add(time.Duration(i) * time.Hour)
		switch err := p.ChangeMember(t.Context(), m, was); chat.CodeOf(err) {
		case "":
			firsts.Add(1)
		case chat.Conflict:
		default:
			t.Error(err)
		}
	})
	if got := firsts.Load(); got != 1 {
		t.Errorf("changed %d times, want once", got)
	}
}

func memberOutRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	r := found(t, p, firstNumber, ann, bob)
	var firsts atomic.Int32
	together(20, func(int) {
		removed, err := p.RemoveMember(t.Context(), r.ID, bob)
		if err != nil {
			t.Errorf("RemoveMember: %v", err)
		}
		if removed {
			firsts.Add(1)
		}
	})
	if got := firsts.Load(); got != 1 {
		t.Errorf("removed %d times, want once", got)
	}
	wantMembers(t, p, r.ID, ann)
	wantMemberships(t, p, bob)
}

func memberInOut(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	r := found(t, p, firstNumber, ann)
	var in, out atomic.Int32
	together(20, func(i int) {
		var done bool
		var err error
		count := &in
		if i%2 == 0 {
			done, err = p.PutMember(t.Context(), newMember(r.ID, bob))
		} else {
			done, err = p.RemoveMember(t.Context(), r.ID, bob)
			count = &out
		}
		if err != nil {
			t.Error(err)
		}
		if done {
			count.Add(1)
		}
	})
	switch in.Load() - out.Load() {
	case 0:
		wantMembers(t, p, r.ID, ann)
		wantMemberships(t, p, bob)
	case 1:
		wantMembers(t, p, r.ID, ann, bob)
		wantMemberships(t, p, bob, r.ID)
	default:
		t.Errorf("in %d times, out %d times", in.Load(), out.Load())
	}
}
