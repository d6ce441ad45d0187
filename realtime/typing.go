package realtime

import (
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

// typing tells the sessions of someone who is there that this user writes to her, or has stopped. Nothing is stored
// and the engine is not asked: who is away hears nothing. Neither do the user's own other devices.
func (s *session) typing(e *socketio.Event) {
	answer := answerOf(e)
	to, on, err := readTyping(e)
	if err != nil {
		s.refuse(answer, err)
		return
	}
	if user := s.userID(); user != to {
		s.hint(user, to, on)
	}
	s.answer(answer, struct{}{})
}

// readTyping reads `typing {to, room, on}`.
func readTyping(e *socketio.Event) (to chat.UserID, on bool, err error) {
	if len(e.Args) != 1 || e.Args[0][0] != '{' {
		return "", false, chat.Errorf(chat.Invalid, "typing takes one object: {to, on}")
	}
	on = true
	known, inRoom := true, false
	err = rawjson.Fields(e.Args[0], func(name, value []byte) error {
		switch string(name) {
		case "to":
			id, _ := rawjson.String(value)
			to = chat.UserID(id)
		case "room":
			inRoom = string(value) != "null"
		case "on":
			on = string(value) == "true"
			known = on || string(value) == "false"
		}
		return nil
	})
	switch {
	case err != nil || !known:
		return "", false, chat.Errorf(chat.Invalid, "on: true or false")
	case inRoom:
		return "", false, chat.Errorf(chat.NotFound, "room: no such room")
	case !to.Valid():
		return "", false, chat.Errorf(chat.Invalid, "to: not a user id")
	}
	return to, on, nil
}

// hint sends `typing`, encoded once, to the live sessions of a user. Whoever has much waiting is spared it.
func (s *session) hint(from, to chat.UserID, on bool) {
	sessions := s.door.hub.Of(to)
	if len(sessions) == 0 {
		return
	}
	frame := typingFrame(from, to, on)
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

func typingFrame(from, to chat.UserID, on bool) *engineio.Frame {
	return socketio.WriteEventFrame("/", "typing", 40+3*len(from)+len(to), func(b []byte) []byte {
		b = append(b, `{"user":"`...)
		b = append(b, from...)
		b = append(b, `","conv":"`...)
		b = append(b, chat.DirectConv(from, to)...)
		b = append(b, `","on":`...)
		b = strconv.AppendBool(b, on)
		return append(b, '}')
	})
}
