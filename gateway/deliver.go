package gateway

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/uschat"
)

// lookTime bounds what the delivery of a message may ask of the engine: who is not remembered, and nobody else.
const lookTime = 2 * time.Second

// Deliver implements chat.Door: answers to those who sent, messages to those who are here to hear.
func (d *Server) Deliver(batch []chat.Outcome) {
	for i := range batch {
		o := &batch[i]
		var sender *session
		if sub, ok := o.Origin.(submission); ok {
			sender = sub.session
			sub.settle(sub.index, o.Message, o.Err)
		}
		if o.Err != nil || o.Repeat || d.hub.Users() == 0 {
			continue
		}
		switch m := o.Message; {
		case m.Room == "":
			d.toUser(m, m.To, sender)
			if m.To != m.Sender {
				d.toUser(m, m.Sender, sender)
			}
		case m.Type != systemType || happened(m).What != chat.RoomCreated: // that the answer and the notice of it say
			d.toRoom(m, sender)
		}
	}
}

// toUser tells a direct message to one of its two users. The thread is the other one's number.
func (d *Server) toUser(m *chat.Message, user chat.UserID, except *session) {
	var frame []byte
	for _, s := range d.hub.Of(user) {
		if s == except || !s.isLive() {
			continue
		}
		if frame == nil {
			var err error
			if frame, err = d.directFrame(m, user); err != nil {
				d.fail(s, err)
				continue
			}
		}
		s.send(frame)
	}
}

func (d *Server) directFrame(m *chat.Message, user chat.UserID) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	both, err := d.persons(ctx, []chat.UserID{m.Sender, m.To})
	if err != nil {
		return nil, err
	}
	thread := both[0].number
	if user == m.Sender {
		thread = both[1].number
	}
	return d.textFrame(ctx, m, both[0].number, both[1].number, thread)
}

// toRoom tells a message to the members of its room, encoded once.
func (d *Server) toRoom(m *chat.Message, except *session) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	roster, err := d.cfg.Rooms.Roster(ctx, m.Room)
	if err != nil {
		if chat.CodeOf(err) != chat.NotFound { // else it was dissolved meanwhile
			d.cfg.Log.Warn("a room's members are not told a message", "room", m.Room, "error", err)
		}
		return
	}
	here := d.here(roster, m.Seq)
	here = slices.DeleteFunc(here, func(s *session) bool { return s == except || !s.isLive() })
	if len(here) == 0 {
		return
	}
	sender, err := d.person(ctx, m.Sender)
	var frame []byte
	if err == nil {
		frame, err = d.textFrame(ctx, m, sender.number, 0, roster.Room().Number)
	}
	for _, s := range here {
		if err != nil {
			d.fail(s, err)
		} else {
			s.send(frame)
		}
	}
}

// here returns the sessions of a room's members who may read a message, which some may have come behind. Of members and
// users it goes through whichever are fewer.
func (d *Server) here(roster *chat.Roster, seq uint64) (sessions []*session) {
	add := func(user chat.UserID, all []*session) bool {
		if floor, member := roster.Floor(user); member && seq > floor {
			sessions = append(sessions, all...)
		}
		return true
	}
	users := roster.Users()
	if len(users) > d.hub.Users() {
		d.hub.Each(add)
		return sessions
	}
	for _, user := range users {
		if all := d.hub.Of(user); len(all) > 0 {
			add(user, all)
		}
	}
	return sessions
}

// fail ends a session that could not be told a message: it comes back and loads what it missed.
func (d *Server) fail(s *session, err error) {
	d.cfg.Log.Warn("a message could not be told", "error", err)
	s.end(notice{Error: uschat.Unavailable, Reason: "something was not delivered: log in again and load it"})
}

// textNotice is a text that someone hears. Older clients read text_array, which is left out where there is no room for it.
type textNotice struct {
	answer
	From   uint64     `json:"fromuid"`
	To     uint64     `json:"touid"` // 0 in a group
	Thread uint64     `json:"thread_id"`
	Chats  []sentText `json:"chat_datas"`
	Texts  []oldText  `json:"text_array,omitempty"`
}

type oldText struct {
	Content string `json:"content"`
	MsgID   string `json:"msgid"`
}

func (d *Server) textFrame(ctx context.Context, m *chat.Message, from, to, thread uint64) ([]byte, error) {
	content, err := d.readable(ctx, m)
	if err != nil {
		return nil, err
	}
	n := textNotice{From: from, To: to, Thread: thread, Chats: []sentText{{m.Seq, m.Ref, content, statusSent, timeText(m.At)}}}
	n.Texts = []oldText{{content, m.Ref}}
	if sizeOf(n) > MaxBody {
		n.Texts = nil
	}
	return encode(idText, n), nil
}
