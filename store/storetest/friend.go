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
		{name: "two become friends by agreement", tell: friendAgreed},
		{name: "twenty agree at once", tell: friendAgreedRace},
		{name: "what she calls them", tell: friendRemark},
		{name: "twenty end the same friendship", tell: friendRemoveRace},
		{name: "she leaves everybody", tell: friendLeaves},
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

func wantFriendships(t testing.TB, p *place, owner chat.UserID, want ...chat.Friendship) {
	t.Helper()
	got, err := p.Friendships(t.Context(), owner)
	noError(t, err)
	if !slices.EqualFunc(got, want, func(a, b chat.Friendship) bool {
		same := a.Since.Equal(b.Since)
		a.Since, b.Since = time.Time{}, time.Time{}
		return same && a == b
	}) {
		t.Errorf("friendships are %+v, want %+v", got, want)
	}
}

func unfriend(t testing.TB, p *place, owner, friend chat.UserID, want bool) {
	t.Helper()
	removed, err := p.RemoveFriend(t.Context(), owner, friend)
	noError(t, err)
	if removed != want {
		t.Errorf("removed = %v, want %v", removed, want)
	}
}

func friendAgreed(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	befriend(t, p, ann, bob, noon(), true)
	noError(t, p.SetRemark(t.Context(), ann, bob, "Bobby"))
	later := noon().Add(time.Hour)
	for range 2 {
		noError(t, p.Befriend(t.Context(), bob, ann, later))
		wantFriendships(t, p, ann, chat.Friendship{Owner: ann, Friend: bob, Since: noon(), Remark: "Bobby", Agreed: true})
		wantFriendships(t, p, bob, chat.Friendship{Owner: bob, Friend: ann, Since: later, Agreed: true})
		later = noon().Add(time.Hour)
	}
	befriend(t, p, bob, ann, noon(), false)
	unfriend(t, p, bob, ann, true)
	unfriend(t, p, bob, ann, false)
	wantFriendships(t, p, bob)
	wantFriends(t, p, ann, bob)
	// Added again by himself, it is not agreed any more in his direction.
	befriend(t, p, bob, ann, noon(), true)
	wantFriendships(t, p, bob, chat.Friendship{Owner: bob, Friend: ann, Since: noon()})
}

func friendAgreedRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	together(20, func(i int) {
		a, b := ann, bob
		if i%2 == 1 {
			a, b = bob, ann
		}
		if err := p.Befriend(t.Context(), a, b, noon()); err != nil {
			t.Errorf("Befriend: %v", err)
		}
	})
	wantFriendships(t, p, ann, chat.Friendship{Owner: ann, Friend: bob, Since: noon(), Agreed: true})
	wantFriendships(t, p, bob, chat.Friendship{Owner: bob, Friend: ann, Since: noon(), Agreed: true})
}

func friendRemark(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	wantCode(t, "no friend", p.SetRemark(t.Context(), ann, bob, "Bobby"), chat.NotFound)
	befriend(t, p, ann, bob, noon(), true)
	for _, remark := range append(hostileNames(), "Bobby", "Bobby", "") {
		noError(t, p.SetRemark(t.Context(), ann, bob, remark))
		wantFriendships(t, p, ann, chat.Friendship{Owner: ann, Friend: bob, Since: noon(), Remark: remark})
	}
	wantCode(t, "the other direction", p.SetRemark(t.Context(), bob, ann, "Annie"), chat.NotFound)
	noError(t, p.SetRemark(t.Context(), ann, bob, "Bobby"))
	p.reopen(t)
	wantFriendships(t, p, ann, chat.Friendship{Owner: ann, Friend: bob, Since: noon(), Remark: "Bobby"})
}

func friendRemoveRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	befriend(t, p, ann, bob, noon(), true)
	var removed atomic.Int32
	together(20, func(int) {
		did, err := p.RemoveFriend(t.Context(), ann, bob)
		if err != nil {
			t.Errorf("RemoveFriend: %v", err)
		}
		if did {
			removed.Add(1)
		}
	})
	if got := removed.Load(); got != 1 {
		t.Errorf("removed %d times, want once", got)
	}
	wantFriends(t, p, ann)
}

func friendLeaves(t *testing.T, p *place) {
	ann, bob, carl, dave := newUser(), newUser(), newUser(), newUser()
	noError(t, p.Befriend(t.Context(), ann, bob, noon()))
	befriend(t, p, ann, carl, noon().Add(time.Second), true)
	befriend(t, p, dave, ann, noon(), true)
	noError(t, p.Befriend(t.Context(), bob, carl, noon().Add(time.Second)))
	ask(t, p, chat.FriendRequest{From: ann, To: dave, At: noon()}, true)
	ask(t, p, chat.FriendRequest{From: carl, To: ann, At: noon()}, true)
	ask(t, p, chat.FriendRequest{From: carl, To: dave, At: noon().Add(time.Second)}, true)
	block(t, p, ann, dave, true)
	block(t, p, bob, ann, true)
	for range 2 {
		noError(t, p.RemoveRelations(t.Context(), ann))
		wantFriends(t, p, ann)
		wantFriends(t, p, bob, carl)
		wantFriends(t, p, carl, bob)
		wantFriends(t, p, dave, ann) // it was he who added her
		wantRequests(t, p, dave, chat.FriendRequest{From: carl, To: dave, At: noon().Add(time.Second)})
		wantBlocked(t, p, ann)
		wantBlocked(t, p, bob, ann)
	}
	wantAsked(t, p, carl, chat.FriendRequest{From: carl, To: dave, At: noon().Add(time.Second)})
	p.reopen(t)
	wantFriends(t, p, ann)
	wantAsked(t, p, ann)
}
