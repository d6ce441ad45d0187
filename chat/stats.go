package chat

import (
	"sync/atomic"
	"time"
)

// CommitStats is what the group commit has done since the start, and what waits for it now.
type CommitStats struct {
	Queued, QueuedBytes int           // messages that wait for the next batch
	Batches, Messages   uint64        // committed, whether the engine took them or not
	Spent               time.Duration // by the engine on all batches
}

// commitCounters count batches.
type commitCounters struct{ batches, messages, nanoseconds atomic.Uint64 }

func (c *commitCounters) add(messages int, spent time.Duration) {
	c.batches.Add(1)
	c.messages.Add(uint64(messages))
	c.nanoseconds.Add(uint64(spent))
}

// Stats returns the figures of the group commit.
func (s *Messages) Stats() CommitStats { return s.committer.figures() }

func (c *committer) figures() CommitStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return CommitStats{
		Queued: c.queue.len(), QueuedBytes: c.bytes,
		Batches: c.counters.batches.Load(), Messages: c.counters.messages.Load(),
		Spent: time.Duration(c.counters.nanoseconds.Load()),
	}
}
