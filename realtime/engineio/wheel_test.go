package engineio

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func due(w *wheel, now int64) (fired []*timer) { return w.collect(now, nil) }

// Timers fire once, never early, and at most a tick late, whatever their distance: nearer and farther than one turn of
// the wheel.
func TestWheelFiresInTime(t *testing.T) {
	const tick = time.Millisecond
	w := newWheel(tick)
	random := rand.New(rand.NewPCG(1, 2))
	pending := make(map[*timer]bool)
	for range 2000 {
		timer := new(timer)
		w.armBefore(timer, random.Int64N(3*wheelSlots*int64(tick)))
		pending[timer] = true
	}
	for now := int64(0); now <= 3*wheelSlots*int64(tick)+2*int64(tick); now += random.Int64N(3 * int64(tick)) {
		for _, timer := range due(w, now) {
			if timer.due > now || !pending[timer] {
				t.Fatalf("at %d: due at %d, pending %v", now, timer.due, pending[timer])
			}
			delete(pending, timer)
		}
		for timer := range pending {
			if late := now/int64(tick) - timer.due/int64(tick); late > 1 {
				t.Fatalf("%d ticks late", late)
			}
		}
	}
	if len(pending) > 0 || w.count() != 0 {
		t.Errorf("%d did not fire, %d are armed", len(pending), w.count())
	}
}

func TestWheelStopsAndMovesTimers(t *testing.T) {
	w := newWheel(time.Millisecond)
	at := func(ms int64) int64 { return ms * int64(time.Millisecond) }
	var a, b, c timer
	for _, timer := range []*timer{&a, &b, &c} {
		w.armBefore(timer, at(10))
	}
	w.stop(&b) // from the middle of its slot
	w.stop(&b)
	w.armBefore(&a, at(20)) // stands earlier already
	w.armBefore(&c, at(5))
	if got := due(w, at(7)); !slices.Equal(got, []*timer{&c}) {
		t.Errorf("%d timers at 7 ms", len(got))
	}
	w.armBefore(&b, at(3)) // in the past: with the next tick
	if got := due(w, at(8)); !slices.Equal(got, []*timer{&b}) {
		t.Errorf("%d timers at 8 ms", len(got))
	}
	if got := due(w, at(60_000)); !slices.Equal(got, []*timer{&a}) { // after a long sleep of the machine
		t.Errorf("%d timers after a minute", len(got))
	}
	if w.count() != 0 {
		t.Errorf("%d are armed", w.count())
	}
}
