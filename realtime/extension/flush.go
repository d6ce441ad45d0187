package extension

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/parley-chat/parley/realtime/engineio"
)

// What may be broadcast before a flusher's next round begins. More joins no more writes, for a write takes 16 KB; and all
// of it may wait for one connection, whose bounded queue has to hold it.
const (
	maxUnsent      = 32 // packets
	maxUnsentBytes = 16 << 10
)

// flusher writes what was broadcast to its share of the connections. A write to each is nearly all that a broadcast
// costs. While one round of them is under way more may be broadcast, and the next round writes all of that to each
// connection at once, as a group commit does.
type flusher struct {
	mu      sync.Mutex // guards what follows
	unsent  []*wire
	packets int // broadcast since the last round began
	bytes   int
	running bool
	rounds  uint64 // begun
	begun   sync.Cond
}

func newFlusher() *flusher {
	f := new(flusher)
	f.begun.L = &f.mu
	return f
}

// add has a connection flushed by the next round, if it is not waiting for that already.
func (f *flusher) add(w *wire) {
	if !w.unsent.CompareAndSwap(false, true) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unsent = append(f.unsent, w)
	if !f.running {
		f.running = true
		go f.run()
	}
}

// pace counts a broadcast, and holds up who broadcasts faster than can be written until the next round begins.
func (f *flusher) pace(packets, bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.running { // all is written
		return
	}
	f.packets += packets
	f.bytes += bytes
	if f.packets <= maxUnsent && f.bytes <= maxUnsentBytes {
		return
	}
	for round := f.rounds; f.rounds == round; {
		f.begun.Wait()
	}
}

// run ends when there is nothing to write. A Flush never waits, nor does it call anybody.
func (f *flusher) run() {
	var round []*wire
	for {
		f.mu.Lock()
		f.rounds++
		f.packets, f.bytes = 0, 0
		f.begun.Broadcast()
		if len(f.unsent) == 0 {
			f.running, f.unsent = false, nil
			f.mu.Unlock()
			return
		}
		clear(round)
		round, f.unsent = f.unsent, round[:0]
		f.mu.Unlock()
		for _, w := range round {
			w.unsent.Store(false) // first: what is queued from now on is flushed by the next round, if not by this
			w.conn.Flush()
		}
	}
}

// flushers share the connections, so that there is one writer for each and all cores write.
type flushers struct {
	all  []*flusher
	next atomic.Uint64
}

func newFlushers(n int) *flushers {
	f := &flushers{all: make([]*flusher, n)}
	for i := range f.all {
		f.all[i] = newFlusher()
	}
	return f
}

// assign returns the flusher of a new connection.
func (f *flushers) assign() *flusher { return f.all[f.next.Add(1)%uint64(len(f.all))] }

// flush sees to it that what was just queued on connections is written.
func (f *flushers) flush(unsent []*wire, frames []*engineio.Frame) {
	for _, w := range unsent {
		w.flusher.add(w)
	}
	bytes := 0
	for _, frame := range frames {
		bytes += frame.Len()
	}
	for _, one := range f.all {
		if slices.ContainsFunc(unsent, func(w *wire) bool { return w.flusher == one }) {
			one.pace(len(frames), bytes)
		}
	}
}
