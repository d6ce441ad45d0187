package chat

import (
	"container/heap"
	"context"
	"math"
	"time"
)

// search is one call. It walks every conversation from its newest message to its oldest, block by block, and always
// goes on with the one that may hold the newest answer. So a common word is found without looking far into any.
type search struct {
	user     UserID
	rules    *Messages
	messages MessageStore
	sketches SketchStore
	words    Words
	question Question
	from     Place
	now      func() time.Time
	end      time.Time

	walks   walks
	used    []*walk // that may have made sketches
	scanned int     // messages
	ahead   int     // bytes of bodies in the walks' found
}

// walk is how far a search has come in one conversation.
type walk struct {
	conv  ConvID
	room  bool
	floor uint64   // nothing at or below it is looked at
	last  uint64   // the conversation's highest number
	next  uint64   // the highest number not looked at; floor or lower when through
	at    int64    // the earliest time passed so far, in milliseconds: nothing further on counts as newer
	found []answer // above next, newest first
	known sketched // what sketches say of the blocks that come next
	made  []Sketch // in this call
}

// answer is a message that has all the words, and the time as which it counts.
type answer struct {
	message Message
	at      int64
}

// place is where the walk stands: at an answer that has been found, or at what may be one.
func (w *walk) place() Place {
	if len(w.found) > 0 {
		return Place{w.found[0].at, w.conv, w.found[0].message.Seq}
	}
	return Place{w.at, w.conv, w.next}
}

func (w *walk) over() bool { return w.next <= w.floor && len(w.found) == 0 }

// pass takes a time into account.
func (w *walk) pass(at time.Time) { w.at = min(w.at, at.UnixMilli()) }

// rest makes the walk go on from its place later, and keeps nothing but that and the hints that it has not come to: with
// many conversations, one call is too short to read all of those again.
func (w *walk) rest() {
	p := w.place()
	*w = walk{conv: w.conv, room: w.room, floor: w.floor, last: w.last, next: p.seq, at: p.at, known: w.known.upTo(blockOf(p.seq))}
}

// begin opens a walk of one conversation, or of each of the user's.
func (s *search) begin(ctx context.Context, conv ConvID) error {
	convs := []ConvID{conv}
	if conv == "" {
		var err error
		if convs, err = s.messages.Conversations(ctx, s.user); err != nil {
			return err
		}
		rooms, _, err := s.rules.Rooms.Conversations(ctx, s.user)
		if err != nil {
			return err
		}
		convs = append(convs, rooms...)
	}
	if len(convs) == 0 {
		return nil
	}
	newest, err := s.messages.Newest(ctx, convs)
	for i := 0; err == nil && i < len(newest); i++ {
		if newest[i].Seq > 0 {
			err = s.open(ctx, &newest[i])
		}
	}
	return err
}

// open begins the walk of a conversation, at from.
func (s *search) open(ctx context.Context, newest *Receipt) (err error) {
	conv := newest.Conv
	w := &walk{conv: conv, last: newest.Seq, next: newest.Seq, at: newest.At.UnixMilli()}
	_, w.room = conv.Room()
	if err := s.enter(ctx, w); err != nil {
		return err
	}
	switch {
	case w.over() || s.from.IsZero():
	case conv == s.from.conv:
		w.next, w.at = min(w.next, s.from.seq), min(w.at, s.from.at)
	case conv < s.from.conv:
		err = s.rewind(ctx, w, s.from.at-1) // what is as old as from stands before it
	default:
		err = s.rewind(ctx, w, s.from.at)
	}
	if err == nil && !w.over() {
		heap.Push(&s.walks, w)
	}
	return err
}

// enter finds out where the user's part of a room begins now: behind all of it when she is in it no more.
func (s *search) enter(ctx context.Context, w *walk) error {
	if !w.room {
		return nil
	}
	floor, still, err := s.rules.stillReads(ctx, s.user, w.conv)
	if err != nil {
		return err
	}
	if !still {
		floor = math.MaxUint64
	}
	w.floor = floor
	for n := len(w.found); n > 0 && w.found[n-1].message.Seq <= floor; n-- {
		s.ahead -= len(w.found[n-1].message.Body)
		w.found = w.found[:n-1]
	}
	return nil
}

// rewind moves a walk to the newest message that is not newer than until. It takes a read for each bit of the distance,
// and as many to find out how far it is. Where the clock was set back there are several such places: whoever goes on from
// there across conversations may find what was sent in the time that came twice, twice or not at all.
func (s *search) rewind(ctx context.Context, w *walk, until int64) error {
	if w.at <= until {
		return nil
	}
	low, high := w.floor, w.next // high is newer than until; low, and all below it, is not, or is not hers
	w.next = 0
	for step := uint64(1); low+1 < high; {
		probe := low + (high-low)/2
		if low == w.floor && step < high-probe {
			probe = high - step
			step *= 2
		}
		newest, err := s.messages.Before(ctx, w.conv, probe+1, 1)
		switch {
		case err != nil:
			return err
		case len(newest) == 0 || newest[0].Seq <= w.floor:
			low = probe
		case newest[0].At.UnixMilli() > until:
			high = newest[0].Seq
		default:
			low, w.next, w.at = probe, newest[0].Seq, newest[0].At.UnixMilli()
		}
	}
	return nil
}

// find returns the answers that come next.
func (s *search) find(ctx context.Context, limit int) (Found, error) {
	var found Found
	size := 0
	for looked := false; len(s.walks) > 0; {
		w := s.walks[0]
		if err := s.enter(ctx, w); err != nil {
			return Found{}, err
		}
		if w.over() {
			heap.Pop(&s.walks)
			continue
		}
		if len(w.found) == 0 {
			if looked && s.enough() {
				break
			}
			looked = true
			if err := s.look(ctx, w); err != nil {
				return Found{}, err
			}
		} else {
			m := w.found[0].message
			if size += len(m.Body); len(found.Messages) > 0 && size > maxFound {
				break
			}
			found.Messages = append(found.Messages, m)
			w.found = w.found[1:]
			s.ahead -= len(m.Body)
		}
		if w.over() {
			heap.Pop(&s.walks)
		} else {
			heap.Fix(&s.walks, 0)
		}
		if len(found.Messages) == limit {
			break
		}
	}
	if len(s.walks) > 0 {
		found.Next = s.walks[0].place()
	}
	return found, nil
}

// enough tells whether the call has done its share. The place where it ends is further on than where it began, since one
// block at least was looked at.
func (s *search) enough() bool {
	return s.scanned >= maxScanned || s.ahead > maxFoundAhead || !s.now().Before(s.end)
}

// look looks at the walk's next block.
func (s *search) look(ctx context.Context, w *walk) error {
	number := blockOf(w.next)
	first, last := number*blockSize+1, (number+1)*blockSize
	whole := w.last >= last // and so it may have a sketch
	var told hint
	if whole {
		var err error
		if told, err = s.hint(ctx, w, number); err != nil {
			return err
		}
		if told.without {
			w.at = min(w.at, told.oldest)
			w.next = first - 1
			return nil
		}
	}
	sketch := whole && !told.known
	if !sketch {
		last = w.next
	}
	block, err := s.messages.Since(ctx, w.conv, first-1, int(last-first+1))
	if err != nil {
		return err
	}
	for len(block) > 0 && block[len(block)-1].Seq > last {
		block = block[:len(block)-1] // read in place of some that expired
	}
	s.scanned += len(block)
	if sketch && len(block) > 0 {
		if len(w.made) == 0 {
			s.used = append(s.used, w)
		}
		w.made = append(w.made, s.sketch(w, number, block))
	}
	s.scan(w, block)
	w.next = first - 1
	if len(block) == 0 { // expired, and perhaps all below too
		older, err := s.messages.Before(ctx, w.conv, first, 1)
		if err != nil {
			return err
		}
		w.next = 0
		if len(older) > 0 && older[0].Seq > w.floor {
			w.next = older[0].Seq
			w.pass(older[0].At)
		}
	}
	return nil
}

// scan finds the answers in a block.
func (s *search) scan(w *walk, block []Message) {
	for i := len(block) - 1; i >= 0; i-- {
		m := &block[i]
		if m.Seq > w.next || m.Seq <= w.floor {
			continue
		}
		w.pass(m.At)
		if m.hasText() && s.question.Answers(m.Body) {
			w.found = append(w.found, answer{*m, w.at})
			s.ahead += len(m.Body)
		}
	}
}

// hasText tells whether there is something to find in a message.
func (m *Message) hasText() bool { return m.State == AsSent || m.State == Edited }

// walks is a heap of walks that are not over, on top the one at the newest place.
type walks []*walk

func (h walks) Len() int           { return len(h) }
func (h walks) Less(i, j int) bool { return h[i].place().before(h[j].place()) }
func (h walks) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *walks) Push(x any)        { *h = append(*h, x.(*walk)) }
func (h *walks) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
