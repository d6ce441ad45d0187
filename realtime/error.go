package realtime

import (
	"encoding/json"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/socketio"
)

// failure is an error as clients see it: in an ack under "error", in the events `refused` and `unauthorized`.
type failure struct {
	Event      string    `json:"event,omitempty"`
	Code       chat.Code `json:"code"`
	Message    string    `json:"message"`
	Ref        string    `json:"ref,omitempty"`
	RetryAfter int64     `json:"retryAfter,omitempty"` // milliseconds
}

func failureOf(err *chat.Error) failure {
	return failure{Code: err.Code, Message: err.Message, RetryAfter: err.RetryAfter.Milliseconds()}
}

// answerTo says where an answer goes: to the ack that the client asked for, or nowhere.
type answerTo struct {
	event string
	ack   int64 // negative when the client asked for none
	ref   string
}

func answerOf(e *socketio.Event) answerTo { return answerTo{event: e.Name, ack: e.ID} }

// refuse queues an error: in the ack if one was asked for, else as the event `refused`.
func (s *session) refuse(to answerTo, err error) (flush bool) {
	e := chat.AsError(err)
	// Unavailable without a cause is a refusal while the engine is away: that was logged once, and thousands may follow.
	if e.Code == chat.Internal || e.Code == chat.Unavailable && e.Cause != nil {
		s.door.cfg.Log.Error("event failed", "event", to.event, "error", err)
	} else {
		s.door.cfg.Log.Debug("event refused", "event", to.event, "error", err)
	}
	f := failureOf(e)
	if to.ack >= 0 {
		payload, _ := json.Marshal(struct {
			OK    bool    `json:"ok"`
			Error failure `json:"error"`
		}{Error: f})
		return s.conn.Enqueue(socketio.AckFrame("/", to.ack, payload))
	}
	f.Event, f.Ref = to.event, to.ref
	return s.emit("refused", f)
}

// emit queues an event with one argument.
func (s *session) emit(event string, argument any) (flush bool) {
	if w, ok := argument.(written); ok {
		return s.conn.Enqueue(socketio.WriteEventFrame("/", event, w.wireSize(), func(b []byte) []byte {
			return append(w.appendMembers(append(b, '{')), '}')
		}))
	}
	payload, err := json.Marshal(argument)
	if err != nil {
		s.door.cfg.Log.Error("event not encoded", "event", event, "error", err)
		return false
	}
	return s.conn.Enqueue(socketio.EventFrame("/", event, payload))
}
