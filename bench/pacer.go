package main

import (
	"sync/atomic"
	"time"
)

// pacer says messages by a schedule that no server can slow down: message k is due k/rate after the start, and the
// talkers take turns. A message that is said late, because the server did not take the one before, still carries the
// time at which it was due, so waiting of that kind counts as latency (no coordinated omission).
type pacer struct {
	pairs *pairs
	rate  float64   // messages a second, of all talkers together
	late  latencies // of the schedule itself: what the generator adds to each latency
	ended atomic.Bool
	done  chan struct{} // closed when run is over; err is set by then
	err   error
}

func newPacer(s *pairs, rate float64) *pacer {
	return &pacer{pairs: s, rate: rate, done: make(chan struct{})}
}

// run says messages until stop.
func (p *pacer) run() {
	defer close(p.done)
	start, talkers := p.pairs.now(), p.pairs.talkers
	for k := 0; !p.ended.Load(); k++ {
		due := start + int64(float64(k)/p.rate*1e9)
		now := p.pairs.now()
		if ahead := due - now; ahead > 0 {
			time.Sleep(time.Duration(ahead))
			now = p.pairs.now()
		}
		p.late.add(now - due)
		if p.err = talkers[k%len(talkers)].say(1, due, true); p.err != nil {
			return
		}
	}
}

// stop ends run, once the write under way is over. A server that does not read for drainWait is given up: run then ends
// with an error.
func (p *pacer) stop() {
	p.ended.Store(true)
	select {
	case <-p.done:
	case <-time.After(drainWait):
		for _, t := range p.pairs.talkers {
			t.wire.Close()
		}
		<-p.done
	}
}
