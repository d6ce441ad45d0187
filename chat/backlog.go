package chat

import (
	"container/heap"
	"context"
	"time"
)

// Backlog calls emit with every message of the given conversations past the given numbers: each conversation in the
// order of its numbers, all of them together oldest first. It ends with the first error, its own or emit's.
//
// One page is in memory at a time, however many conversations there are: of the others only the age of the next
// message is known, and their page is read again when it is their turn.
func (s *Messages) Backlog(ctx context.Context, behind map[ConvID]uint64, emit func(*Message) error) error {
	var queue backlog
	for conv, after := range behind {
		first, err := s.store.Since(ctx, conv, after, 1)
		if err != nil {
			return err
		}
		if len(first) > 0 {
			queue = append(queue, unread{conv: conv, after: after, next: first[0].At, limit: minPage})
		}
	}
	heap.Init(&queue)
	for len(queue) > 0 {
		oldest := &queue[0]
		page, err := s.store.Since(ctx, oldest.conv, oldest.after, oldest.limit)
		if err != nil {
			return err
		}
		until, others := queue.second()
		n := 0
		for ; n < len(page) && (!others || !page[n].At.After(until)); n++ {
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

// Messages read at once for a backlog: few where conversations take turns, more where one goes on and on.
const (
	minPage = 8
	maxPage = 64
)

// unread is a conversation of which a backlog has not sent all.
type unread struct {
	conv  ConvID
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
