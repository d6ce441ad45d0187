package engineio

import (
	"runtime"
	"sync"
)

// What may be broadcast before a flusher's next round begins. More joins no more writes, for a write takes 16 KB; and all
// of it may wait for one connection, whose bounded queue has to hold it.
const (
	maxUnsent      = 32 // packets
	maxUnsentBytes = 16 << 10
)

// FlushMany flushes connections on which packets of so many bytes were queued, the same on each, as a broadcast does.
// Others write, one on each core, so that its caller goes on. A write to each connection is nearly all that a broadcast
// costs. While one round of them is under way more may be broadcast, and the next round writes all of that to each
// connection at once, as a group commit does. Who broadcasts faster than can be written is held up till that round begins.
func FlushMany(conns []*Conn, packets, bytes int) {
	if len(conns) == 0 {
		return
	}
	all, theirs := conns[0].server.flushers, uint64(0)
	for _, c := range conns {
		i := int(c.id[0]) % len(all) // ids are random
		all[i].add(c)
		theirs |= 1 << i
	}
	for i, f := range all {
		if theirs>>i&1 == 1 {
			f.pace(packets, bytes)
		}
	}
}

// maxFlushers is what a word's bits can tell apart.
const maxFlushers = 64

// flusher writes to its share of the connections.
type flusher struct {
	mu      sync.Mutex // guards what follows
	unsent  []*Conn
	packets int // broadcast since the last round began
	bytes   int
	running bool
	rounds  uint64 // begun
	begun   sync.Cond
}

func newFlushers() []*flusher {
	all := make([]*flusher, min(runtime.GOMAXPROCS(0), maxFlushers))
	for i := range all {
		all[i] = new(flusher)
		all[i].begun.L = &all[i].mu
	}
	return all
}

// add has a connection flushed by the next round, if it is not waiting for that already.
func (f *flusher) add(c *Conn) {
	c.mu.Lock()
	waits := c.unsent
	c.unsent = true
	c.mu.Unlock()
	if waits {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unsent = append(f.unsent, c)
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

// run ends when there is nothing to write. A flush never waits, nor does it call anybody.
func (f *flusher) run() {
	var round []*Conn
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
		for _, c := range round {
			c.flush(true)
		}
	}
}
