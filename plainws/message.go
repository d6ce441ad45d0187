package plainws

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
)

// request is what a client sends: {"Msg","RoomId"}, names in any case. RoomId is a room's id or number. Ref names the
// message, as in the native door's `chat`.
type request struct {
	Msg    json.RawMessage
	RoomID json.RawMessage
	Ref    string
}

// submission is the origin of a message on its way.
type submission struct {
	session *session
	ref     string
}

// hear takes a message. It is answered when it is stored, by Deliver, or else at once. An error ends the session.
func (s *session) hear(data []byte) error {
	now := s.door.cfg.Now()
	retry, ok := s.events.Take(now, 1)
	if ok {
		retry, ok = s.bytes.Take(now, len(data))
	}
	if !ok {
		if s.refusedInARow++; s.refusedInARow > maxRefusedInARow {
			return &violation{ws.StatusPolicyViolation, "too many messages over the limit"}
		}
		s.refuse("", &chat.Error{Code: chat.TooMany, Message: "too many messages on this connection", RetryAfter: retry})
		return nil
	}
	s.refusedInARow = 0
	var q request
	if err := json.Unmarshal(data, &q); err != nil {
		s.refuse("", chat.Errorf(chat.Invalid, "send an object: {\"Msg\",\"RoomId\"}"))
		return nil
	}
	if err := s.submit(q); err != nil {
		s.refuse(q.Ref, err)
	}
	return nil
}

// maxRefusedInARow is how long a client may go on over its limits, unheeding, before it is closed.
const maxRefusedInARow = 10_000

// submit sends a message on its way. After nil, Deliver answers.
func (s *session) submit(q request) error {
	if len(q.Msg) < 2 || q.Msg[0] != '"' {
		return chat.Errorf(chat.Invalid, "Msg: a text")
	}
	ctx, cancel := context.WithTimeout(context.Background(), engineTime)
	defer cancel()
	room, err := s.room(ctx, q.RoomID)
	if err != nil {
		return err
	}
	select {
	case s.slots <- struct{}{}:
	case <-s.ctx.Done():
		return nil
	}
	err = s.door.cfg.Messages.Submit(ctx, chat.Draft{
		Sender: s.user, Device: s.device, Room: room, Ref: q.Ref, Body: q.Msg,
	}, &submission{s, q.Ref})
	if err != nil {
		<-s.slots
	}
	return err
}

// maxNumbers bounds what a session remembers of the numbers that its client uses.
const maxNumbers = 64

// room reads a room's id, or its number, as text or digits. Whether she is in it, Submit asks.
func (s *session) room(ctx context.Context, raw json.RawMessage) (chat.RoomID, error) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	if id := chat.RoomID(text); id.Valid() {
		return id, nil
	}
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return "", chat.Errorf(chat.Invalid, "RoomId: a room's id or number")
	}
	if id, known := s.rooms[number]; known {
		return id, nil
	}
	id, err := s.door.cfg.Rooms.ByNumber(ctx, s.user, number)
	if err != nil {
		return "", err
	}
	if s.rooms == nil || len(s.rooms) >= maxNumbers {
		s.rooms = make(map[uint64]chat.RoomID)
	}
	s.rooms[number] = id
	return id, nil
}

// Deliver implements chat.Door: refusals to those who sent, messages to those who are here to hear, the sender herself
// among them.
func (d *Server) Deliver(batch []chat.Outcome) {
	for i := range batch {
		o := &batch[i]
		sub, _ := o.Origin.(*submission)
		if sub != nil {
			<-sub.session.slots
		}
		switch {
		case o.Err != nil:
			if sub != nil {
				sub.session.refuse(sub.ref, o.Err)
			}
		case o.Repeat:
			if sub != nil { // the others have heard it
				sub.session.send(messageFrame(o.Message, sub.session.name))
			}
		case o.Message.Room != "" && d.hub.Users() > 0:
			d.tell(o.Message)
		}
	}
}

// tell sends a message, encoded once, to the members of its room who are here. Of members and users it goes through
// whichever are fewer.
func (d *Server) tell(m *chat.Message) {
	var frame []byte
	tell := func(sessions []*session) {
		for _, s := range sessions {
			if frame == nil {
				frame = messageFrame(m, d.name(m.Sender))
			}
			s.deliver(m, frame)
		}
	}
	members := d.cfg.Rooms.Hearers(m.Room)
	if len(members) <= d.hub.Users() {
		for _, user := range members {
			tell(d.hub.Of(user))
		}
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	roster, err := d.cfg.Rooms.Roster(ctx, m.Room)
	if err != nil {
		d.log("message not told", err)
		return
	}
	here := make([]*session, 0, 16)
	d.hub.Each(func(user chat.UserID, sessions []*session) bool {
		if _, member := roster.Member(user); member {
			here = append(here, sessions...)
		}
		return true
	})
	tell(here) // not while the hub is held: a name may be asked for
}

// askTime bounds what the delivery of a message may ask of the engine: what is not remembered.
const askTime = 2 * time.Second

// name is what a sender is called. One who has left for good, or cannot be asked about, is called by her id.
func (d *Server) name(user chat.UserID) string {
	if name, known := d.names.Get(user); known {
		return name
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	a, err := d.cfg.Accounts.Store.Account(ctx, user)
	if err != nil {
		if chat.CodeOf(err) != chat.NotFound {
			d.log("sender not known by name", err)
		}
		return string(user)
	}
	d.names.Put(user, a.Username)
	return a.Username
}
