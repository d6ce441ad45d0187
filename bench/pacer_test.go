package main

import (
	"testing"
	"time"
)

// A server that does not read holds the pacer up. What was due meanwhile is said then, with the time at which it was
// due: a stall counts as latency for every message that it delayed.
func TestPacerCountsFromWhenAMessageWasDue(t *testing.T) {
	const rate, held = 10_000.0, 50
	anns, bobs := &script{}, &script{}
	a, b := couple(chatWithAcks, anns, bobs)
	pace := newPacer(&pairs{stretch: a.stretch, talkers: []*talker{a, b}}, rate)
	var stalled int64
	anns.flush = func() {
		if anns.flushed == 1 { // until 50 more are due
			for start := a.stretch.now(); a.stretch.now()-start < held*int64(time.Second/rate); {
				time.Sleep(time.Millisecond)
			}
			stalled = a.stretch.now()
		}
		if anns.flushed == held {
			pace.ended.Store(true)
		}
	}
	pace.run()
	if pace.err != nil {
		t.Fatal(pace.err)
	}
	var first int64
	for i, said := range anns.wrote {
		_, at, _, err := (&chatter{}).hear([]byte(`2["newMessage",{"message":"` + string(said[len(said)-len(`"}]`)-minBody:])))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = at
		}
		if due := int64(2 * float64(i) / rate * 1e9); at-first < due-1000 || at-first > due+1000 { // every second one is Ann's
			t.Errorf("message %d carries %d ns after the first, was due after %d", i, at-first, due)
		}
		if i < held/2 && at > stalled {
			t.Errorf("message %d was due after the stall", i)
		}
	}
	if len(anns.wrote) < held || len(bobs.wrote) < held-1 {
		t.Errorf("Ann said %d, Bob %d, want %d each", len(anns.wrote), len(bobs.wrote), held)
	}
}
