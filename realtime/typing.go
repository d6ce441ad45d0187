package realtime

import (
	"context"
	"strconv"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/rawjson"
	"github.com/parley-chat/parley/realtime/socketio"
)

func typingEvents() map[string]event {
	return map[string]event{
		"typing": {known, (*session).typing},
	}
}

// maxTypists bounds the rooms in which hints are relayed. In a larger one somebody always types, and everybody would hear it.
const maxTypists = 256

// typing tells the sessions of someone who is there, or of a room's members who are, that this user writes to her, or has
// stopped. Nothing is stored, and the engine is not asked but about a room that is not known: who is away hears nothing.
// Neither do the user's own other devices.
func (s *session) typing(e *socketio.Event) {
	answer := answerOf(e)
	h, err := readTyping(e)
	if err == nil {
		h.from = s.userID()
		if h.room != "" {
			err = s.hintRoom(h)
		} else if h.from != h.to {
			s.hintUser(h)
		}
	}
	if err != nil {
		s.refuse(answer, err)
		return
	}
	s.answer(answer, struct{}{})
}

// hint is what `typing` tells: to is set for a direct conversation, room for a room.
type hint struct {
	from, to chat.UserID
	room     chat.RoomID
	on       bool
}

// readTyping reads `typing {to, room, on}`.
func readTyping(e *socketio.Event) (h hint, err error) {
	if len(e.Args) != 1 || e.Args[0][0] != '{' {
		return h, chat.Errorf(chat.Invalid, "typing takes one object: {to or room, on}")
	}
	h.on = true
	known, inRoom := true, false
	err = rawjson.Fields(e.Args[0], func(name, value []byte) error {
		switch string(name) {
		case "to":
			id, _ := rawjson.String(value)
			h.to = chat.UserID(id)
		case "room":
			id, _ := rawjson.String(value)
			h.room, inRoom = chat.RoomID(id), string(value) != "null"
		case "on":
			h.on = string(value) == "true"
			known = h.on || string(value) == "false"
		}
		return nil
	})
	switch {
	case err != nil || !known:
		return h, chat.Errorf(chat.Invalid, "on: true or false")
	case inRoom && !h.room.Valid():
		return h, chat.Errorf(chat.Invalid, "room: not a room id")
	case !inRoom && !h.to.Valid():
		return h, chat.Errorf(chat.Invalid, "to: not a user id")
	}
	return h, nil
}

// hintUser relays a hint to one user. One for whom who may not write to her ends here: its sender is told nothing new.
func (s *session) hintUser(h hint) {
	sessions := s.door.hub.Of(h.to)
	if len(sessions) == 0 || s.door.cfg.Messages.MayWrite(context.Background(), h.from, h.to) != nil { // bounded by the rule
		return
	}
	s.tellHint(sessions, typingFrame(h))
}

// hintRoom relays a hint to a small room. One of a muted member ends here.
//
// Errors: NotFound for a room that the user is not in, Unavailable.
func (s *session) hintRoom(h hint) error {
	ctx, cancel := context.WithTimeout(context.Background(), rosterWait)
	defer cancel()
	switch err := s.door.cfg.Rooms.MayWrite(ctx, h.from, h.room); chat.CodeOf(err) {
	case "":
	case chat.Forbidden:
		return nil
	default:
		return err
	}
	members := s.door.cfg.Rooms.Hearers(h.room)
	if len(members) > maxTypists {
		return nil
	}
	frame := typingFrame(h)
	for _, member := range members {
		if member != h.from {
			s.tellHint(s.door.hub.Of(member), frame)
		}
	}
	return nil
}

// tellHint sends a hint, encoded once, to live sessions. Whoever has much waiting is spared it.
func (s *session) tellHint(sessions []*session, frame *engineio.Frame) {
	for _, other := range sessions {
		if other.isLive() && other.conn.Queued() <= maxLive && other.conn.Enqueue(frame) {
			s.conn.FlushLate(other.conn)
			s.hinting = true
		}
	}
}

func (s *session) isLive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == live
}

func typingFrame(h hint) *engineio.Frame {
	return socketio.WriteEventFrame("/", "typing", 40+3*len(h.from)+len(h.to)+2*len(h.room), func(b []byte) []byte {
		b = append(b, `{"user":"`...)
		b = append(b, h.from...)
		if h.room != "" {
			b = append(append(b, `","room":"`...), h.room...)
			b = append(append(b, `","conv":"`...), chat.RoomConv(h.room)...)
		} else {
			b = append(append(b, `","conv":"`...), chat.DirectConv(h.from, h.to)...)
		}
		b = append(b, `","on":`...)
		b = strconv.AppendBool(b, h.on)
		return append(b, '}')
	})
}
