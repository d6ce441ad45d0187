package engineio

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// What a turn allows from each of its states.
func TestTurns(t *testing.T) {
	states := []string{reading: "reading", again: "again", parked: "parked", ending: "ending"}
	for _, c := range []struct {
		from     uint32
		do       string
		to       uint32
		answered bool
	}{
		{reading, "wake", again, false}, {again, "wake", again, false}, {parked, "wake", reading, true}, {ending, "wake", ending, false},
		{reading, "wake thoroughly", again, false}, {parked, "wake thoroughly", again, true},
		{reading, "park", parked, true}, {again, "park", reading, false}, {ending, "park", ending, false},
		{reading, "end", ending, false}, {again, "end", ending, false}, {parked, "end", ending, true}, {ending, "end", ending, false},
	} {
		var turn turn
		turn.state.Store(c.from)
		var got bool
		switch c.do {
		case "wake":
			got = turn.wake(false)
		case "wake thoroughly":
			got = turn.wake(true)
		case "park":
			var more bool
			if got, more = turn.park(); more != (c.from == again) {
				t.Errorf("park when %s: look once more: %v", states[c.from], more)
			}
		case "end":
			got = turn.end()
		}
		if to := turn.state.Load(); to != c.to || got != c.answered {
			t.Errorf("%s when %s: %v and %s, want %v and %s", c.do, states[c.from], got, states[to], c.answered, states[c.to])
		}
	}
}

// Letters come from several at once, each told of behind it. All are read, by one reader at a time, and the end is seen.
func TestNoWakeIsLostAndOneReadsAtATime(t *testing.T) {
	const writers, letters = 4, 20_000
	var turn turn
	var box, owners atomic.Int64
	read := 0 // by whoever has the turn: the race detector sees to it that only she does
	ended := make(chan bool)
	reader := func() {
		if owners.Add(1) != 1 {
			t.Error("two read at once")
		}
		for {
			for n := box.Swap(0); n > 0; n = box.Swap(0) {
				read += int(n)
			}
			owners.Add(-1)
			ok, more := turn.park()
			if ok {
				return
			}
			owners.Add(1)
			if !more {
				ended <- true
				return
			}
		}
	}
	go reader()
	var writing sync.WaitGroup
	for i := range writers {
		writing.Go(func() {
			for j := range letters {
				box.Add(1)
				if turn.wake(j%2 == 0) {
					go reader()
				}
				if j%16 == i {
					runtime.Gosched() // so that the box runs empty
				}
			}
		})
	}
	writing.Wait()
	await(t, "all letters are taken and the reader is gone", func() bool { return turn.state.Load() == parked })
	if !turn.end() {
		t.Fatal("a parked turn that ends has to be taken")
	}
	go reader()
	receive(t, "the end", ended)
	if read != writers*letters {
		t.Errorf("%d letters were read, want %d", read, writers*letters)
	}
}
