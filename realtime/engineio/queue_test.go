package engineio

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A queue is a slice that grows at its end and shrinks at its front; it forgets what it gave away, and an empty one
// keeps no long array.
func TestQueueIsFirstInFirstOut(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	var q queue
	var want []*Frame
	for step := range 20_000 {
		if most := 1 + step%300; random.IntN(2) == 0 || len(want) == 0 {
			fresh := make([]*Frame, 1+random.IntN(most))
			for i := range fresh {
				fresh[i] = new(Frame)
			}
			q.push(fresh...)
			want = append(want, fresh...)
		} else {
			n := 1 + random.IntN(min(len(want), 2*most))
			q.drop(n)
			want = want[n:]
		}
		if q.len() != len(want) {
			t.Fatalf("step %d: %d frames, want %d", step, q.len(), len(want))
		}
		if !slices.Equal(q.frames[q.head:], want) {
			t.Fatalf("step %d: not what was pushed", step)
		}
		if slices.ContainsFunc(q.frames[:q.head], func(f *Frame) bool { return f != nil }) {
			t.Fatalf("step %d: holds on to what it gave away", step)
		}
		if len(want) == 0 && cap(q.frames) > 16 {
			t.Fatalf("step %d: empty with room for %d", step, cap(q.frames))
		}
		if cap(q.frames) > 16*(len(want)+300) {
			t.Fatalf("step %d: room for %d with %d frames", step, cap(q.frames), len(want))
		}
	}
}
