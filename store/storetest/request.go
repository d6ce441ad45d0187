package storetest

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func requestStories() []story {
	return []story{
		{name: "one in each direction, oldest first", tell: requestOrder},
		{name: "for whom any waits", tell: requestAwaited},
		{name: "twenty ask the same", tell: requestPutRace},
		{name: "of twenty takers one gets it", tell: requestTakeRace},
		{name: "two ask each other at once, and one at least knows", tell: requestCross},
		{name: "requests outlast a restart", tell: requestReopen},
	}
}

func ask(t testing.TB, p *place, r chat.FriendRequest, want bool) {
	t.Helper()
	added, err := p.PutRequest(t.Context(), r)
	noError(t, err)
	if added != want {
		t.Errorf("added = %v, want %v", added, want)
	}
}

func take(t testing.TB, p *place, want chat.FriendRequest) {
	t.Helper()
	got, err := p.TakeRequest(t.Context(), want.From, want.To)
	noError(t, err)
	if !sameRequest(got, want) {
		t.Errorf("took %+v, want %+v", got, want)
	}
}

func sameRequest(a, b chat.FriendRequest) bool {
	return a.From == b.From && a.To == b.To && a.Note == b.Note && a.At.Equal(b.At)
}

func wantAsked(t testing.TB, p *place, from chat.UserID, want ...chat.FriendRequest) {
	t.Helper()
	got, err := p.Asked(t.Context(), from)
	noError(t, err)
	if !slices.EqualFunc(got, want, sameRequest) {
		t.Errorf("asked are %+v, want %+v", got, want)
	}
}

func wantRequests(t testing.TB, p *place, to chat.UserID, want ...chat.FriendRequest) {
	t.Helper()
	got, err := p.Requests(t.Context(), to)
	noError(t, err)
	if !slices.EqualFunc(got, want, sameRequest) {
		t.Errorf("requests are %+v, want %+v", got, want)
	}
}

func requestOrder(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	wantRequests(t, p, bob)
	first := chat.FriendRequest{From: carl, To: bob, Note: "我是卡尔", At: noon()}
	second := chat.FriendRequest{From: ann, To: bob, At: noon().Add(time.Millisecond)}
	third := chat.FriendRequest{From: ann, To: carl, Note: "hi", At: noon().Add(time.Second)}
	back := chat.FriendRequest{From: bob, To: ann, At: noon().Add(time.Minute)}
	for _, r := range []chat.FriendRequest{third, second, first, back} {
		ask(t, p, r, true)
	}
	again := second
	again.Note, again.At = "please", noon().Add(time.Hour)
	ask(t, p, again, false)
	wantRequests(t, p, bob, first, second)
	wantRequests(t, p, ann, back)
	wantAsked(t, p, ann, second, third)
	wantAsked(t, p, bob, back)

	take(t, p, second)
	_, err := p.TakeRequest(t.Context(), ann, bob)
	wantCode(t, "taken already", err, chat.NotFound)
	_, err = p.TakeRequest(t.Context(), bob, carl)
	wantCode(t, "the other direction", err, chat.NotFound)
	wantRequests(t, p, bob, first)
	ask(t, p, again, true)
	wantAsked(t, p, ann, third, again)
}

func requestAwaited(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	want := func(want []bool, users ...chat.UserID) {
		t.Helper()
		got, err := p.Awaited(t.Context(), users)
		noError(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("awaited are %v, want %v", got, want)
		}
	}
	want(nil)
	want([]bool{false}, bob)
	for i, from := range []chat.UserID{ann, carl, newUser()} {
		ask(t, p, chat.FriendRequest{From: from, To: bob, At: noon().Add(time.Duration(i))}, true)
	}
	ask(t, p, chat.FriendRequest{From: bob, To: carl, At: noon()}, true)
	want([]bool{false, true, true, false, true}, ann, bob, carl, newUser(), bob)
	take(t, p, chat.FriendRequest{From: bob, To: carl, At: noon()})
	want([]bool{true, false}, bob, carl)
}

func requestPutRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	var firsts atomic.Int32
	together(20, func(i int) {
		added, err := p.PutRequest(t.Context(), chat.FriendRequest{From: ann, To: bob, At: noon()})
		if err != nil {
			t.Errorf("PutRequest: %v", err)
		}
		if added {
			firsts.Add(1)
		}
	})
	if got := firsts.Load(); got != 1 {
		t.Errorf("added %d times, want once", got)
	}
	wantRequests(t, p, bob, chat.FriendRequest{From: ann, To: bob, At: noon()})
}

func requestTakeRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	r := chat.FriendRequest{From: ann, To: bob, Note: "hi", At: noon()}
	ask(t, p, r, true)
	var got atomic.Int32
	together(20, func(int) {
		taken, err := p.TakeRequest(t.Context(), ann, bob)
		switch {
		case err == nil:
			got.Add(1)
			if !sameRequest(taken, r) {
				t.Errorf("took %+v", taken)
			}
		case chat.CodeOf(err) != chat.NotFound:
			t.Errorf("TakeRequest: %v", err)
		}
	})
	if n := got.Load(); n != 1 {
		t.Errorf("%d got it, want one", n)
	}
	wantRequests(t, p, bob)
	wantAsked(t, p, ann)
}

// Each puts her own, and only then takes the other's: that is what the rule of asking rests on.
func requestCross(t *testing.T, p *place) {
	for range 20 {
		users := [2]chat.UserID{newUser(), newUser()}
		var got atomic.Int32
		together(2, func(i int) {
			me, other := users[i], users[1-i]
			if _, err := p.PutRequest(t.Context(), chat.FriendRequest{From: me, To: other, At: noon()}); err != nil {
				t.Errorf("PutRequest: %v", err)
			}
			_, err := p.TakeRequest(t.Context(), other, me)
			switch {
			case err == nil:
				got.Add(1)
			case chat.CodeOf(err) != chat.NotFound:
				t.Errorf("TakeRequest: %v", err)
			}
		})
		if got.Load() == 0 {
			t.Fatal("both asked, and neither found the other's")
		}
	}
}

func requestReopen(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	r := chat.FriendRequest{From: ann, To: bob, Note: "hi", At: noon()}
	gone := chat.FriendRequest{From: bob, To: ann, At: noon()}
	ask(t, p, r, true)
	ask(t, p, gone, true)
	take(t, p, gone)
	p.reopen(t)
	wantRequests(t, p, bob, r)
	wantAsked(t, p, ann, r)
	take(t, p, r)
}
