package engineio

import (
	"sync"
	"sync/atomic"
	"time"
)

// wheel is a hashed timing wheel: one ticker for the timers of all connections (Varghese and Lauck, 1987, scheme 6).
// Starting and stopping a timer is a list operation under one lock.
type wheel struct {
	tick  time.Duration
	start time.Time
	clock atomic.Int64 // nanoseconds since start at the last tick

	mu    sync.Mutex // guards the lists; taken after Conn.mu, never before
	slots []*timer
	hand  int64 // ticks so far
	armed int
}

// timer is a connection's place in the wheel.
type timer struct {
	conn       *Conn
	prev, next *timer
	due        int64 // nanoseconds since the wheel's start
	slot       int32 // one more than the index; 0 when not in the wheel
}

// wheelSlots × tick is more than the usual ping interval, so that a slot is visited once per timer.
const wheelSlots = 512

func newWheel(tick time.Duration) *wheel {
	return &wheel{tick: tick, start: time.Now(), slots: make([]*timer, wheelSlots)}
}

// now returns nanoseconds since start, exact.
func (w *wheel) now() int64 { return int64(time.Since(w.start)) }

// armBefore sets the timer to due, unless it stands at an earlier time already.
func (w *wheel) armBefore(t *timer, due int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.slot != 0 && t.due <= due {
		return
	}
	w.unlink(t)
	ticks := max(due/int64(w.tick)+1, w.hand+1) // rounded up: a timer is never early
	slot := int32(ticks % wheelSlots)
	t.due, t.slot = due, slot+1
	t.next = w.slots[slot]
	if t.next != nil {
		t.next.prev = t
	}
	w.slots[slot] = t
	w.armed++
}

// stop takes the timer out.
func (w *wheel) stop(t *timer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(t)
}

func (w *wheel) unlink(t *timer) {
	if t.slot == 0 {
		return
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.slots[t.slot-1] = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.prev, t.next, t.slot = nil, nil, 0
	w.armed--
}

// run fires what is due until stop closes.
func (w *wheel) run(stop <-chan struct{}) {
	ticker := time.NewTicker(w.tick)
	defer ticker.Stop()
	var due []*timer
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		now := w.now()
		w.clock.Store(now)
		due = w.collect(now, due[:0])
		for i, t := range due {
			t.conn.tick(now)
			due[i] = nil
		}
	}
}

// collect advances the hand to now and takes out the timers that are due. A late ticker is caught up with.
func (w *wheel) collect(now int64, due []*timer) []*timer {
	w.mu.Lock()
	defer w.mu.Unlock()
	for target := now / int64(w.tick); w.hand < target; {
		w.hand++
		for t := w.slots[w.hand%wheelSlots]; t != nil; {
			next := t.next
			if t.due <= now {
				w.unlink(t)
				due = append(due, t)
			}
			t = next
		}
	}
	return due
}
