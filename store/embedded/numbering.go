package embedded

import (
	"math"
	"sync"
)

// maxKnown bounds one generation of remembered numbers: 2 × 131,072 entries of about 60 bytes are 16 MB at the most, when
// so many conversations are active. A number that is not remembered costs its message a search through the tables.
const maxKnown = 131_072

// numbering gives the messages of each conversation their numbers.
//
// One batch at a time is numbered and made durable, so a number is given again only when the batch that had it failed,
// and then nobody has seen it and it was removed. Pebble shows a batch to readers before it is durable; until it is,
// readers are held below its numbers: what they hand out must be what a restart finds.
//
// Lock order: appending, then underway. Readers take underway alone.
type numbering struct {
	appending sync.Mutex // held while a batch is numbered and made durable; guards known, older and spare
	known     map[convKey]uint64
	older     map[convKey]uint64 // the generation before; dropped when known is full
	spare     tallies            // empty; the next batch's

	underway sync.RWMutex
	held     tallies // of the batch that is on its way; then read only
}

// maxSpare bounds the map that one batch leaves to the next: to empty it takes as long as it is large.
const maxSpare = 256

// tallies are the conversations of a batch.
type tallies map[convKey]tally

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

// begin returns the tallies of a new batch.
func (n *numbering) begin() tallies {
	t := n.spare
	if n.spare = nil; t == nil {
		t = make(tallies)
	}
	return t
}

// remember notes what a durable batch gave.
func (n *numbering) remember(batch tallies) {
	for conv, t := range batch {
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

// hold keeps readers below the numbers of a batch until it is released; if the batch fails, for as long as its database
// is open. nil holds nobody.
func (n *numbering) hold(batch tallies) {
	n.underway.Lock()
	n.held = batch
	n.underway.Unlock()
}

// release ends hold. No reader looks at the tallies any more, so the next batch may have the map.
func (n *numbering) release(batch tallies) {
	n.hold(nil)
	if len(batch) <= maxSpare {
		clear(batch)
		n.spare = batch
	}
}

// end returns the number below which all of a conversation is durable. A reader asks after it has made its iterator:
// whatever that one sees is by then durable or in the batch on its way.
func (n *numbering) end(conv convKey) uint64 {
	n.underway.RLock()
	defer n.underway.RUnlock()
	if t, ok := n.held[conv]; ok {
		return t.first
	}
	return math.MaxUint64
}
