package chat

import (
	"container/heap"
	"context"
	"time"
)

// Standing is how a device stands to the conversations of its user.
type Standing struct {
	Behind map[ConvID]uint64 // those that hold something for it, and the number from which it goes on
	Last   map[ConvID]uint64 // the last number of those
	Rooms  map[ConvID]uint64 // of each room of hers, the number from which it goes on, whether there is more or not
}

// Behind tells how a device with these cursors stands. What a room held before its user came is hers to read, if at all, and
// nothing that she is behind with; and all but the newest RoomBacklog messages are left out.
func (s *Messages) Behind(ctx context.Context, user UserID, cursors map[ConvID]uint64) (Standing, error) {
	standing := Standing{Behind: make(map[ConvID]uint64), Last: make(map[ConvID]uint64)}
	convs, err := s.store.Conversations(ctx, user)
	if err != nil {
		return Standing{}, err
	}
	direct := len(convs)
	parts, err := s.Rooms.parts(ctx, user)
	if err != nil {
		return Standing{}, err
	}
	if len(parts) > 0 {
		standing.Rooms = make(map[ConvID]uint64, len(parts))
	}
	for i := range parts {
		convs = append(convs, RoomConv(parts[i].room.ID))
	}
	if len(convs) == 0 {
		return standing, nil
	}
	seqs, err := s.store.Last(ctx, convs)
	if err != nil {
		return Standing{}, err
	}
	for i, conv := range convs {
		after := cursors[conv]
		if i >= direct {
			after = max(after, parts[i-direct].self.From)
			if most := uint64(s.RoomBacklog); most > 0 && seqs[i] > after+most {
				after = seqs[i] - most
			}
			standing.Rooms[conv] = after
		}
		if seqs[i] > after {
			standing.Behind[conv], standing.Last[conv] = after, seqs[i]
		}
	}
	return standing, nil
}

// Backlog calls emit with every message of the given conversations of a user past the given numbers: each conversation in
// the order of its numbers, all of them together oldest first. Of a room it gives nothing at or below the user's floor, and
// no more once she is out of it. It ends with the first error, its own or emit's.
//
// One page is in memory at a time, however many conversations there are: of the others only the age of the next
// message is known, and their page is read again when it is their turn.
func (s *Messages) Backlog(ctx context.Context, user UserID, behind map[ConvID]uint64, emit func(*Message) error) error {
	var queue backlog
	for conv, after := range behind {
		u := unread{conv: conv, after: after, limit: minPage}
		_, u.room = conv.Room()
		first, err := s.unread(ctx, user, &u, 1)
		if err != nil {
			return err
		}
		if len(first) > 0 {
			u.next = first[0].At
			queue = append(queue, u)
		}
	}
	heap.Init(&queue)
	for len(queue) > 0 {
		oldest := &queue[0]
		page, err := s.unread(ctx, user, oldest, oldest.limit)
		if err != nil {
			return err
		}
		until, others := queue.second()
		n := 0
		for ; n < len(page) && (!others || !page[n].At.After(until)); n++ {
			if oldest.room { // emit may have waited for long
				if _, still, err := s.stillReads(ctx, user, oldest.conv); err != nil {
					return err
				} else if !still {
					page = page[:n]
					break
				}
			}
			if err := emit(&page[n]); err != nil {
				return err
			}
			oldest.after = page[n].Seq
		}
		switch {
		case n < len(page): // another conversation's turn; also when next was only a lower bound, and n is 0
			oldest.next = page[n].At
		case n < oldest.limit: // that was all
			heap.Pop(&queue)
			continue
		default:
			oldest.next = page[n-1].At
		}
		oldest.limit = min(max(2*n, minPage), maxPage)
		heap.Fix(&queue, 0)
	}
	return nil
}

// unread reads on in a conversation; nothing when it is a room that the user is no longer in.
func (s *Messages) unread(ctx context.Context, user UserID, u *unread, limit int) ([]Message, error) {
	if u.room {
		floor, still, err := s.stillReads(ctx, user, u.conv)
		if err != nil || !still {
			return nil, err
		}
		u.after = max(u.after, floor)
	}
	return s.store.Since(ctx, u.conv, u.after, limit)
}

// Messages read at once for a backlog: few where conversations take turns, more where one goes on and on.
const (
	minPage = 8
	maxPage = 64
)

// unread is a conversation of which a backlog has not sent all.
type unread struct {
	conv  ConvID
	room  bool
	after uint64
	next  time.Time // the age of the message behind after, or a lower bound
	limit int
}

// backlog is a heap of conversations, the one with the oldest unsent message on top.
type backlog []unread

// second returns the age of the oldest message of all conversations but the one on top.
func (b backlog) second() (next time.Time, ok bool) {
	switch len(b) {
	case 0, 1:
		return next, false
	case 2:
		return b[1].next, true
	}
	if b.Less(2, 1) {
		return b[2].next, true
	}
	return b[1].next, true
}

func (b backlog) Len() int           { return len(b) }
func (b backlog) Less(i, j int) bool { return b[i].next.Before(b[j].next) }
func (b backlog) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *backlog) Push(x any)        { *b = append(*b, x.(unread)) }
func (b *backlog) Pop() any {
	last := (*b)[len(*b)-1]
	*b = (*b)[:len(*b)-1]
	return last
}
