package realtime

import (
	"context"
	"encoding/json"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/engineio"
)

func changeEvents() map[string]event {
	return map[string]event{
		"message:edit":   {known, rule(editMessage)},
		"message:recall": {known, rule(recallMessage)},
	}
}

// changeReply says what became of a message: the conversation's number of the change, and when it was.
type changeReply struct {
	Conv   chat.ConvID `json:"conv"`
	Seq    uint64      `json:"seq"`
	Change uint64      `json:"change"`
	At     int64       `json:"at"`
}

func newChangeReply(m chat.Message) changeReply {
	return changeReply{Conv: m.Conv, Seq: m.Seq, Change: m.Change, At: m.Changed.UnixMilli()}
}

type editRequest struct {
	Conv    chat.ConvID     `json:"conv"`
	Seq     uint64          `json:"seq"`
	Data    json.RawMessage `json:"data"`
	Message json.RawMessage `json:"message"` // as in `chat`
}

func editMessage(ctx context.Context, s *session, r editRequest) (changeReply, error) {
	body := r.Data
	if body == nil || string(body) == "null" {
		body = r.Message
	}
	m, err := s.door.cfg.Messages.Edit(ctx, s.userID(), r.Conv, r.Seq, body, s.announce)
	return newChangeReply(m), err
}

type recallRequest struct {
	Conv chat.ConvID `json:"conv"`
	Seq  uint64      `json:"seq"`
}

func recallMessage(ctx context.Context, s *session, r recallRequest) (changeReply, error) {
	m, err := s.door.cfg.Messages.Recall(ctx, s.userID(), r.Conv, r.Seq, s.announce)
	return newChangeReply(m), err
}

// announce sends a change that this session asked for to every other session that sees the message.
func (s *session) announce(m *chat.Message) {
	frame := changedFrame(m)
	if m.Room != "" {
		s.door.changeInRoom(m, frame, s)
		return
	}
	s.announceTo(m.Sender, m, frame)
	if m.To != m.Sender {
		s.announceTo(m.To, m, frame)
	}
}

func (s *session) announceTo(user chat.UserID, m *chat.Message, frame *engineio.Frame) {
	for _, to := range s.door.hub.Of(user) {
		if to != s && to.change(m, frame) {
			to.conn.Flush()
		}
	}
}

// changeInRoom tells the members of a room of a change, but for those who do not see the message.
func (s *Server) changeInRoom(m *chat.Message, frame *engineio.Frame, except *session) {
	roster := s.roster(m.Room)
	if roster == nil {
		return // the next sync tells
	}
	crowd := s.gather(m.Room)
	for i := range *crowd {
		to := &(*crowd)[i]
		floor, in := roster.Floor(to.user)
		if to.session == except || !in || m.Seq <= floor {
			continue
		}
		// A session that has not met the room yet may be given the message as it was, by who delivers it right now.
		to.flush = s.meet(to.session, to.user, m) && to.change(m, frame)
	}
	s.disperse(crowd, 1, frame.Len())
}

func changedFrame(m *chat.Message) *engineio.Frame {
	return messageFrame("message:changed", m, false)
}

// change queues a change. Those of a conversation come in the order of their numbers, but for one that is told again.
// While a replay is under way, which may have read the message before it was changed, or while much is waiting, the
// change is left to the replay, which gets it from the engine when it is through.
func (s *session) change(m *chat.Message, frame *engineio.Frame) (flush bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != replaying && s.phase != live || s.hearsNothingOf(m) {
		return false
	}
	t := s.track(m.Conv)
	switch {
	case m.Change == t.change: // heard already, or found in the engine by a replay
	case s.phase == replaying:
		s.holdChange(m)
	case s.conn.Queued() > maxLive:
		s.holdChange(m)
		s.replay(nil)
	default:
		t.noteChange(m)
		return s.conn.Enqueue(frame)
	}
	return false
}

// holdChange notes a change that a replay has to send. The first of a conversation is enough: it goes on from there.
func (s *session) holdChange(m *chat.Message) {
	if s.changes == nil {
		s.changes = make(map[chat.ConvID]uint64)
	}
	if _, held := s.changes[m.Conv]; !held {
		s.changes[m.Conv] = m.Change - 1
	}
}

// noteChange notes that a change is on the wire.
func (t *track) noteChange(m *chat.Message) {
	t.change = max(t.change, m.Change)
	if m.Seq > t.sent {
		t.ahead = max(t.ahead, m.Seq)
	}
}

// sendChanges sends what was held.
func (r *replay) sendChanges(ctx context.Context) error {
	s := r.session
	s.mu.Lock()
	if r.over() {
		s.mu.Unlock()
		return errOver
	}
	held := s.changes
	s.changes = nil
	for conv, past := range held {
		held[conv] = max(past, s.track(conv).change)
	}
	s.mu.Unlock()
	return s.door.cfg.Messages.Changes(ctx, r.user, held, func(m *chat.Message) error {
		if err := r.pace(); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.over() {
			return errOver
		}
		if s.hearsNothingOf(m) { // she was put out of the room
			return nil
		}
		s.conn.Enqueue(changedFrame(m))
		s.track(m.Conv).noteChange(m)
		return nil
	})
}
