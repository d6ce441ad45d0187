package gateway

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/uschat"
)

// idOffline is the notice that a connection ends, and why.
const idOffline uint16 = 1021

// request is one thing that clients may ask for.
type request struct {
	reply  uint16 // the id of the answer; 0 for none
	open   bool   // also to whom has not logged in
	handle func(s *session, r request, body []byte)
}

// requestTime bounds what one request may ask of the engine.
const requestTime = 10 * time.Second

// requestTable joins the tables that stand at the head of each noun's file. What UsChat's client can ask for beside them, to
// send pictures and make calls, is refused and its connection lives; with any other id it is no client of UsChat.
func requestTable() map[uint16]request {
	all := make(map[uint16]request)
	for _, table := range []map[uint16]request{
		loginRequests(), friendRequests(), textRequests(), threadRequests(), groupRequests(), otherRequests(),
	} {
		for id, r := range table {
			all[id] = r
		}
	}
	return all
}

func otherRequests() map[uint16]request {
	unknown := rule(func(context.Context, *session, struct{}) (answer, error) {
		return answer{}, chat.Errorf(chat.Unavailable, "this server has no such thing")
	})
	all := make(map[uint16]request)
	for id, reply := range map[uint16]uint16{
		1031: 1032, 1033: 1034, 1035: 1036, 1037: 1038, 1041: 1042, 1043: 1044, 1045: 1046, 1047: 1048, // pictures, files
		1103: 1104, 1105: 1106, 1107: 1108, 1109: 1110, // its assistant
		2001: 2002, 2004: 2005, 2007: 2008, 2010: 2011, 2013: 2014, // calls
		2016: 0, 2018: 0, 2020: 0,
	} {
		all[id] = request{reply: reply, handle: unknown}
	}
	return all
}

// do answers a frame; false for an id that no client of UsChat sends.
func (s *session) do(f frame) (known bool) {
	r, known := s.door.requests[f.id]
	switch {
	case !known:
		return false
	case s.user == "" && !r.open:
		s.refuse(r, chat.Errorf(chat.Unauthenticated, "log in first"))
	default:
		r.handle(s, r, f.body)
	}
	return true
}

// rule makes a handler from a rule: the body is decoded into a request, the reply, a struct with `error` in it, goes out.
func rule[Request, Reply any](do func(ctx context.Context, s *session, q Request) (Reply, error)) func(*session, request, []byte) {
	return func(s *session, r request, body []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), requestTime)
		defer cancel()
		q, err := decode[Request](body)
		var reply Reply
		if err == nil {
			reply, err = do(ctx, s, q)
		}
		if err != nil {
			s.refuse(r, err)
		} else if r.reply != 0 {
			s.send(encode(r.reply, reply))
		}
	}
}

// decode reads a body. An empty one has no field.
func decode[Request any](body []byte) (q Request, err error) {
	if len(body) == 0 {
		return q, nil
	}
	if json.Unmarshal(body, &q) != nil {
		return q, chat.Errorf(chat.Invalid, "the body is not an object with the fields of this request")
	}
	return q, nil
}

// refuse answers with an error.
func (s *session) refuse(r request, err error) {
	e := chat.AsError(err)
	s.log(r, e)
	if r.reply != 0 {
		s.send(encode(r.reply, answer{Error: uschat.ErrorOf(e.Code), Message: e.Message}))
	}
}

// log is the one place that logs what a client is refused.
func (s *session) log(r request, err *chat.Error) {
	// Unavailable without a cause is a refusal while the engine is away: that was logged once, and thousands may follow.
	level := slog.LevelDebug
	if err.Code == chat.Internal || err.Code == chat.Unavailable && err.Cause != nil {
		level = slog.LevelError
	}
	s.door.cfg.Log.Log(context.Background(), level, "request refused", "reply", r.reply, "error", err)
}
