package embedded

import (
	"math"
	"sync"
)

// maxKnown bounds one generation of remembered numbers: 2 × 32,768 entries of about 40 bytes are 3 MB at the most.
const maxKnown = 32_768

// numbering gives the messages of each conversation their numbers.
//
// One batch at a time is numbered and made durable, so a number is given again only when the batch that had it failed,
// and then nobody has seen it and it was removed. Pebble shows a batch to readers before it is durable; until it is,
// readers are held below its numbers: what they hand out must be what a restart finds.
//
// Lock order: appending, then underway. Readers take underway alone.
type numbering struct {
	appending sync.Mutex // held while a batch is numbered and made durable; guards known and older
	known     map[convKey]uint64
	older     map[convKey]uint64 // the generation before; dropped when known is full

	underway sync.RWMutex
	from     map[convKey]uint64 // the first number of each conversation in the batch that is on its way; then read only
}

// tally is one conversation's part in a batch.
type tally struct {
	first uint64 // the first number it gets in this batch
	last  uint64 // the last number given
}

// recall returns the last number of a conversation as far as it is remembered.
func (n *numbering) recall(conv convKey) (last uint64, ok bool) {
	if last, ok = n.known[conv]; !ok {
		last, ok = n.older[conv]
	}
	return last, ok
}

// remember notes what a durable batch gave.
func (n *numbering) remember(tallies map[convKey]*tally) {
	for conv, t := range tallies {
		if len(n.known) >= maxKnown {
			n.older, n.known = n.known, nil
		}
		if n.known == nil {
			n.known = make(map[convKey]uint64)
		}
		n.known[conv] = t.last
	}
}

// reset drops everything: the database says what is true.
func (n *numbering) reset() {
	n.known, n.older = nil, nil
	n.hold(nil)
}

// hold keeps readers below the numbers of a batch until the next call; if the batch fails, for as long as its database
// is open. nil holds nobody.
func (n *numbering) hold(tallies map[convKey]*tally) {
	var from map[convKey]uint64
	if len(tallies) > 0 {
		from = make(map[convKey]uint64, len(tallies))
		for conv, t := range tallies {
			from[conv] = t.first
		}
	}
	n.underway.Lock()
	n.from = from
	n.underway.Unlock()
}

// end returns the number below which all of a conversation is durable. A reader asks after it has made its iterator:
// whatever that one sees is by then durable or in the batch on its way.
func (n *numbering) end(conv convKey) uint64 {
	n.underway.RLock()
	defer n.underway.RUnlock()
	if from, ok := n.from[conv]; ok {
		return from
	}
	return math.MaxUint64
}
