package chat

import (
	"fmt"
	"testing"
)

func TestPausesForgetTheOldest(t *testing.T) {
	var p pauses
	at := func(i int) pause { return pause{user: "ann", q: fmt.Sprint(i), next: Place{at: int64(i)}} }
	of := func(n int) (w walks) {
		for range n {
			w = append(w, &walk{next: 7, at: 9, known: sketched{hints: make([]hint, 64)}})
		}
		return w
	}
	const each = 1000
	for i := range 100 {
		p.put(at(i), of(each))
		p.put(at(i), of(each)) // in place of itself
		if p.holding > mostPaused {
			t.Fatalf("%d walks are remembered", p.holding)
		}
	}
	const kept = mostPaused / each
	if p.take(at(99-kept)) != nil {
		t.Error("one too many is remembered")
	}
	for i := 100 - kept; i < 100; i++ {
		got := p.take(at(i))
		if len(got) != each || got[0].next != 7 || got[0].at != 9 || len(got[0].known.hints) != 1 {
			t.Fatalf("%d walks of search %d, the first %+v", len(got), i, got[0])
		}
		if p.take(at(i)) != nil {
			t.Error("taken twice")
		}
	}
	if p.holding != 0 || len(p.order) != 0 || len(p.walks) != 0 {
		t.Errorf("%d walks, %d names, %d searches remain", p.holding, len(p.order), len(p.walks))
	}
	for _, n := range []int{0, leastPaused - 1, mostPaused + 1} {
		if p.put(at(1), of(n)); p.take(at(1)) != nil {
			t.Errorf("%d walks are remembered", n)
		}
	}
}
