package chat

import (
	"context"
	"time"
)

// verdictTime is how long it is believed who may write to whom. What this process changes it knows at once; another one
// on the same MongoDB may change it too.
const verdictTime = 30 * time.Second

// passage is one direction of a direct conversation. It has the conversation's id because every message needs that anyway.
type passage struct {
	conv ConvID
	back bool // from the second user of conv to the first
}

// verdict says whether someone may write to someone, and until when that is believed.
type verdict struct {
	refused *Error // nil when she may
	until   int64  // nanoseconds since 1970
}

// MayWrite tells whether a user may write to another, as Submit asks. The engine is asked at most every 30 seconds, and
// when something changed between the two.
//
// Errors: NotFound for an unknown receiver, Forbidden, Unavailable.
func (s *Messages) MayWrite(ctx context.Context, from, to UserID) error {
	return s.mayWrite(ctx, DirectConv(from, to), from, to)
}

// mayWrite is MayWrite for who knows the conversation.
func (s *Messages) mayWrite(ctx context.Context, conv ConvID, from, to UserID) error {
	p := passage{conv, from > to}
	v, epoch, known := s.passages.get(p)
	// A clock that was set back must not make what is known last longer.
	if left := v.until - s.now().UnixNano(); known && left > 0 && left <= int64(verdictTime) {
		if v.refused != nil {
			return v.refused
		}
		return nil
	}
	if s.committer.isAway() {
		return errRefused()
	}
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	err := s.askGate(ctx, from, to)
	refused := AsError(err)
	if err == nil || refused.Code == Forbidden {
		s.passages.put(p, verdict{refused, s.now().Add(verdictTime).UnixNano()}, epoch)
	}
	return err
}

func (s *Messages) askGate(ctx context.Context, from, to UserID) error {
	if _, err := s.accounts.Account(ctx, to); err != nil {
		if CodeOf(err) == NotFound {
			return Errorf(NotFound, "toUserid: no such user")
		}
		return err
	}
	if s.Gate == nil {
		return nil
	}
	return s.Gate(ctx, from, to)
}

// Forget says that who of two may write to the other has to be asked again. A message that is being checked at this
// moment may still pass; no later one passes by what was true before.
func (s *Messages) Forget(a, b UserID) {
	conv := DirectConv(a, b)
	s.passages.forget(passage{conv, false}, passage{conv, true})
}

// LeaveAll implements Leaver: who has written to a user who is gone may not any more.
func (s *Messages) LeaveAll(_ context.Context, user UserID) error {
	s.passages.forgetAll(func(p passage) bool {
		_, hers := p.conv.Other(user)
		return hers
	})
	return nil
}
