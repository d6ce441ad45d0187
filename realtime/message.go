package realtime

import (
	"context"
	"strconv"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/rawjson"
	"github.com/parley-chat/parley/realtime/socketio"
)

func messageEvents() map[string]event {
	return map[string]event{
		"chat":           {known, (*session).chat},
		"message:since":  {known, rule(messagesSince)},
		"message:before": {known, rule(messagesBefore)},
	}
}

// submission is the origin of a message on its way: where the answer goes.
type submission struct {
	session *session
	to      answerTo
}

// chat takes a message. It is answered when the message is stored, by settle. This is the hot path: the request is
// read field by field, and what is passed on is copied once.
func (s *session) chat(e *socketio.Event) {
	to := answerOf(e)
	draft, err := readChat(e, s.userID())
	to.ref = draft.Ref
	if err != nil {
		s.refuse(to, err)
		return
	}
	if len(e.Attachments) > 0 {
		s.chatFiles(draft, e.Attachments, to)
		return
	}
	if err := s.submit(draft, to); err != nil {
		s.refuse(to, err)
	}
}

// submit sends a message on its way. After nil, settle answers.
func (s *session) submit(d chat.Draft, to answerTo) error {
	d.Sender, d.Device = s.begin()
	err := s.door.cfg.Messages.Submit(context.Background(), d, &submission{s, to})
	if err != nil {
		s.end(nil)
	}
	return err
}

// readChat reads `chat {form_id, toUserid, room, data | message, time, type, ref}`. On an error the draft holds the ref,
// if it was readable.
func readChat(e *socketio.Event, user chat.UserID) (d chat.Draft, err error) {
	if len(e.Args) != 1 || e.Args[0][0] != '{' {
		return d, chat.Errorf(chat.Invalid, "chat takes one object: {form_id, toUserid, message}")
	}
	var (
		from, to, room string
		data, message  []byte
		mentions       []byte
		malformed      bool
	)
	text := func(value []byte) string {
		if string(value) == "null" {
			return ""
		}
		s, ok := rawjson.String(value)
		malformed = malformed || !ok
		return s
	}
	err = rawjson.Fields(e.Args[0], func(name, value []byte) error {
		switch string(name) {
		case "form_id":
			if from = string(user); string(value) != `"`+from+`"` { // nearly always equal: that needs no copy
				from = text(value)
			}
		case "toUserid":
			to = text(value)
		case "room":
			room = text(value)
		case "ref":
			d.Ref = text(value)
		case "type":
			d.Type = text(value)
		case "time":
			if string(value) != "null" {
				d.Time = append([]byte(nil), value...)
			}
		case "data":
			data = value
		case "message":
			message = value
		case "mentions":
			mentions = value
		}
		return nil
	})
	switch {
	case err != nil || malformed:
		return d, chat.Errorf(chat.Invalid, "form_id, toUserid, room, ref and type are strings")
	case from != "" && chat.UserID(from) != user:
		return d, chat.Errorf(chat.Forbidden, "form_id: not the logged-in user")
	}
	if d.Mentions, d.MentionsAll, err = readMentions(mentions); err != nil {
		return d, err
	}
	if data == nil || string(data) == "null" {
		data = message // the README of the Node server says message, its code says data
	}
	d.To, d.Room = chat.UserID(to), chat.RoomID(room)
	d.Body = append([]byte(nil), data...)
	return d, nil
}

type sinceRequest struct {
	Conv  chat.ConvID `json:"conv"`
	After uint64      `json:"after"`
	Limit int         `json:"limit"`
}

func messagesSince(ctx context.Context, s *session, r sinceRequest) (page, error) {
	messages, more, err := s.door.cfg.Messages.Since(ctx, s.userID(), r.Conv, r.After, r.Limit)
	return page{messages, more}, err
}

type beforeRequest struct {
	Conv   chat.ConvID `json:"conv"`
	With   chat.UserID `json:"with"`
	Room   chat.RoomID `json:"room"`
	Before uint64      `json:"before"`
	Limit  int         `json:"limit"`
}

func messagesBefore(ctx context.Context, s *session, r beforeRequest) (page, error) {
	switch {
	case r.Conv != "":
	case r.Room != "":
		r.Conv = chat.RoomConv(r.Room)
	default:
		r.Conv = chat.DirectConv(s.userID(), r.With)
	}
	messages, more, err := s.door.cfg.Messages.Before(ctx, s.userID(), r.Conv, r.Before, r.Limit)
	return page{messages, more}, err
}

// messageFrame makes the event that carries a message. offline marks one that was sent while the receiver was away.
func messageFrame(event string, m *chat.Message, offline bool) *engineio.Frame {
	return socketio.WriteEventFrame("/", event, messageSize(m), func(b []byte) []byte { return appendMessage(b, m, offline) })
}

// messageSize is nearly what appendMessage appends to, and no less but for states, changes and escapes.
func messageSize(m *chat.Message) int {
	return 160 + 2*len(m.Conv) + len(m.Sender) + len(m.To) + len(m.Room) + len(m.Time) + len(m.Body) + len(m.Type) + len(m.Ref) + 27*len(m.Mentions)
}

func appendMessage(b []byte, m *chat.Message, offline bool) []byte {
	b = append(b, `{"f_id":"`...) // ids are hex digits, '|' and ':': nothing to escape
	b = append(b, m.Sender...)
	b = append(b, `","time":`...)
	if m.Time != nil {
		b = append(b, m.Time...)
	} else {
		b = strconv.AppendInt(b, m.At.UnixMilli(), 10)
	}
	b = append(b, `,"message":`...)
	b = append(b, m.Body...)
	b = append(b, ',')
	b = appendPlace(b, m)
	b = append(b, `,"type":`...)
	b = rawjson.AppendString(b, m.Type)
	if m.Ref != "" {
		b = append(b, `,"ref":`...)
		b = rawjson.AppendString(b, m.Ref)
	}
	if m.Room != "" {
		b = append(b, `,"room":"`...)
		b = append(b, m.Room...)
	} else {
		b = append(b, `,"to":"`...)
		b = append(b, m.To...)
	}
	b = appendMentions(append(b, '"'), m)
	switch m.State {
	case chat.Edited:
		b = strconv.AppendInt(append(b, `,"edited":`...), m.Changed.UnixMilli(), 10)
	case chat.Recalled:
		b = strconv.AppendInt(append(b, `,"recalled":`...), m.Changed.UnixMilli(), 10)
	case chat.Expired:
		b = append(b, `,"expired":true`...)
	}
	if m.Change > 0 {
		b = strconv.AppendUint(append(b, `,"change":`...), m.Change, 10)
	}
	if offline {
		b = append(b, `,"offline":true`...)
	}
	return append(b, '}')
}

// appendPlace appends the members id, conv, seq and at.
func appendPlace(b []byte, m *chat.Message) []byte {
	b = append(b, `"id":"`...)
	b = append(b, m.Conv...)
	b = append(b, '/')
	b = strconv.AppendUint(b, m.Seq, 10)
	b = append(b, `","conv":"`...)
	b = append(b, m.Conv...)
	b = append(b, `","seq":`...)
	b = strconv.AppendUint(b, m.Seq, 10)
	b = append(b, `,"at":`...)
	return strconv.AppendInt(b, m.At.UnixMilli(), 10)
}

// storedFrame makes the ack of a stored message.
func storedFrame(ack int64, m *chat.Message) *engineio.Frame {
	return socketio.WriteAckFrame("/", ack, 80+2*len(m.Conv), func(b []byte) []byte {
		return append(appendPlace(append(b, `{"ok":true,`...), m), '}')
	})
}
