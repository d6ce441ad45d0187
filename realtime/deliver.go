package realtime

import (
	"context"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/engineio"
)

// Deliver implements chat.Door: acks to those who sent, messages to those who are to hear, each connection written to
// once.
func (s *Server) Deliver(batch []chat.Outcome) {
	dirty := s.takeBatch()
	for len(batch) > 0 {
		n := 1
		if room := batch[0].Message.Room; room == "" {
			s.deliverDirect(&batch[0], dirty)
		} else {
			for n < len(batch) && batch[n].Message.Room == room {
				n++
			}
			s.deliverInRoom(room, batch[:n], dirty)
		}
		batch = batch[n:]
	}
	s.flush(dirty)
}

func (s *Server) deliverDirect(o *chat.Outcome, dirty *[]*engineio.Conn) {
	sender := settle(o, dirty)
	if o.Err != nil || o.Repeat {
		return
	}
	m := o.Message
	if m.To != m.Sender {
		s.fanOut(m, "newMessage", m.To, sender, dirty)
	}
	s.fanOut(m, "sentMessage", m.Sender, sender, dirty)
}

// settle answers the session that sent a message, if one of this door did, and returns it.
func settle(o *chat.Outcome, dirty *[]*engineio.Conn) *session {
	sub, _ := o.Origin.(*submission)
	if sub == nil {
		return nil
	}
	if sub.session.settle(o, sub) {
		*dirty = append(*dirty, sub.session.conn)
	}
	return sub.session
}

// flush writes to connections on which something was queued.
func (s *Server) flush(dirty *[]*engineio.Conn) {
	for _, conn := range *dirty {
		conn.Flush()
	}
	s.putBatch(dirty)
}

// fanOut queues a message, encoded once, for every session of a user but one.
func (s *Server) fanOut(m *chat.Message, event string, user chat.UserID, except *session, dirty *[]*engineio.Conn) {
	var frame *engineio.Frame
	for _, to := range s.hub.Of(user) {
		if to == except {
			continue
		}
		if frame == nil {
			frame = messageFrame(event, m, false)
		}
		if to.deliver(m, frame) {
			*dirty = append(*dirty, to.conn)
		}
	}
}

func (s *Server) takeBatch() *[]*engineio.Conn {
	if b, ok := s.batches.Get().(*[]*engineio.Conn); ok {
		*b = (*b)[:0]
		return b
	}
	return new([]*engineio.Conn)
}

func (s *Server) putBatch(dirty *[]*engineio.Conn) {
	clear(*dirty)
	s.batches.Put(dirty)
}

// hearer is a session of a room's member.
type hearer struct {
	*session
	user  chat.UserID
	flush bool // something was queued
}

// deliverInRoom delivers what is new in a room, in its order: each message encoded once for all, and once more for other
// sessions of its sender. Who is here is found out once. Whoever logs in meanwhile finds the messages in the engine.
func (s *Server) deliverInRoom(room chat.RoomID, batch []chat.Outcome, dirty *[]*engineio.Conn) {
	var crowd *[]hearer
	packets, bytes := 0, 0
	for i := range batch {
		o := &batch[i]
		isNew := o.Err == nil && !o.Repeat
		if sub, ok := o.Origin.(*submission); ok && isNew {
			s.meet(sub.session, o.Message.Sender, o.Message)
		}
		sender := settle(o, dirty)
		if !isNew {
			continue
		}
		if crowd == nil {
			crowd = s.gather(room)
		}
		packets, bytes = packets+1, bytes+s.tellCrowd(*crowd, o.Message, sender)
	}
	if crowd != nil {
		s.disperse(crowd, packets, bytes)
	}
}

// tellCrowd queues a message, and returns how long it is on the wire, about.
func (s *Server) tellCrowd(crowd []hearer, m *chat.Message, sender *session) (bytes int) {
	var news, sent *engineio.Frame
	gap := proofGap
	if len(crowd) > crowdSize {
		gap = crowdProofGap
	}
	for i := range crowd {
		to := &crowd[i]
		frame, event := &news, "newMessage"
		if to.user == m.Sender {
			frame, event = &sent, "sentMessage"
		}
		if to.session == sender {
			continue
		}
		if *frame == nil {
			*frame = messageFrame(event, m, false)
			bytes = (*frame).Len()
		}
		if s.deliverTo(to, m, *frame, gap) {
			to.flush = true
		}
	}
	return bytes
}

// deliverTo delivers a message of a room to a session, which may hear of the room for the first time.
func (s *Server) deliverTo(to *hearer, m *chat.Message, frame *engineio.Frame, gap time.Duration) (flush bool) {
	for {
		flush, stranger := to.deliverInRoom(m, frame, to.user, gap)
		if !stranger || !s.meet(to.session, to.user, m) {
			return flush
		}
	}
}

// rosterWait bounds what a door asks the engine about a room's members. They are nearly always known.
const rosterWait = 3 * time.Second

// gather returns the sessions of a room's members that are here, till disperse. Of members and users it goes through
// whichever are fewer.
func (s *Server) gather(room chat.RoomID) *[]hearer {
	crowd, ok := s.crowds.Get().(*[]hearer)
	if !ok {
		crowd = new([]hearer)
	}
	*crowd = (*crowd)[:0]
	add := func(user chat.UserID, sessions []*session) {
		for _, session := range sessions {
			*crowd = append(*crowd, hearer{session: session, user: user})
		}
	}
	users := s.cfg.Rooms.Hearers(room)
	if s.hub.Users() >= len(users) {
		for _, user := range users {
			add(user, s.hub.Of(user))
		}
		return crowd
	}
	if roster := s.roster(room); roster != nil {
		s.hub.Each(func(user chat.UserID, sessions []*session) bool {
			if _, member := roster.Member(user); member {
				add(user, sessions)
			}
			return true
		})
	}
	return crowd
}

// aFew connections are flushed where something was queued on them: what is said in small rooms rarely meets, and a writer
// of its own would have to be woken first.
const aFew = 32

// disperse gives back what gather returned, and flushes the connections on which packets of so many bytes were queued.
func (s *Server) disperse(crowd *[]hearer, packets, bytes int) {
	dirty := s.takeBatch()
	for i := range *crowd {
		if to := &(*crowd)[i]; to.flush {
			*dirty = append(*dirty, to.conn)
		}
	}
	clear(*crowd)
	s.crowds.Put(crowd)
	if len(*dirty) > aFew {
		engineio.FlushMany(*dirty, packets, bytes)
		s.putBatch(dirty)
		return
	}
	s.flush(dirty)
}

// roster returns a room's members, or nil when there is no such room or nobody says in time who they are.
func (s *Server) roster(room chat.RoomID) *chat.Roster {
	ctx, cancel := context.WithTimeout(context.Background(), rosterWait)
	defer cancel()
	roster, err := s.cfg.Rooms.Roster(ctx, room)
	if err != nil {
		if chat.CodeOf(err) != chat.NotFound {
			s.cfg.Log.Warn("a room's members are not told something", "room", room, "error", err)
		}
		return nil
	}
	return roster
}
