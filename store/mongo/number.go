package mongo

import "github.com/parley-chat/parley/chat"

// numbersMost bounds one generation of numbers: 2 × 50,000 conversations of about 100 bytes are 10 MB at the most.
const numbersMost = 50_000

// numbers remembers the last numbers of the conversations written to lately. What it says may be behind, when another
// node has written since, and is never ahead: only numbers that a majority has are set. Its zero value is empty.
type numbers struct {
	young, old map[chat.ConvID]uint64 // what is used moves to young; when young is full, old is dropped and young becomes old
}

func (n *numbers) get(conv chat.ConvID) (seq uint64, ok bool) {
	if seq, ok = n.young[conv]; ok {
		return seq, true
	}
	seq, ok = n.old[conv]
	return seq, ok
}

func (n *numbers) set(conv chat.ConvID, seq uint64) {
	if len(n.young) >= numbersMost {
		n.young, n.old = nil, n.young
	}
	if n.young == nil {
		n.young = make(map[chat.ConvID]uint64)
	}
	n.young[conv] = seq
}

func (n *numbers) forget(conv chat.ConvID) {
	delete(n.young, conv)
	delete(n.old, conv)
}
