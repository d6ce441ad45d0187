package hub

import (
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/parley-chat/parley/chat"
)

type session struct{ name string }

func TestHubKnowsWhoIsHere(t *testing.T) {
	h := New[*session]()
	phone, laptop, bobs := &session{"phone"}, &session{"laptop"}, &session{"Bob's"}
	h.Add("ann", phone)
	h.Add("ann", laptop)
	h.Add("ann", phone) // logs in once more
	h.Add("bob", bobs)
	before := h.Of("ann")
	if !slices.Equal(before, []*session{phone, laptop}) || h.Users() != 2 {
		t.Fatalf("Ann has %v, %d users", before, h.Users())
	}
	seen := make(map[chat.UserID]int)
	for user, sessions := range h.Each {
		seen[user] = len(sessions)
	}
	if len(seen) != 2 || seen["ann"] != 2 || seen["bob"] != 1 {
		t.Errorf("a walk sees %v", seen)
	}
	for range h.Each {
		break
	}

	h.Remove("ann", phone)
	h.Remove("ann", phone)
	h.Remove("carl", phone)
	if got := h.Of("ann"); !slices.Equal(got, []*session{laptop}) || h.Users() != 2 {
		t.Errorf("Ann is left with %v, %d users", got, h.Users())
	}
	if before[0] != phone || before[1] != laptop {
		t.Error("who walks Ann's sessions sees them change")
	}
	h.Remove("ann", laptop)
	h.Remove("bob", bobs)
	if h.Users() != 0 || len(h.Of("ann")) != 0 {
		t.Errorf("everybody left, and %d users are here", h.Users())
	}
	for i := range h.shards {
		if len(h.shards[i].users) != 0 {
			t.Errorf("everybody left, and %v is kept", h.shards[i].users)
		}
	}
}

func TestHubUnderARace(t *testing.T) {
	h := New[*session]()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			user := chat.UserID(strconv.Itoa(i % 4))
			mine := &session{strconv.Itoa(i)}
			for range 200 {
				h.Add(user, mine)
				if !slices.Contains(h.Of(user), mine) {
					t.Error("a session that entered is not here")
				}
				h.Each(func(_ chat.UserID, sessions []*session) bool { return len(sessions) > 0 })
				h.Remove(user, mine)
			}
		})
	}
	all.Wait()
	if h.Users() != 0 {
		t.Errorf("everybody left, and %d users are here", h.Users())
	}
}

func BenchmarkOf(b *testing.B) {
	h := New[*session]()
	users := make([]chat.UserID, 10_000)
	for i := range users {
		users[i] = chat.UserID(strconv.Itoa(1_000_000 + i))
		h.Add(users[i], new(session))
	}
	for i := 0; b.Loop(); i++ {
		h.Of(users[i%len(users)])
	}
}

func BenchmarkComeAndGo(b *testing.B) {
	h := New[*session]()
	s := new(session)
	for b.Loop() {
		h.Add("ann", s)
		h.Remove("ann", s)
	}
}
