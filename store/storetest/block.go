package storetest

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func blockStories() []story {
	return []story{
		{name: "one way only, first blocked first", tell: blockOrder},
		{name: "twenty block and unblock the same user", tell: blockRace},
		{name: "blocks outlast a restart", tell: blockReopen},
	}
}

func block(t testing.TB, p *place, owner, other chat.UserID, want bool) {
	t.Helper()
	blockAt(t, p, owner, other, noon(), want)
}

func blockAt(t testing.TB, p *place, owner, other chat.UserID, at time.Time, want bool) {
	t.Helper()
	changed, err := p.Block(t.Context(), owner, other, at)
	noError(t, err)
	if changed != want {
		t.Errorf("changed = %v, want %v", changed, want)
	}
}

func wantBlocked(t testing.TB, p *place, owner chat.UserID, want ...chat.UserID) {
	t.Helper()
	got, err := p.Blocked(t.Context(), owner)
	noError(t, err)
	if !slices.Equal(got, want) {
		t.Errorf("blocked are %v, want %v", got, want)
	}
}

func blockOrder(t *testing.T, p *place) {
	ann, bob, carl, dave := newUser(), newUser(), newUser(), newUser()
	wantBlocked(t, p, ann)
	blockAt(t, p, ann, carl, noon(), true)
	blockAt(t, p, ann, bob, noon().Add(time.Millisecond), true)
	blockAt(t, p, ann, dave, noon().Add(time.Second), true)
	blockAt(t, p, ann, carl, noon().Add(time.Hour), false)
	wantBlocked(t, p, ann, carl, bob, dave)
	wantBlocked(t, p, bob)
	pairs := [][2]chat.UserID{{ann, bob}, {bob, ann}, {ann, carl}, {ann, newUser()}, {ann, bob}}
	for _, want := range [][]bool{{true, false, true, false, true}, {false, false, true, false, false}} {
		got, err := p.Blocks(t.Context(), pairs)
		noError(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("blocks are %v, want %v", got, want)
		}
		_, err = p.Unblock(t.Context(), ann, bob)
		noError(t, err)
	}
	none, err := p.Blocks(t.Context(), nil)
	noError(t, err)
	if len(none) != 0 {
		t.Errorf("of no pairs: %v", none)
	}
	changed, err := p.Unblock(t.Context(), ann, bob)
	noError(t, err)
	if changed {
		t.Error("unblocked whom she did not block")
	}
	wantBlocked(t, p, ann, carl, dave)
}

func blockRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	var blocked, unblocked atomic.Int32
	together(20, func(int) {
		changed, err := p.Block(t.Context(), ann, bob, noon())
		if err != nil {
			t.Errorf("Block: %v", err)
		}
		if changed {
			blocked.Add(1)
		}
	})
	together(20, func(int) {
		changed, err := p.Unblock(t.Context(), ann, bob)
		if err != nil {
			t.Errorf("Unblock: %v", err)
		}
		if changed {
			unblocked.Add(1)
		}
	})
	if blocked.Load() != 1 || unblocked.Load() != 1 {
		t.Errorf("blocked %d times and unblocked %d times, want once each", blocked.Load(), unblocked.Load())
	}
	wantBlocked(t, p, ann)
}

func blockReopen(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	blockAt(t, p, ann, carl, noon(), true)
	blockAt(t, p, ann, bob, noon().Add(time.Second), true)
	p.reopen(t)
	wantBlocked(t, p, ann, carl, bob)
	block(t, p, ann, bob, false)
}
