package main

import (
	"bytes"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// wire is a connection that talks Socket.IO packets. One goroutine reads; writes come from several, under a lock of
// theirs. *sio.Conn is one, polling is another.
type wire interface {
	// Read returns the next Socket.IO packet, good until the next Read, and answers heartbeats.
	Read() ([]byte, error)
	// Buffered tells whether the next Read will not wait for the server.
	Buffered() bool
	// Write buffers an Engine.IO packet that the caller may reuse at once. Flush sends what was written.
	Write(packet []byte)
	Flush() error
	Close() error
}

// stretch is what all talkers of a run share.
type stretch struct {
	start     time.Time
	latencies latencies
	// Latency counts of what was to be sent from the one to before the other, in nanoseconds since start, whenever it
	// arrives.
	from, until atomic.Int64
	again       atomic.Bool // closed loop: an answer makes its talker say the next
	ended       atomic.Bool // connections are closed on purpose
}

func newStretch() *stretch {
	s := &stretch{start: time.Now()}
	s.from.Store(math.MaxInt64)
	return s
}

func (s *stretch) now() int64 { return int64(time.Since(s.start)) }

// talker is one socket that writes to its partner and looks at what comes from there. One goroutine reads; in the open
// loop another writes, and without acks it is the partner's that does.
type talker struct {
	wire    wire
	partner *talker
	stretch *stretch
	speech  speech

	mu      sync.Mutex // held by whoever writes
	number  uint64     // of the last message sent
	scratch []byte

	sent, acked, refused, received atomic.Int64

	order  order // the reader's own
	roused bool  // the partner has something to flush
}

// talk reads until the connection ends. That is no error when the run ended it.
func (t *talker) talk() error {
	for {
		if !t.wire.Buffered() {
			if err := t.flush(); err != nil {
				return t.unlessEnded(err)
			}
		}
		packet, err := t.wire.Read()
		if err != nil {
			return t.unlessEnded(err)
		}
		switch packet[0] {
		case '2':
			err = t.event(packet)
		case '3':
			t.answered(bytes.Contains(packet, []byte(`"ok":true`)))
		}
		if err != nil {
			return err
		}
	}
}

func (t *talker) unlessEnded(err error) error {
	if t.stretch.ended.Load() {
		return nil
	}
	return err
}

// say writes messages that were to be sent at the given time, and flushes only if asked to.
func (t *talker) say(n int, at int64, flush bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range n {
		t.number++
		t.scratch = t.speech.say(t.scratch[:0], t.number, at)
		t.wire.Write(t.scratch)
		t.sent.Add(1)
	}
	if flush {
		return t.wire.Flush()
	}
	return nil
}

// flush sends what this reader wrote, on its own connection and on the partner's.
func (t *talker) flush() error {
	t.mu.Lock()
	err := t.wire.Flush()
	t.mu.Unlock()
	if err == nil && t.roused {
		t.roused = false
		t.partner.mu.Lock()
		err = t.partner.wire.Flush()
		t.partner.mu.Unlock()
	}
	return err
}

// answered counts what became of one message, and in the closed loop says the next.
func (t *talker) answered(ok bool) {
	if ok {
		t.acked.Add(1)
	} else {
		t.refused.Add(1)
	}
	if t.stretch.again.Load() {
		t.say(1, t.stretch.now(), false)
	}
}

// event looks at an event; those that are not of the talk are none of its business.
func (t *talker) event(packet []byte) error {
	if bytes.HasPrefix(packet, []byte(`2["refused"`)) {
		t.answered(false)
		return nil
	}
	number, at, ours, err := t.speech.hear(packet)
	if err != nil || !ours {
		return err
	}
	t.order.take(number)
	if t.stretch.from.Load() <= at && at < t.stretch.until.Load() {
		t.stretch.latencies.add(t.stretch.now() - at)
	}
	if !t.speech.acks() { // arriving is all the answer there is
		t.partner.answered(true)
		t.roused = true
	}
	t.received.Add(1) // last: whoever reads the counters finds what this message caused
	return nil
}
