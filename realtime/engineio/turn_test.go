package engineio

import "testing"

// What a turn allows from each of its states.
func TestTurns(t *testing.T) {
	states := []string{reading: "reading", parked: "parked", ending: "ending"}
	for _, c := range []struct {
		from     uint32
		do       string
		to       uint32
		answered bool
	}{
		{reading, "wake", reading, false}, {parked, "wake", reading, true}, {ending, "wake", ending, false},
		{reading, "park", parked, true}, {ending, "park", ending, false},
		{reading, "end", ending, false}, {parked, "end", ending, true}, {ending, "end", ending, false},
	} {
		var turn turn
		turn.state.Store(c.from)
		got := map[string]func() bool{"wake": turn.wake, "park": turn.park, "end": turn.end}[c.do]()
		if to := turn.state.Load(); to != c.to || got != c.answered {
			t.Errorf("%s when %s: %v and %s, want %v and %s", c.do, states[c.from], got, states[to], c.answered, states[c.to])
		}
		if turn.ended() != (c.to == ending) {
			t.Errorf("%s when %s: ended is %v", c.do, states[c.from], turn.ended())
		}
	}
}
