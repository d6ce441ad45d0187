package chat

import (
	"context"
	"slices"
)

// Marks are how far a user has come in a conversation: 0 <= Read <= Received <= its last number. They never go back.
type Marks struct {
	Received uint64 // the furthest that any of her devices has
	Read     uint64 // the furthest that she has read, or written herself
}

// Member is one user's part in one conversation.
type Member struct {
	User UserID
	Conv ConvID
}

// Moved is the end of one move of marks.
type Moved struct {
	Member
	Marks           // durable
	Advanced bool   // at least one of them is further than it was
	Origins  []any  // what came with Mark, of those who waited for this
	Err      *Error // the engine did not answer: the move may be stored later, and Marks are not known
}

// Receipts are the rules of what is received and read.
type Receipts struct {
	Messages MessageStore
	Cursors  *Cursors
	Rooms    *Rooms // nil means that there are none
}

// Mark moves the marks of a member forward to those that are not 0 in to, and takes care that read is received. After
// nil, Cursors.Moved hears of exactly one Moved with this origin, as soon as the marks are durable or known not to be.
// What would go back moves nothing, and is told all the same. A number up to exists is known by the caller to exist,
// which spares a question to the engine; 0 knows nothing.
//
// Errors: Invalid for a number that the conversation does not have, Forbidden when the user has no part in it, NotFound for
// a room where there are none, Unavailable.
func (s *Receipts) Mark(ctx context.Context, m Member, to Marks, exists uint64, origin any) error {
	if _, err := s.Rooms.Floor(ctx, m.User, m.Conv); err != nil {
		return err
	}
	furthest := max(to.Received, to.Read)
	if furthest == 0 {
		return Errorf(Invalid, "seq: from 1")
	}
	if furthest > exists {
		last, err := s.Messages.Last(ctx, []ConvID{m.Conv})
		if err != nil {
			return err
		}
		if furthest > last[0] {
			return Errorf(Invalid, "seq: the last one is %d", last[0])
		}
	}
	return s.Cursors.mark(m, to, origin)
}

// mark notes a move that origin waits for.
func (c *Cursors) mark(m Member, to Marks, origin any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting > maxCursors {
		return &Error{Code: Unavailable, Message: "the engine does not answer", RetryAfter: cursorFlush}
	}
	if to.Received > 0 {
		c.advance(m.User, anyDevice, m.Conv, to.Received)
	}
	if to.Read > 0 {
		c.advance(m.User, readMark, m.Conv, to.Read)
	}
	if c.asked == nil {
		c.asked = make(map[Member][]any)
	}
	c.asked[m] = append(c.asked[m], origin)
	select {
	case c.hurry <- struct{}{}:
	default:
	}
	return nil
}

// Marks returns the marks of members, in the order asked: those that are durable, so that what was shown once is there
// after a crash too.
func (c *Cursors) Marks(ctx context.Context, members []Member) ([]Marks, error) {
	marks, err := c.marksAt(ctx, members)
	if err != nil {
		return nil, err
	}
	// The engine may have shown what is still on its way to the disk. That write began before now.
	c.mu.Lock()
	written := c.written
	c.mu.Unlock()
	if written != nil {
		select {
		case <-written:
		case <-ctx.Done():
			return nil, Wrap(Unavailable, "cancelled", ctx.Err())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return marks, c.failed
}

// marksAt asks the engine. Reading implies receiving, whichever of the two cursors was written first.
func (c *Cursors) marksAt(ctx context.Context, members []Member) ([]Marks, error) {
	marks := make([]Marks, 0, len(members))
	asked := make([]Cursor, 0, min(2*len(members), cursorsAtOnce))
	for part := range slices.Chunk(members, cursorsAtOnce/2) {
		asked = asked[:0]
		for _, m := range part {
			asked = append(asked,
				Cursor{User: m.User, Device: anyDevice, Conv: m.Conv}, Cursor{User: m.User, Device: readMark, Conv: m.Conv})
		}
		at, err := c.store.CursorsAt(ctx, asked)
		if err != nil {
			return nil, err
		}
		for i := range part {
			marks = append(marks, Marks{Received: max(at[2*i], at[2*i+1]), Read: at[2*i+1]})
		}
	}
	return marks, nil
}

// members lists whose marks are among the moves and of interest to somebody: in a room, to those who asked for the move,
// since nobody is told of the others. A message to a large room moves the marks of all who hear it.
func (m cursorMoves) members(asked map[Member][]any) (all []Member) {
	add := func(user UserID, conv ConvID) {
		member := Member{user, conv}
		if _, room := conv.Room(); room && asked[member] == nil {
			return
		}
		all = append(all, member)
	}
	for key, convs := range m {
		switch key.device {
		case anyDevice:
		case readMark:
			received := m[deviceKey{key.user, anyDevice}]
			for conv := range convs {
				if _, listed := received[conv]; !listed {
					add(key.user, conv)
				}
			}
			continue
		default:
			continue
		}
		for conv := range convs {
			add(key.user, conv)
		}
	}
	return all
}

// tell says what became of the moves of members, whose marks were former before.
func (c *Cursors) tell(moves cursorMoves, members []Member, former []Marks, asked map[Member][]any, err error) {
	if c.Moved == nil {
		return
	}
	var batch []Moved
	if err != nil {
		refused := *AsError(err)
		refused.Cause = nil // it is in the log once; thousands may have waited
		for m, origins := range asked {
			batch = append(batch, Moved{Member: m, Origins: origins, Err: &refused})
		}
	} else {
		for i, m := range members {
			read := max(former[i].Read, moves[deviceKey{m.User, readMark}][m.Conv])
			received := max(former[i].Received, read, moves[deviceKey{m.User, anyDevice}][m.Conv])
			now := Marks{Received: received, Read: read}
			if origins := asked[m]; now != former[i] || origins != nil {
				batch = append(batch, Moved{Member: m, Marks: now, Advanced: now != former[i], Origins: origins})
			}
		}
	}
	if len(batch) > 0 {
		c.Moved(batch)
	}
}
