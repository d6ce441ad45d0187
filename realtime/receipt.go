package realtime

import (
	"context"
	"slices"
	"strconv"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/socketio"
)

func receiptEvents() map[string]event {
	return map[string]event{
		"message:received": {known, func(s *session, e *socketio.Event) {
			s.moveMarks(e, func(seq uint64) chat.Marks { return chat.Marks{Received: seq} })
		}},
		"message:read": {known, func(s *session, e *socketio.Event) {
			s.moveMarks(e, func(seq uint64) chat.Marks { return chat.Marks{Read: seq} })
		}},
	}
}

// marking is the origin of a move of marks: where the answer goes.
type marking struct {
	session *session
	to      answerTo
}

type markRequest struct {
	Conv chat.ConvID `json:"conv"`
	Seq  uint64      `json:"seq"`
}

// moveMarks takes a move of marks. It is answered when the move is stored, by marked: the socket is read on meanwhile.
func (s *session) moveMarks(e *socketio.Event, marks func(seq uint64) chat.Marks) {
	to := answerOf(e)
	r, err := readRequest[markRequest](e)
	if err != nil {
		s.refuse(to, err)
		return
	}
	user, sent := s.beginMark(r.Conv)
	ctx, cancel := context.WithTimeout(context.Background(), eventTime)
	defer cancel()
	err = s.door.cfg.Receipts.Mark(ctx, chat.Member{User: user, Conv: r.Conv}, marks(r.Seq), sent, &marking{s, to})
	if err != nil {
		s.endMark()
		s.refuse(to, err)
	}
}

// beginMark counts a move on its way, and says whose it is and what she was sent of the conversation. While too many
// are on their way it waits, as begin does for messages.
func (s *session) beginMark(conv chat.ConvID) (user chat.UserID, sent uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.marking >= maxInFlight && s.phase != over {
		s.settled.Wait()
	}
	s.marking++
	if t := s.convs[conv]; t != nil {
		sent = t.sent
	}
	return s.user, sent
}

func (s *session) endMark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marking--
	s.settled.Broadcast()
}

// marksReply is the ack of a mark.
type marksReply struct {
	Conv     chat.ConvID `json:"conv"`
	Received uint64      `json:"received"`
	Read     uint64      `json:"read"`
}

// marked answers who moved a mark.
func (s *session) marked(to answerTo, m *chat.Moved) (flush bool) {
	s.endMark()
	if m.Err != nil {
		return s.refuse(to, m.Err)
	}
	return s.answer(to, marksReply{m.Conv, m.Received, m.Read})
}

// Moved is chat.Cursors.Moved: acks to those who moved a mark themselves, and the event `receipt` to the other side.
// What a member's own devices proved by receiving is no news to them; what she did at one of them is news to the others. Of
// the marks of a room's members the other members hear nothing.
func (d *Server) Moved(batch []chat.Moved) {
	dirty := d.takeBatch()
	for i := range batch {
		m := &batch[i]
		for _, origin := range m.Origins {
			if o := origin.(*marking); o.session.marked(o.to, m) {
				*dirty = append(*dirty, o.session.conn)
			}
		}
		other, direct := m.Conv.Other(m.User)
		if m.Err != nil || !m.Advanced {
			continue
		}
		var frame *engineio.Frame
		tell := func(user chat.UserID) {
			for _, to := range d.hub.Of(user) {
				if slices.ContainsFunc(m.Origins, func(o any) bool { return o.(*marking).session == to }) {
					continue
				}
				if frame == nil {
					frame = receiptFrame(m)
				}
				if to.tell(frame) {
					*dirty = append(*dirty, to.conn)
				}
			}
		}
		if direct && other != m.User {
			tell(other)
		}
		if len(m.Origins) > 0 {
			tell(m.User)
		}
	}
	d.flush(dirty)
}

// tell queues an event that is not kept for who is away.
func (s *session) tell(frame *engineio.Frame) (flush bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return (s.phase == live || s.phase == replaying) && s.conn.Enqueue(frame)
}

func receiptFrame(m *chat.Moved) *engineio.Frame {
	b := append(make([]byte, 0, 160), `{"conv":"`...)
	b = append(b, m.Conv...)
	b = append(b, `","user":"`...)
	b = append(b, m.User...)
	b = strconv.AppendUint(append(b, `","received":`...), m.Received, 10)
	b = strconv.AppendUint(append(b, `,"read":`...), m.Read, 10)
	return socketio.EventFrame("/", "receipt", append(b, '}'))
}
