package chat_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// The clock is set back and ahead while everybody writes. Numbers follow each other, a ref stays one message with its
// first time, and a backlog brings everything, each conversation in the order of its numbers.
func TestTheClockJumps(t *testing.T) {
	engine, heard, now := newEngine(t), newDoor(), &clock{now: noon()}
	people := settle(t, engine, "Ann", "Bob", "Carl", "Dora")
	dora := people[3]
	s := chat.NewMessages(engine, engine, now.Now)
	s.Start(heard)
	seed := rand.Uint64()
	chance := rand.New(rand.NewPCG(seed, 0))
	jumps := []time.Duration{-time.Hour, 24 * time.Hour, -24 * time.Hour, time.Second, time.Minute, -time.Millisecond, 0}
	const n = 300
	for i := range n {
		now.pass(jumps[chance.IntN(len(jumps))])
		d := draft(people[chance.IntN(3)], dora, fmt.Sprint(i))
		d.Ref = fmt.Sprint("ref ", i)
		submit(t, s, d)
		first := heard.wait(2*i + 1)[2*i]
		now.pass(jumps[chance.IntN(len(jumps))])
		submit(t, s, d)
		again := heard.wait(2*i + 2)[2*i+1]
		if first.Err != nil || first.Repeat || again.Err != nil || !again.Repeat ||
			again.Message.Seq != first.Message.Seq || !again.Message.At.Equal(first.Message.At) {
			t.Fatalf("seed %d: message %d ended as %+v, and again as %+v", seed, i, first, again)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	standing, err := s.Behind(t.Context(), dora, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	next := make(map[chat.ConvID]uint64)
	if err := s.Backlog(t.Context(), dora, standing.Behind, func(m *chat.Message) error {
		if next[m.Conv]++; m.Seq != next[m.Conv] {
			t.Errorf("seed %d: %s comes where %d belongs", seed, m.ID(), next[m.Conv])
		}
		var i int
		fmt.Sscan(string(m.Body), &i)
		got = append(got, i)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	for i, want := range got {
		if i != want {
			t.Fatalf("seed %d: message %d is missing or doubled", seed, i)
		}
	}
	if len(got) != n || len(standing.Last) != 3 {
		t.Errorf("seed %d: %d messages of %d conversations", seed, len(got), len(standing.Last))
	}
}
