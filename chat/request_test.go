package chat_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func TestRequestsAreChecked(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob")
	ann, bob := p[0], p[1]
	for _, c := range []struct {
		what     string
		from, to chat.UserID
		note     string
		code     chat.Code
	}{
		{"herself", ann, ann, "", chat.Invalid},
		{"no id", ann, "bob", "", chat.Invalid},
		{"nobody", ann, chat.NewUserID(noon()), "", chat.NotFound},
		{"a long note", ann, bob, strings.Repeat("好", 201), chat.Invalid},
		{"a note of two lines", ann, bob, "a\nb", chat.Invalid},
		{"the longest note", ann, bob, strings.Repeat("好", 200), ""},
	} {
		_, err := s.Ask(t.Context(), c.from, c.to, c.note)
		wantCode(t, c.what, err, c.code)
	}
	wantCode(t, "answering herself", s.Answer(t.Context(), ann, ann, true), chat.Invalid)
	wantCode(t, "answering who has not asked", s.Answer(t.Context(), ann, bob, true), chat.NotFound)
	wantCode(t, "declining", s.Answer(t.Context(), bob, ann, false), "")
	wantCode(t, "declining again", s.Answer(t.Context(), bob, ann, false), chat.NotFound)
	s.wantList(ann, "///")
}

// Both ask at the same moment: they are friends, exactly one hears that the other accepted, and no request is left.
func TestBothAskAtOnce(t *testing.T) {
	for range 30 {
		s, p := newStreet(t, "Ann", "Bob")
		ann, bob := p[0], p[1]
		askAtOnce(t, [2]*chat.Friends{s.Friends, s.Friends}, ann, bob)
		s.wantList(ann, "Bob///")
		s.wantList(bob, "Ann///")
		if len(s.heard) == 2 && s.heard[0] == `Bob is asked by Ann: ""` {
			s.wantHeard(`Bob is asked by Ann: ""`, "Ann is answered by Bob: true")
		} else {
			s.wantHeard(`Ann is asked by Bob: ""`, "Bob is answered by Ann: true")
		}
	}
}

// The same in two processes on one engine: each may see the other's first, and no one hears it twice.
func TestBothAskAtOnceInTwoProcesses(t *testing.T) {
	for range 30 {
		s, p := newStreet(t, "Ann", "Bob")
		ann, bob := p[0], p[1]
		other := &chat.Friends{Store: s.Store, Accounts: s.Accounts, Now: s.Now, Tell: s.Tell}
		askAtOnce(t, [2]*chat.Friends{s.Friends, other}, ann, bob)
		s.wantList(ann, "Bob///")
		s.wantList(bob, "Ann///")
		times := make(map[string]int)
		for _, heard := range s.heard {
			times[heard]++
		}
		answered := times["Ann is answered by Bob: true"] + times["Bob is answered by Ann: true"]
		if answered == 0 {
			t.Errorf("nobody was told: %q", s.heard)
		}
		for heard, n := range times {
			if n > 1 {
				t.Errorf("%d times: %s", n, heard)
			}
		}
	}
}

func askAtOnce(t *testing.T, rules [2]*chat.Friends, ann, bob chat.UserID) {
	t.Helper()
	var both sync.WaitGroup
	bonds := make([]chat.Bond, 2)
	for i, pair := range [][2]chat.UserID{{ann, bob}, {bob, ann}} {
		both.Go(func() {
			var err error
			if bonds[i], err = rules[i].Ask(t.Context(), pair[0], pair[1], ""); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if bonds[0] != chat.NowFriends && bonds[1] != chat.NowFriends {
		t.Errorf("they are answered %q", bonds)
	}
}

// Bob accepts at one device and declines at the other: one of the two happens.
func TestOneAnswerCounts(t *testing.T) {
	for range 30 {
		s, p := newStreet(t, "Ann", "Bob")
		ann, bob := p[0], p[1]
		s.wantBond(ann, bob, "", chat.NowAsked)
		s.wantHeard(`Bob is asked by Ann: ""`)
		var both sync.WaitGroup
		errs := make([]error, 2)
		for i := range errs {
			both.Go(func() { errs[i] = s.Answer(t.Context(), bob, ann, i == 0) })
		}
		both.Wait()
		if errs[0] == nil {
			wantCode(t, "declining", errs[1], chat.NotFound)
			s.wantHeard("Ann is answered by Bob: true")
			s.wantList(bob, "Ann///")
		} else {
			wantCode(t, "accepting", errs[0], chat.NotFound)
			s.wantHeard("Ann is answered by Bob: false")
			s.wantList(bob, "///")
		}
	}
}

func TestRequestsAreBounded(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob", "Carl", "Dora")
	ann, bob, carl, dora := p[0], p[1], p[2], p[3]
	var batch chat.Batch
	for i := range chat.MaxRequests - 1 {
		batch.Requests = append(batch.Requests,
			chat.FriendRequest{From: ann, To: chat.NewUserID(noon()), At: noon()}, chat.FriendRequest{From: chat.NewUserID(noon()), To: bob, At: noon()})
		if i < chat.MaxRequests-2 {
			batch.Requests = append(batch.Requests, chat.FriendRequest{From: carl, To: chat.NewUserID(noon()), At: noon()})
		}
	}
	if _, err := s.engine.Import(t.Context(), &batch); err != nil {
		t.Fatal(err)
	}
	s.wantBond(ann, bob, "", chat.NowAsked) // her last, and his
	for what, pair := range map[string][2]chat.UserID{"out": {ann, carl}, "in": {carl, bob}} {
		_, err := s.Ask(t.Context(), pair[0], pair[1], "")
		wantCode(t, what, err, chat.TooLarge)
	}
	s.wantBond(ann, bob, "", chat.NowAsked) // which waits already
	s.wantBond(carl, dora, "", chat.NowAsked)

	// Who has all the friends that there may be accepts nobody, and the request waits on.
	batch = chat.Batch{}
	for range chat.MaxFriends {
		batch.Friends = append(batch.Friends, chat.Friendship{Owner: dora, Friend: chat.NewUserID(noon()), Since: noon()})
	}
	if _, err := s.engine.Import(t.Context(), &batch); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "accepting", s.Answer(t.Context(), dora, carl, true), chat.TooLarge)
	s.wantBond(bob, carl, "", chat.NowAsked)
	_, err := s.Ask(t.Context(), dora, bob, "")
	wantCode(t, "asking", err, chat.TooLarge)
	wantCode(t, "declining", s.Answer(t.Context(), dora, carl, false), "")
}

// failingFriends is an engine that does not make friends for a while.
type failingFriends struct {
	chat.FriendStore
	away bool
}

func (s *failingFriends) Befriend(ctx context.Context, a, b chat.UserID, at time.Time) error {
	if s.away {
		return errAway
	}
	return s.FriendStore.Befriend(ctx, a, b, at)
}

// The engine fails between taking the request and making friends: the request waits again.
func TestARequestOutlastsAFailure(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob")
	ann, bob := p[0], p[1]
	engine := &failingFriends{FriendStore: s.Store, away: true}
	s.Store = engine
	s.wantBond(ann, bob, "hello", chat.NowAsked)
	wantCode(t, "accepting", s.Answer(t.Context(), bob, ann, true), chat.Unavailable)
	_, err := s.Ask(t.Context(), bob, ann, "")
	wantCode(t, "asking back", err, chat.Unavailable)
	s.wantHeard(`Bob is asked by Ann: "hello"`)
	if waiting, err := s.Waiting(t.Context(), bob); err != nil || len(waiting) != 1 || waiting[0].Note != "hello" {
		t.Errorf("waiting are %+v, %v", waiting, err)
	}
	engine.away = false
	wantCode(t, "accepting", s.Answer(t.Context(), bob, ann, true), "")
	s.wantHeard("Ann is answered by Bob: true")
	s.wantList(ann, "Bob///")
}

// Ann rings at Bob's door again and again; after a while that is not told any more.
func TestAsksArePaced(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob")
	ann, bob := p[0], p[1]
	s.Asks = &allowance{each: 3}
	for range 3 {
		s.wantBond(ann, bob, "", chat.NowAsked)
		wantCode(t, "taking it back", s.Remove(t.Context(), ann, bob), "")
	}
	_, err := s.Ask(t.Context(), ann, bob, "")
	wantCode(t, "once more", err, chat.TooMany)
	if len(s.heard) != 3 {
		t.Errorf("heard %q", s.heard)
	}
	s.wantBond(bob, ann, "", chat.NowAsked)
}
