package chat

import (
	"context"
	"hash/maphash"
	"log/slog"
	"runtime"
	"sync"
	"time"
)

// Bounds of the committer. A batch waits for the disk once, so it is as large as what arrived during the last one.
const (
	maxQueued      = 16_384
	maxQueuedBytes = 64 << 20
	maxBatch       = 2048
	maxBatchBytes  = 8 << 20
	submitWait     = 5 * time.Second // how long Submit waits for room in the queue
	lanesAhead     = 4               // batches that may wait for delivery in each lane
)

// committer is the group commit: whatever is submitted while one batch becomes durable is the next batch. Outcomes
// leave in lanes, one goroutine each, chosen by conversation, so that a conversation keeps its order while delivery
// uses every core and the next batch is already on its way to the disk.
type committer struct {
	store   MessageStore
	log     *slog.Logger
	seed    maphash.Seed
	lanes   []chan []Outcome
	ready   chan struct{} // holds one token when there may be work
	closing chan struct{} // closed when nothing more is taken
	done    chan struct{} // closed when all is delivered

	nonces   nonces
	watch    *time.Timer   // runs while the engine is asked
	watched  chan struct{} // holds one token when watch has fired and is through
	counters commitCounters

	mu     sync.Mutex // guards what follows
	queue  batch
	bytes  int
	space  chan struct{} // closed and replaced when the queue shrinks
	away   bool          // the engine does not answer: nothing is taken
	closed bool
}

func newCommitter(store MessageStore) *committer {
	return &committer{
		store:   store,
		log:     slog.New(slog.DiscardHandler),
		seed:    maphash.MakeSeed(),
		lanes:   make([]chan []Outcome, runtime.GOMAXPROCS(0)),
		ready:   make(chan struct{}, 1),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
		nonces:  nonces{prefix: RandomID(12)},
		watched: make(chan struct{}, 1),
		space:   make(chan struct{}),
	}
}

func (c *committer) start(doors []Door) {
	var lanes sync.WaitGroup
	for i := range c.lanes {
		lane := make(chan []Outcome, lanesAhead)
		c.lanes[i] = lane
		lanes.Go(func() {
			for batch := range lane {
				for _, door := range doors {
					door.Deliver(batch)
				}
			}
		})
	}
	c.watch = time.AfterFunc(answerWait, func() {
		c.leave(context.DeadlineExceeded)
		c.watched <- struct{}{}
	})
	c.watch.Stop()
	go func() {
		c.run()
		for _, lane := range c.lanes {
			close(lane)
		}
		lanes.Wait()
		close(c.done)
	}()
}

func (c *committer) close(ctx context.Context) error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.closing)
	}
	c.mu.Unlock()
	c.wake()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return Wrap(Unavailable, "messages still being stored", ctx.Err())
	}
}

func (c *committer) wake() {
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// submit queues a copy of m, and waits for room where there is none. The way that nearly every message takes is kept
// shallow: else the stack of every sender's goroutine grows.
func (c *committer) submit(ctx context.Context, m *Message, origin any) error {
	space, err := c.offer(m, origin)
	if space == nil {
		return err
	}
	return c.submitLater(ctx, space, m, origin)
}

// offer queues a copy of m. Where there is no room it returns what is closed when there may be.
func (c *committer) offer(m *Message, origin any) (space <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, Errorf(Unavailable, "the server is shutting down")
	case c.away:
		return nil, errRefused()
	case c.queue.len() >= maxQueued || c.bytes+len(m.Body) > maxQueuedBytes:
		return c.space, nil
	}
	c.queue.add(m, origin)
	c.bytes += len(m.Body)
	if c.queue.len() == 1 {
		c.wake()
	}
	return nil, nil
}

func (c *committer) submitLater(ctx context.Context, space <-chan struct{}, m *Message, origin any) (err error) {
	late := time.NewTimer(submitWait)
	defer late.Stop()
	for space != nil {
		select {
		case <-space:
		case <-late.C:
			return &Error{Code: Unavailable, Message: "the server is too busy to store messages", RetryAfter: submitWait}
		case <-ctx.Done():
			return Wrap(Unavailable, "cancelled", ctx.Err())
		}
		space, err = c.offer(m, origin)
	}
	return err
}

// run commits until the committer is closed and empty.
func (c *committer) run() {
	for {
		batch, more := c.take()
		if batch.len() == 0 {
			if !more {
				return
			}
			<-c.ready
			continue
		}
		c.commit(batch)
	}
}

// take removes the next batch from the queue; more is false when none will ever come.
func (c *committer) take() (next batch, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, bytes := 0, 0
	for n < c.queue.len() && n < maxBatch && bytes < maxBatchBytes {
		bytes += len(c.queue.messages[n].Body)
		n++
	}
	if n == 0 {
		return batch{}, !c.closed
	}
	next, rest := c.queue.cut(n)
	c.queue = makeBatch(max(n, rest.len())) // what comes next is about as much
	c.queue.addAll(rest)
	c.bytes -= bytes
	c.makeSpace()
	return next, true
}

// makeSpace wakes those who wait for room. The caller holds c.mu.
func (c *committer) makeSpace() {
	close(c.space)
	c.space = make(chan struct{})
}

// deliver hands a batch to the lanes of its conversations. It waits while a lane is full: that is the back-pressure
// from delivery to those who send.
func (c *committer) deliver(b batch) {
	outcomes := b.ends()
	if len(outcomes) == 0 {
		return
	}
	if len(c.lanes) == 1 || len(outcomes) == 1 {
		c.lanes[c.lane(&b.messages[0])] <- outcomes
		return
	}
	counts := make([]int, len(c.lanes))
	for i := range outcomes {
		lane := c.lane(&b.messages[i])
		outcomes[i].lane = uint16(lane)
		counts[lane]++
	}
	parts, from := make([]Outcome, len(outcomes)), 0
	split := make([][]Outcome, len(c.lanes))
	for lane, n := range counts {
		split[lane] = parts[from : from : from+n]
		from += n
	}
	for i := range outcomes {
		lane := outcomes[i].lane
		split[lane] = append(split[lane], outcomes[i])
	}
	for lane, part := range split {
		if len(part) > 0 {
			c.lanes[lane] <- part
		}
	}
}

func (c *committer) lane(m *Message) int {
	return int(maphash.String(c.seed, string(m.Conv)) % uint64(len(c.lanes)))
}
