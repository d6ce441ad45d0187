package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/socketio"
)

// event is one event that clients may send: who may, and what happens.
type event struct {
	who    who
	handle func(s *session, e *socketio.Event)
}

// who may send an event.
type who int

const (
	anyone who = iota
	known      // a socket that proved whose it is, by its handshake or by `login`
)

// eventTable joins the tables that stand at the head of each noun's file.
func eventTable() map[string]event {
	all := make(map[string]event)
	for _, table := range []map[string]event{
		loginEvents(), messageEvents(), receiptEvents(), deviceEvents(), searchEvents(),
		changeEvents(), typingEvents(), presenceEvents(), syncEvents(), roomEvents(), friendEvents(),
	} {
		for name, e := range table {
			all[name] = e
		}
	}
	return all
}

// Events returns the names of the events that clients may send, sorted.
func Events() []string { return slices.Sorted(maps.Keys(eventTable())) }

// eventTime bounds what one event may ask of the engine.
const eventTime = 10 * time.Second

// maxRefusedInARow is how long a socket may go on over its limits, unheeding, before it is closed.
const maxRefusedInARow = 10_000

// Event implements socketio.Handler.
func (s *session) Event(e *socketio.Event) {
	s.door.heard.Add(1)
	if s.storing != nil { // events of a socket stay in order
		<-s.storing
		s.storing = nil
	}
	if err := s.pace(e); err != nil {
		s.refuse(answerOf(e), err)
		return
	}
	event, ok := s.door.events[e.Name]
	if !ok {
		s.refuse(answerOf(e), chat.Errorf(chat.NotFound, "no such event"))
		return
	}
	if event.who == known && s.userID() == "" {
		s.refuse(answerOf(e), chat.Errorf(chat.Unauthenticated, howToLogIn))
		return
	}
	if s.hinting && e.Name != "typing" { // it may wait, and a hint does not wait for it
		s.hinting = false
		s.conn.FlushNow()
	}
	event.handle(s, e)
}

// pace takes an event from the socket's allowances.
func (s *session) pace(e *socketio.Event) error {
	size := len(e.Name)
	for _, part := range e.Args {
		size += len(part)
	}
	for _, part := range e.Attachments {
		size += len(part)
	}
	now := s.door.cfg.Now()
	retry, ok := s.events.Take(now, 1)
	if ok {
		retry, ok = s.bytes.Take(now, size)
	}
	if ok {
		s.refusedInARow = 0
		return nil
	}
	if s.refusedInARow++; s.refusedInARow > maxRefusedInARow {
		go s.conn.Close("too many events over the limit")
	}
	return &chat.Error{Code: chat.TooMany, Message: "too many events on this socket", RetryAfter: retry}
}

// rule makes a handler from a rule: the event's one argument, an object, is decoded into a request; the reply, a
// struct, goes out as ack with ok:true in front.
func rule[Request, Reply any](do func(ctx context.Context, s *session, r Request) (Reply, error)) func(*session, *socketio.Event) {
	return func(s *session, e *socketio.Event) {
		ctx, cancel := context.WithTimeout(context.Background(), eventTime)
		defer cancel()
		var reply Reply
		request, err := readRequest[Request](e)
		if err == nil {
			reply, err = do(ctx, s, request)
		}
		if err != nil {
			s.refuse(answerOf(e), err)
			return
		}
		s.answer(answerOf(e), reply)
	}
}

// readRequest decodes the one argument of an event.
func readRequest[Request any](e *socketio.Event) (r Request, err error) {
	if len(e.Args) != 1 || len(e.Attachments) > 0 || e.Args[0][0] != '{' || json.Unmarshal(e.Args[0], &r) != nil {
		return r, chat.Errorf(chat.Invalid, "the argument is not an object with the fields of this event")
	}
	return r, nil
}

// accepted begins the ack of what was done.
const accepted = `{"ok":true`

// answer queues an ack with a struct's fields, if one was asked for.
func (s *session) answer(to answerTo, reply any) (flush bool) {
	if to.ack < 0 {
		return false
	}
	if w, ok := reply.(written); ok {
		return s.conn.Enqueue(socketio.WriteAckFrame("/", to.ack, len(accepted)+w.wireSize(), func(b []byte) []byte {
			return append(w.appendMembers(append(b, accepted+","...)), '}')
		}))
	}
	fields, err := json.Marshal(reply)
	if err != nil {
		return s.refuse(to, err)
	}
	payload := []byte(accepted)
	if rest := bytes.TrimPrefix(fields, []byte("{")); len(rest) > 1 {
		payload = append(payload, ',')
		payload = append(payload, rest...)
	} else {
		payload = append(payload, '}')
	}
	return s.conn.Enqueue(socketio.AckFrame("/", to.ack, payload))
}
