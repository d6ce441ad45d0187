package storetest

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func friendStories() []story {
	return []story{
		{name: "first added first", tell: friendOrder},
		{name: "one way only", tell: friendOneWay},
		{name: "twenty add the same friend", tell: friendRace},
		{name: "who counts her as a friend", tell: friendBefriended},
		{name: "friends outlast a restart", tell: friendReopen},
	}
}

func wantFriends(t testing.TB, p *place, owner chat.UserID, want ...chat.UserID) {
	t.Helper()
	got, err := p.Friends(t.Context(), owner)
	noError(t, err)
	if !slices.Equal(got, want) {
		t.Errorf("friends are %v, want %v", got, want)
	}
}

func befriend(t testing.TB, p *place, owner, friend chat.UserID, at time.Time, want bool) {
	t.Helper()
	added, err := p.AddFriend(t.Context(), owner, friend, at)
	noError(t, err)
	if added != want {
		t.Errorf("added = %v, want %v", added, want)
	}
}

func friendOrder(t *testing.T, p *place) {
	ann := newUser()
	wantFriends(t, p, ann)
	friends := make([]chat.UserID, 30)
	for i := range friends {
		friends[i] = newUser()
		befriend(t, p, ann, friends[i], noon().Add(time.Duration(i)*time.Millisecond), true)
	}
	// Adding the first again changes nothing, her place neither.
	befriend(t, p, ann, friends[0], noon().Add(time.Hour), false)
	wantFriends(t, p, ann, friends...)
}

func friendOneWay(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	befriend(t, p, ann, bob, noon(), true)
	befriend(t, p, carl, ann, noon(), true)
	wantFriends(t, p, ann, bob)
	wantFriends(t, p, bob)
	wantFriends(t, p, carl, ann)
	befriend(t, p, bob, ann, noon(), true)
	wantFriends(t, p, bob, ann)
}

func friendBefriended(t *testing.T, p *place) {
	ann, bob, carl, dave := newUser(), newUser(), newUser(), newUser()
	befriend(t, p, bob, ann, noon(), true)
	befriend(t, p, ann, carl, noon(), true)
	befriend(t, p, dave, ann, noon(), true)
	befriend(t, p, dave, bob, noon(), true)
	for _, c := range []struct {
		friend chat.UserID
		owners []chat.UserID
		want   []bool
	}{
		{ann, []chat.UserID{bob, carl, dave, ann, newUser(), bob}, []bool{true, false, true, false, false, true}},
		{bob, []chat.UserID{ann, dave}, []bool{false, true}},
		{ann, nil, nil},
	} {
		got, err := p.Befriended(t.Context(), c.owners, c.friend)
		noError(t, err)
		if !slices.Equal(got, c.want) {
			t.Errorf("of %v: %v, want %v", c.owners, got, c.want)
		}
	}
}

func friendRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	var firsts atomic.Int32
	together(20, func(i int) {
		added, err := p.AddFriend(t.Context(), ann, bob, noon().Add(time.Duration(i)*time.Second))
		if err != nil {
			t.Errorf("AddFriend: %v", err)
		}
		if added {
			firsts.Add(1)
		}
	})
	if got := firsts.Load(); got != 1 {
		t.Errorf("added %d times, want once", got)
	}
	wantFriends(t, p, ann, bob)
}

func friendReopen(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	befriend(t, p, ann, carl, noon(), true)
	befriend(t, p, ann, bob, noon().Add(time.Second), true)
	p.reopen(t)
	wantFriends(t, p, ann, carl, bob)
	befriend(t, p, ann, bob, noon().Add(time.Hour), false)
}
