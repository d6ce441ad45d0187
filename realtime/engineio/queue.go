package engineio

// queue is a first-in first-out list of frames that keeps its array while it is short.
type queue struct {
	frames []*Frame
	head   int
}

func (q *queue) len() int { return len(q.frames) - q.head }

func (q *queue) at(i int) *Frame { return q.frames[q.head+i] }

// first returns the first n frames, for as long as nothing is dropped.
func (q *queue) first(n int) []*Frame { return q.frames[q.head : q.head+n] }

func (q *queue) push(frames ...*Frame) {
	if q.head > 0 && len(q.frames)+len(frames) > cap(q.frames) && q.head >= len(q.frames)/2 {
		// Half of the array is free at its front: moving down is cheaper than a longer array, and pays for itself.
		rest := copy(q.frames, q.frames[q.head:])
		clear(q.frames[rest:])
		q.frames, q.head = q.frames[:rest], 0
	}
	q.frames = append(q.frames, frames...)
}

// drop removes the first n frames.
func (q *queue) drop(n int) {
	clear(q.frames[q.head : q.head+n])
	if q.head += n; q.head < len(q.frames) {
		return
	}
	q.frames, q.head = q.frames[:0], 0
	if cap(q.frames) > 16 {
		q.frames = nil // an idle connection keeps little
	}
}
