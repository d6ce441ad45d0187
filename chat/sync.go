package chat

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Bounds of one answer to a sync. What does not fit is said to be there, and asked for otherwise.
const (
	syncPage    = 100             // conversations, when the asker names no limit
	maxNamed    = 2000            // conversations that the asker may name in each map
	maxSynced   = MaxPage         // messages, missed and changed together
	syncBytes   = 512 << 10       // of messages altogether, unless a single one is longer
	newestBytes = 256 << 10       // of those, of the newest messages; past it the answer has fewer conversations
	envelope    = 512             // bytes of a message on the wire beside body and time, about
	maxUnread   = 100             // what is counted; more is said to be as many
	unreadBytes = 1 << 20         // of bodies read to count a conversation; past it the numbers' difference is taken
	syncRead    = 16              // messages read at once
	syncReaders = 8               // conversations of one answer that are read at the same time
	syncWait    = 2 * time.Second // for a place among those that sync
)

// Sync is a device's question for all that became otherwise since it asked last.
type Sync struct {
	Cursors map[ConvID]uint64 // the last message that it has of a conversation
	Changes map[ConvID]uint64 // the last change that it knows of
	After   Place             // Next of a former answer; the zero Place for the beginning
	Limit   int               // conversations in the answer, at most MaxPage; 0 for syncPage
}

// Synced is the answer, one page of it.
type Synced struct {
	Convs   []ConvState // the one with the newest message first
	Changed []Message   // of these conversations, those that the asker named: by conversation, in the order of their changes
	Next    Place       // where to go on; zero when that was all
}

// ConvState is how a conversation stands for one of its members.
type ConvState struct {
	Conv        ConvID
	With        UserID // "" in a room
	Room        RoomID // "" in a direct conversation
	Name        string // the room's
	Role        Role   // hers in the room, RoleOwner included
	Newest      Message
	Mine, Peer  Marks     // of a room's other members nothing is said
	Change      uint64    // the conversation's last change; 0 for none
	Missed      []Message // past the asker's cursor, oldest first
	More        bool      // there are more of them
	MoreChanges bool      // there are more changes than Synced.Changed has of it

	// Unread counts messages of others, traces included, past Mine.Read, past what the user wrote last, and in a room
	// past what was there before her. maxUnread stands for as many or more.
	Unread int
	// Mention is the number of the newest message that Unread counts, or stands for, and that mentions her; 0 for none.
	Mention uint64

	floor, from uint64 // she sees nothing at or below the one, and what is at or below the other is no news to her
}

// Syncs are the rules of syncing. Make it with NewSyncs.
type Syncs struct {
	Rooms *Rooms // nil means that there are none. It is set before the first question

	store   MessageStore
	cursors *Cursors
	places  chan struct{} // one for each sync under way: bounds what all of them hold in memory
}

// NewSyncs returns the rules over an engine and the marks.
func NewSyncs(store MessageStore, cursors *Cursors) *Syncs {
	return &Syncs{store: store, cursors: cursors, places: make(chan struct{}, max(4, 2*runtime.GOMAXPROCS(0)))}
}

// Answer tells a user how her conversations stand: a page of them, and what the asking device has missed in those that
// it names. It names none that is not hers: those are passed over. A message that comes while pages are asked for may
// move its conversation to a page that was answered before; a logged-in device hears the message itself.
//
// Errors: Invalid, TooMany when too many sync already, Unavailable.
func (s *Syncs) Answer(ctx context.Context, user UserID, r Sync) (Synced, error) {
	limit, err := pageLimit(r.Limit, syncPage)
	if err != nil {
		return Synced{}, err
	}
	r.Limit = limit
	if len(r.Cursors) > maxNamed || len(r.Changes) > maxNamed {
		return Synced{}, Errorf(Invalid, "cursors, changes: at most %d conversations each", maxNamed)
	}
	if err := enter(ctx, s.places, syncWait); err != nil {
		return Synced{}, err
	}
	defer func() { <-s.places }()
	parts, err := s.Rooms.parts(ctx, user)
	if err != nil {
		return Synced{}, err
	}
	rooms := make(map[ConvID]*part, len(parts))
	for i := range parts {
		rooms[RoomConv(parts[i].room.ID)] = &parts[i]
	}
	page, more, err := s.page(ctx, user, rooms, r)
	if err != nil || len(page) == 0 {
		return Synced{}, err
	}
	answer := Synced{Convs: make([]ConvState, len(page))}
	for i, p := range page {
		answer.Convs[i] = newConvState(user, p.conv, rooms[p.conv])
	}
	n, bytes, err := s.states(ctx, user, answer.Convs)
	if err != nil {
		return Synced{}, err
	}
	if answer.Convs = answer.Convs[:n]; n < len(page) || more {
		answer.Next = page[n-1]
	}
	err = s.missed(ctx, r, &answer, syncBytes-bytes)
	return answer, err
}

// newConvState begins the state of a conversation; in is nil for a direct one.
func newConvState(user UserID, conv ConvID, in *part) ConvState {
	if in == nil {
		other, _ := conv.Other(user)
		return ConvState{Conv: conv, With: other}
	}
	return ConvState{Conv: conv, Room: in.room.ID, Name: in.room.Name, Role: in.role(), floor: in.floor(), from: in.self.From}
}

// page returns where the conversations of one page stand, newest first, and whether there are more behind. A room that has
// nothing for her to see is not among them.
func (s *Syncs) page(ctx context.Context, user UserID, rooms map[ConvID]*part, r Sync) (page []Place, more bool, err error) {
	convs, err := s.store.Conversations(ctx, user)
	if err != nil {
		return nil, false, err
	}
	convs = slices.AppendSeq(convs, maps.Keys(rooms))
	newest, err := s.store.Newest(ctx, convs)
	if err != nil {
		return nil, false, err
	}
	for _, n := range newest {
		p := Place{at: n.At.UnixMilli(), conv: n.Conv, seq: n.Seq}
		if in := rooms[n.Conv]; in != nil && n.Seq <= in.floor() {
			continue
		}
		if n.Seq > 0 && (r.After.IsZero() || r.After.before(p)) {
			page = append(page, p)
		}
	}
	slices.SortFunc(page, func(p, q Place) int {
		switch {
		case p.before(q):
			return -1
		case q.before(p):
			return 1
		}
		return 0
	})
	if len(page) > r.Limit {
		page, more = page[:r.Limit], true
	}
	return page, more, nil
}

// states fills in how the conversations of a page stand, as many as their newest messages leave room for, at least one.
func (s *Syncs) states(ctx context.Context, user UserID, states []ConvState) (n, bytes int, err error) {
	convs := make([]ConvID, len(states))
	members := make([]Member, 0, 2*len(states)) // her, and then the others of direct conversations
	for i := range states {
		convs[i] = states[i].Conv
		members = append(members, Member{user, states[i].Conv})
	}
	for i := range states {
		if states[i].With != "" {
			members = append(members, Member{states[i].With, states[i].Conv})
		}
	}
	// Marks first, messages behind them: no mark is past what the answer says is the last message.
	marks, err := s.cursors.Marks(ctx, members)
	if err != nil {
		return 0, 0, err
	}
	changes, err := s.store.LastChanges(ctx, convs)
	if err != nil {
		return 0, 0, err
	}
	peers := marks[len(states):]
	for i := range states {
		states[i].Mine, states[i].Change = marks[i], changes[i]
		if states[i].With != "" {
			states[i].Peer, peers = peers[0], peers[1:]
		}
	}
	for part := range slices.Chunk(states, syncReaders) {
		if err := s.readStates(ctx, user, part); err != nil {
			return 0, 0, err
		}
		for i := range part {
			size := wireSize(&part[i].Newest)
			if n > 0 && bytes+size > newestBytes {
				return n, bytes, nil
			}
			n, bytes = n+1, bytes+size
		}
	}
	return n, bytes, nil
}

// readStates reads several conversations at the same time: from a server each costs a round trip.
func (s *Syncs) readStates(ctx context.Context, user UserID, states []ConvState) error {
	errs := make([]error, len(states))
	var readers sync.WaitGroup
	for i := range states {
		readers.Go(func() { errs[i] = s.readState(ctx, user, &states[i]) })
	}
	readers.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// readState reads the newest message of a conversation, and counts back from it to what the user has read. She has read
// what stands before a message of her own, though a crash may have kept that from her mark.
func (s *Syncs) readState(ctx context.Context, user UserID, c *ConvState) error {
	limit, bytes, read := 1, 0, max(c.Mine.Read, c.from)
	for before := uint64(0); ; limit = syncRead {
		page, err := s.store.Before(ctx, c.Conv, before, limit)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(page) {
			if c.Newest.Seq == 0 {
				c.Newest = m
			}
			if m.Seq <= read || m.Sender == user {
				return nil
			}
			if c.Unread == maxUnread {
				return s.olderMention(ctx, user, c, read, before)
			}
			if c.Unread++; c.Mention == 0 && m.mentions(user) {
				c.Mention = m.Seq
			}
			before = m.Seq
			bytes += len(m.Body)
		}
		if len(page) < limit {
			return nil
		}
		if bytes > unreadBytes {
			c.Unread = int(min(c.Newest.Seq-read, maxUnread))
			return s.olderMention(ctx, user, c, read, before)
		}
	}
}

// missed adds what the asker has not got of the conversations that she names, as far as there is room.
func (s *Syncs) missed(ctx context.Context, r Sync, answer *Synced, bytes int) error {
	left := room{messages: maxSynced, bytes: bytes}
	for i := range answer.Convs {
		c := &answer.Convs[i]
		cursor, knows := r.Cursors[c.Conv]
		if knows {
			reached, err := left.fill(&c.Missed, 0, max(cursor, c.floor), c.Newest.Seq, seqOf, func(after uint64, limit int) ([]Message, error) {
				return s.store.Since(ctx, c.Conv, after, limit)
			})
			if err != nil {
				return err
			}
			c.More = reached < c.Newest.Seq
		}
		change, named := r.Changes[c.Conv]
		if !knows && !named {
			continue
		}
		reached, err := left.fill(&answer.Changed, c.floor, change, c.Change, changeOf, func(after uint64, limit int) ([]Message, error) {
			return s.store.Changed(ctx, c.Conv, after, limit)
		})
		if err != nil {
			return err
		}
		c.MoreChanges = reached < c.Change
	}
	return nil
}

func seqOf(m *Message) uint64    { return m.Seq }
func changeOf(m *Message) uint64 { return m.Change }

// room is what is left of an answer.
type room struct{ messages, bytes int }

// fill reads on from behind after up to last, a few messages at a time, until they end or there is no room for the
// next. Those numbered floor or lower it leaves out. It returns the number that it reached.
func (r *room) fill(into *[]Message, floor, after, last uint64, number func(*Message) uint64,
	read func(after uint64, limit int) ([]Message, error),
) (uint64, error) {
	for after < last && r.messages > 0 && r.bytes > 0 {
		limit := min(r.messages, syncRead)
		page, err := read(after, limit)
		if err != nil {
			return after, err
		}
		for i := range page {
			if page[i].Seq <= floor {
				after = number(&page[i])
				continue
			}
			size := wireSize(&page[i])
			if size > r.bytes {
				r.bytes = 0
				return after, nil
			}
			*into, after = append(*into, page[i]), number(&page[i])
			r.messages, r.bytes = r.messages-1, r.bytes-size
		}
		if len(page) < limit {
			break
		}
	}
	return after, nil
}

func wireSize(m *Message) int { return len(m.Body) + len(m.Time) + envelope }
