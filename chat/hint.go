package chat

import (
	"context"
	"slices"
)

// How many sketches are read at once: few for who finds soon, more for who goes on and on.
const (
	minHints = 4
	maxHints = 64
)

// maxOutdated is how many changes back a sketch is believed. A search has to look at what was changed since the sketch
// was made, so an old sketch of a conversation with many changes costs more than it saves, and is made anew.
const maxOutdated = 256

// hint is what a search knows of a block before reading it.
type hint struct {
	known   bool  // from a sketch
	without bool  // it holds no answer
	oldest  int64 // milliseconds
}

// sketched are the hints for the blocks that a walk comes to next.
type sketched struct {
	first   uint64 // the block of the first hint
	hints   []hint
	atOnce  int
	asked   bool              // change and changed are known
	change  uint64            // the conversation's last change when the walk began to ask
	changed map[uint64]uint64 // for blocks with changes: the latest
}

// upTo is what is worth keeping for a walk that goes on later from a block downwards. Whether it still holds is asked then:
// see resume.
func (k *sketched) upTo(block uint64) sketched {
	kept := sketched{first: k.first, atOnce: k.atOnce, change: k.change}
	if block >= k.first {
		kept.hints = slices.Clone(k.hints[:min(uint64(len(k.hints)), block-k.first+1)])
	}
	return kept
}

// resume forgets what the walks knew of conversations that were changed since they rested.
func (s *search) resume(ctx context.Context) error {
	convs := make([]ConvID, len(s.walks))
	for i, w := range s.walks {
		convs[i] = w.conv
	}
	changes, err := s.messages.LastChanges(ctx, convs)
	for i := 0; err == nil && i < len(changes); i++ {
		if k := &s.walks[i].known; k.change != changes[i] {
			*k = sketched{}
		}
	}
	return err
}

// hint returns what the sketches say of a block. A walk asks for one after the other, downwards.
func (s *search) hint(ctx context.Context, w *walk, block uint64) (hint, error) {
	k := &w.known
	if block < k.first || block-k.first >= uint64(len(k.hints)) {
		if err := s.readHints(ctx, w, block); err != nil {
			return hint{}, err
		}
	}
	return k.hints[block-k.first], nil
}

// readHints reads the sketches of a block and some below. The changes come first: whatever happens behind that moment is
// behind this search too, and what a sketch made in this call has not seen is changed later.
func (s *search) readHints(ctx context.Context, w *walk, block uint64) error {
	k := &w.known
	if !k.asked {
		if err := s.readChanges(ctx, w); err != nil {
			return err
		}
	}
	k.atOnce = min(max(2*k.atOnce, minHints), maxHints)
	n := min(uint64(k.atOnce), block+1)
	k.first, k.hints = block+1-n, make([]hint, n)
	sketches, err := s.sketches.Sketches(ctx, w.conv, k.first, block+1)
	if err != nil {
		return err
	}
	for i := range sketches {
		sketch := &sketches[i]
		outdated := sketch.Change+maxOutdated < k.change || k.changed[sketch.Block] > sketch.Change
		if !outdated && s.words.Current(sketch.Bits) {
			k.hints[sketch.Block-k.first] = hint{known: true, without: !s.question.MayBeIn(sketch.Bits), oldest: sketch.Oldest.UnixMilli()}
		}
	}
	return nil
}

// readChanges finds out which blocks were changed lately.
func (s *search) readChanges(ctx context.Context, w *walk) error {
	k := &w.known
	changes, err := s.messages.LastChanges(ctx, []ConvID{w.conv})
	if err != nil {
		return err
	}
	k.asked, k.change = true, changes[0]
	if k.change == 0 {
		return nil
	}
	k.changed = make(map[uint64]uint64)
	for after := k.change - min(k.change, maxOutdated); ; {
		page, err := s.messages.Changed(ctx, w.conv, after, maxPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			block := blockOf(page[i].Seq)
			after = page[i].Change
			k.changed[block] = max(k.changed[block], after)
		}
		if after >= k.change {
			return nil
		}
	}
}

// sketch sums up a block that was read whole.
func (s *search) sketch(w *walk, number uint64, block []Message) Sketch {
	bodies := make([][]byte, 0, len(block))
	oldest := block[0].At
	for i := range block {
		if block[i].At.Before(oldest) {
			oldest = block[i].At
		}
		if block[i].hasText() {
			bodies = append(bodies, block[i].Body)
		}
	}
	return Sketch{Block: number, Change: w.known.change, Oldest: oldest, Bits: s.words.Sketch(bodies)}
}

// keepSketches gives the engine what this call has made. An engine that does not take them answers as before: the next
// search makes them again.
func (s *search) keepSketches(ctx context.Context) {
	for _, w := range s.used {
		_ = s.sketches.PutSketches(ctx, w.conv, w.made)
	}
}
