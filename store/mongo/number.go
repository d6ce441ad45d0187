package mongo

import (
	"sync"

	"github.com/parley-chat/parley/chat"
)

// numbersMost bounds one generation of numbers: 2 × 50,000 conversations of about 100 bytes are 10 MB at the most.
const numbersMost = 50_000

// numbers remembers the last numbers of the conversations written to or asked for lately. What it says may be behind,
// when another node has written since, and is never ahead: only numbers that a majority has are set. Its zero value is
// empty.
type numbers struct {
	mu         sync.Mutex             // guards what follows
	young, old map[chat.ConvID]uint64 // what is used moves to young; when young is full, old is dropped and young becomes old
}

func (n *numbers) get(conv chat.ConvID) (seq uint64, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.find(conv)
}

func (n *numbers) find(conv chat.ConvID) (seq uint64, ok bool) {
	if seq, ok = n.young[conv]; ok {
		return seq, true
	}
	seq, ok = n.old[conv]
	return seq, ok
}

// set moves a number forward: who read it before another was stored may come after her who stored it.
func (n *numbers) set(conv chat.ConvID, seq uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if known, ok := n.find(conv); ok && known > seq {
		seq = known
	}
	if len(n.young) >= numbersMost {
		n.young, n.old = nil, n.young
	}
	if n.young == nil {
		n.young = make(map[chat.ConvID]uint64)
	}
	n.young[conv] = seq
}

func (n *numbers) forget(conv chat.ConvID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.young, conv)
	delete(n.old, conv)
}
