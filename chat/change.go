package chat

import (
	"bytes"
	"context"
	"hash/maphash"
	"time"
)

// ChangeStore keeps what becomes of messages after they were sent. Each conversation numbers its changes.
type ChangeStore interface {
	// ChangeMessage replaces State, Body, Files, Mentions, MentionsAll, Type and Changed of the message at (m.Conv, m.Seq)
	// if its Change still is was, gives it the conversation's next change number (above every one given before in the conversation; gaps
	// are allowed), and returns the whole message when that is durable. Conflict if Change is not was, NotFound if there
	// is no such message; then nothing is changed.
	ChangeMessage(ctx context.Context, m Message, was uint64) (Message, error)
	// Changed returns at most limit messages of a conversation whose latest change is numbered above after, in the
	// order of those numbers. So one that was changed again stands in it once. Who sees a change sees all lower ones.
	Changed(ctx context.Context, conv ConvID, after uint64, limit int) ([]Message, error)
	// LastChanges returns the highest change number of each conversation, 0 where it has none.
	LastChanges(ctx context.Context, convs []ConvID) ([]uint64, error)
}

// changeTries is how often a change begins again because another node changed the same message.
const changeTries = 5

// Edit replaces the body of a user's own message. tell hears of the changes of one conversation in the order of their
// numbers, each when it is durable; it should not wait for a client.
//
// Errors: Invalid, TooLarge, NotFound for a body that could not be sent either; NotFound; Forbidden for another's or the
// server's message, when it was sent longer ago than ChangeTime, or while she is muted in its room, or may not write to its
// receiver; Conflict for one that was recalled; Unavailable, and then it may have happened all the same.
func (s *Messages) Edit(ctx context.Context, user UserID, conv ConvID, seq uint64, body []byte, tell func(*Message)) (Message, error) {
	if err := checkBody(body); err != nil {
		return Message{}, err
	}
	if room, ok := conv.Room(); ok { // who may not write says nothing new in an old message either
		if err := s.Rooms.MayWrite(ctx, user, room); err != nil {
			return Message{}, err
		}
	} else if other, ok := conv.Other(user); ok {
		if err := s.mayWrite(ctx, conv, user, other); err != nil {
			return Message{}, err
		}
	}
	files, err := s.references(ctx, body)
	if err != nil {
		return Message{}, err
	}
	return s.change(ctx, user, conv, seq, tell, func(m *Message) (done bool, err error) {
		if m.State == Recalled {
			return false, Errorf(Conflict, "the message was recalled")
		}
		m.State, m.Body, m.Files = Edited, body, files
		return false, nil
	})
}

// Recall takes a user's own message back: its place remains, what it said is gone. Recalled once more it stays as it
// is, and tell hears of it again: of a recall whose end the engine did not say, nobody was told.
//
// Errors: as Edit, but for those of a body.
func (s *Messages) Recall(ctx context.Context, user UserID, conv ConvID, seq uint64, tell func(*Message)) (Message, error) {
	return s.change(ctx, user, conv, seq, tell, func(m *Message) (done bool, err error) {
		if m.State == Recalled {
			return true, nil
		}
		m.State, m.Body, m.Files = Recalled, []byte("null"), nil
		m.Mentions, m.MentionsAll = nil, false
		return false, nil
	})
}

// change makes one change to a message of the user: alter makes of it what it is to be, or says that it is so already.
func (s *Messages) change(ctx context.Context, user UserID, conv ConvID, seq uint64, tell func(*Message),
	alter func(m *Message) (done bool, err error)) (Message, error) {
	floor, err := s.Rooms.Floor(ctx, user, conv)
	switch {
	case err != nil:
		return Message{}, err
	case seq <= floor && seq > 0: // of a former time of hers in the room, which she no longer sees
		return Message{}, errNoSuchMessage()
	}
	// One at a time in a conversation, so that tell hears of them in order.
	leave, err := s.changing.enter(ctx, conv)
	if err != nil {
		return Message{}, err
	}
	defer leave()
	var at time.Time   // of the change
	var files []FileID // that the message named
	var asked *Message // of an engine that did not say whether it did it
	for tries := 1; ; {
		m, err := s.ownMessage(ctx, user, conv, seq)
		if asked == nil {
			files = m.Files
		}
		switch {
		case err == nil:
		case asked != nil && CodeOf(err) == Unavailable && waitAMoment(ctx):
			continue
		default:
			return Message{}, err
		}
		done := asked != nil && m.became(asked)
		if !done {
			if done, err = alter(&m); err != nil {
				return Message{}, err
			}
		}
		if done {
			tell(&m)
			s.loosen(ctx, files, m.Files)
			return m, nil
		}
		if asked == nil {
			if err := s.mayChange(&m); err != nil {
				return Message{}, err
			}
			at = s.now().Truncate(time.Millisecond)
		}
		m.Changed = at
		changed, err := s.store.ChangeMessage(ctx, m, m.Change)
		switch code := CodeOf(err); {
		case err == nil:
			tell(&changed)
			s.loosen(ctx, files, changed.Files)
			return changed, nil
		case code == Conflict && tries < changeTries:
			tries++
		case code == Unavailable && waitAMoment(ctx):
			// It may have happened, and then nobody was told: the engine is asked for the truth until ctx ends. Doing it
			// again is safe, for it happens only to the message as it was.
			asked = &m
		default:
			return Message{}, err
		}
	}
}

// became tells whether a message is what a change was to make of it.
func (m *Message) became(asked *Message) bool {
	return m.Change > asked.Change && m.State == asked.State && m.Changed.Equal(asked.Changed) && bytes.Equal(m.Body, asked.Body)
}

// mayChange tells whether there is time left to change a message.
func (s *Messages) mayChange(m *Message) error {
	switch {
	case s.ChangeTime == 0:
		return Errorf(Forbidden, "messages cannot be changed here")
	case s.now().Sub(m.At) > s.ChangeTime:
		return Errorf(Forbidden, "a message can be changed for %v after it was sent", s.ChangeTime)
	}
	return nil
}

// waitAMoment waits for an engine that is away; false says that ctx ends before.
func waitAMoment(ctx context.Context) bool {
	moment := time.NewTimer(backOffMin)
	defer moment.Stop()
	select {
	case <-moment.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ownMessage reads a message that the user sent.
func (s *Messages) ownMessage(ctx context.Context, user UserID, conv ConvID, seq uint64) (Message, error) {
	if seq == 0 {
		return Message{}, Errorf(Invalid, "seq: the number of a message")
	}
	page, err := s.store.Since(ctx, conv, seq-1, 1)
	switch {
	case err != nil:
		return Message{}, err
	case len(page) == 0 || page[0].Seq != seq || page[0].State == Expired:
		return Message{}, errNoSuchMessage()
	case page[0].Sender != user:
		return Message{}, Errorf(Forbidden, "seq: not a message of yours")
	case page[0].Type == systemType:
		return Message{}, Errorf(Forbidden, "seq: the server's own message")
	}
	return page[0], nil
}

func errNoSuchMessage() error { return Errorf(NotFound, "seq: no such message") }

// Changes calls emit with every message of the given conversations of a user that was changed past the given numbers,
// those of each conversation in the order of their latest change. Of a room it gives nothing at or below the user's floor,
// and no more once she is out of it. It ends with the first error, its own or emit's.
func (s *Messages) Changes(ctx context.Context, user UserID, past map[ConvID]uint64, emit func(*Message) error) error {
	for conv, after := range past {
		if err := s.changesOf(ctx, user, conv, after, emit); err != nil {
			return err
		}
	}
	return nil
}

func (s *Messages) changesOf(ctx context.Context, user UserID, conv ConvID, after uint64, emit func(*Message) error) error {
	_, inRoom := conv.Room()
	for {
		page, err := s.store.Changed(ctx, conv, after, maxPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			after = page[i].Change
			if inRoom {
				floor, still, err := s.stillReads(ctx, user, conv)
				if err != nil || !still {
					return err
				}
				if page[i].Seq <= floor {
					continue
				}
			}
			if err := emit(&page[i]); err != nil {
				return err
			}
		}
	}
}

// turns lets one at a time do something in a conversation. Make it with newTurns.
type turns struct {
	seed  maphash.Seed
	lanes [64]chan struct{} // each holds a token while someone is in one of its conversations
}

func newTurns() *turns {
	t := &turns{seed: maphash.MakeSeed()}
	for i := range t.lanes {
		t.lanes[i] = make(chan struct{}, 1)
	}
	return t
}

// enter waits for a turn, until ctx ends.
func (t *turns) enter(ctx context.Context, conv ConvID) (leave func(), err error) {
	lane := t.lanes[maphash.String(t.seed, string(conv))%uint64(len(t.lanes))]
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, Wrap(Unavailable, "too many changes at once", ctx.Err())
	}
}
