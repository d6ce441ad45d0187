package plainws

import (
	"errors"
	"maps"
	"sync"

	"github.com/parley-chat/parley/chat"
)

// progress is how far the rooms of a session are on its wire. What does not follow in a room is not sent but fetched by a
// replay: what came while the device was away, what came before its user was known to be in the room, what got lost.
// While a replay runs, messages that are committed are not sent but noted. They are durable before they are delivered,
// so it finds them, and what it has sent already is known by its number: there is neither gap nor overlap.
type progress struct {
	mu        sync.Mutex // guards what follows
	left      bool       // the session is gone: no replay begins
	sent      map[chat.ConvID]uint64
	replaying bool
	missed    map[chat.ConvID]bool // while replaying: rooms with more than sent
	strange   bool                 // while replaying: so has a room that is not in sent
	proof     proof
}

// begin goes on from where the device was. Of rooms that it does not know, the first replay learns.
func (s *session) begin(cursors map[chat.ConvID]uint64) {
	s.sent, s.strange = make(map[chat.ConvID]uint64), true
	for conv, seq := range cursors {
		if _, room := conv.Room(); room {
			s.sent[conv] = seq
		}
	}
}

// deliver sends a live message, or leaves it to a replay.
func (s *session) deliver(m *chat.Message, frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.sent[m.Conv]
	switch {
	case known && m.Seq <= last:
	case !s.replaying && known && m.Seq == last+1:
		if s.send(frame) {
			s.mark(m)
		}
	case !known:
		s.strange = true
		s.replay()
	default:
		if s.missed == nil {
			s.missed = make(map[chat.ConvID]bool)
		}
		s.missed[m.Conv] = true
		s.replay()
	}
}

// replay starts a replay, unless one runs. The caller holds s.mu.
func (s *session) replay() {
	if s.replaying || s.left {
		return
	}
	s.replaying = true
	s.door.gone.Add(1) // the session is counted, so the shutdown still waits
	go func() {
		defer s.door.gone.Done()
		s.door.replays <- struct{}{}
		defer func() { <-s.door.replays }()
		if err := s.catchUp(); err != nil && !s.isOver() {
			s.door.log("backlog not sent", err)
			s.end(closeCode(err), "messages unavailable: come back in a moment")
		}
	}()
}

// errOver ends a replay whose session has ended.
var errOver = errors.New("session over")

// catchUp sends what was missed until nothing is.
func (s *session) catchUp() error {
	for behind, more := s.behind(); more; behind, more = s.behind() {
		if behind == nil { // a room is new: where it begins for her, the engine says
			var err error
			if behind, err = s.stand(); err != nil {
				return err
			}
		}
		if err := s.door.cfg.Messages.Backlog(s.ctx, s.user, behind, s.emit); err != nil {
			return err
		}
	}
	return nil
}

// behind returns rooms and the numbers to go on from, nil for all of hers. When nothing was missed, the replay is over.
func (s *session) behind() (behind map[chat.ConvID]uint64, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	strange, missed := s.strange, s.missed
	s.strange, s.missed = false, nil
	if strange {
		return nil, true
	}
	s.replaying = len(missed) > 0
	behind = make(map[chat.ConvID]uint64, len(missed))
	for conv := range missed {
		behind[conv] = s.sent[conv]
	}
	return behind, s.replaying
}

// stand asks how the session stands to her rooms.
func (s *session) stand() (behind map[chat.ConvID]uint64, err error) {
	s.mu.Lock()
	sent := maps.Clone(s.sent)
	s.mu.Unlock()
	standing, err := s.door.cfg.Messages.Behind(s.ctx, s.user, sent)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(standing.Behind, func(conv chat.ConvID, _ uint64) bool {
		_, room := conv.Room()
		return !room
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for conv, after := range standing.Rooms {
		s.sent[conv] = max(s.sent[conv], after)
	}
	return standing.Behind, nil
}

// emit sends a message of the backlog, at the client's pace.
func (s *session) emit(m *chat.Message) error {
	if most := s.door.cfg.MaxQueued; s.out.Queued() > most/2 {
		<-s.door.replays // a slow client holds no place
		open := s.out.Wait(most / 4)
		s.door.replays <- struct{}{}
		if !open {
			return errOver
		}
	}
	var frame []byte
	if m.State == chat.AsSent || m.State == chat.Edited { // of what is gone, nothing need be told
		frame = messageFrame(m, s.door.name(m.Sender))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Seq <= s.sent[m.Conv] {
		return nil
	}
	if frame != nil && !s.send(frame) {
		return errOver
	}
	s.mark(m)
	return nil
}

// maxReplays bounds how many sessions read from the engine at once.
const maxReplays = 64
