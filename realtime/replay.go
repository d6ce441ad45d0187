package realtime

import (
	"context"
	"errors"

	"github.com/parley-chat/parley/chat"
)

// A replay sends a session what the engine holds past certain numbers, at the pace at which the client takes it. It
// runs after login for what came while the device was away, and again whenever a session cannot be sent what is live.
//
// While it runs, messages that are committed are not sent but noted in missed. When it is through, it looks, under the
// session's lock, whether anything was missed: if so it goes on from there, if not the session is live. A message is
// durable before it is delivered, so what is not in missed yet will still be delivered; and what the replay has sent
// already is known by its number. So there is neither gap nor overlap.
//
// Messages that are changed meanwhile are noted likewise, in changes, and sent behind the backlog: it may hold what
// they said before.

// replay starts a replay from the given numbers. The caller holds s.mu.
func (s *session) replay(behind map[chat.ConvID]uint64) {
	s.phase = replaying
	go s.runReplay(behind)
}

// errOver ends a replay whose session has ended, or belongs to someone else.
var errOver = errors.New("session over")

func (s *session) runReplay(behind map[chat.ConvID]uint64) {
	s.mu.Lock()
	r := &replay{session: s, user: s.user, device: s.device, generation: s.generation}
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.enter()
	defer r.leave()
	for more := true; more; behind, more = r.next() {
		err := s.door.cfg.Messages.Backlog(ctx, r.user, behind, r.send)
		if err == nil {
			err = r.sendChanges(ctx)
		}
		if err != nil {
			if !errors.Is(err, errOver) {
				s.door.cfg.Log.Error("backlog not sent", "user", r.user, "error", err)
				// The client reconnects and logs in again; its cursor has not passed what it did not get.
				s.conn.Close("messages unavailable")
			}
			return
		}
		s.conn.Flush()
	}
}

// replay is one run.
type replay struct {
	session    *session
	user       chat.UserID
	device     chat.DeviceID
	generation int
	unflushed  int
}

// enter waits for one of the places where sessions read from the engine; leave gives it back.
func (r *replay) enter() { r.session.door.replays <- struct{}{} }
func (r *replay) leave() { <-r.session.door.replays }

// over tells whether the session has ended, or logged in again: then another replay is its. The caller holds s.mu.
func (r *replay) over() bool {
	return r.session.generation != r.generation || r.session.phase != replaying
}

// next returns what was missed meanwhile. When nothing was, and nothing was changed, the session is live.
func (r *replay) next() (missed map[chat.ConvID]uint64, more bool) {
	s := r.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.over() {
		return nil, false
	}
	missed, s.missed = s.missed, nil
	for conv, after := range missed {
		if t := s.track(conv); t.sent > after {
			missed[conv] = t.sent
		}
	}
	if len(missed) > 0 || len(s.changes) > 0 {
		return missed, true
	}
	s.phase, s.own, s.away = live, nil, nil
	if s.prove() {
		go s.conn.Flush()
	}
	return nil, false
}

// pace waits while much is waiting for the client.
func (r *replay) pace() error {
	conn := r.session.conn
	if conn.Queued() <= maxLive/2 {
		return nil
	}
	conn.Flush()
	r.leave() // a slow client holds no place
	defer r.enter()
	if conn.WaitShort(context.Background(), maxLive/4) != nil {
		return errOver
	}
	return nil
}

// flushEvery is how many messages a replay sends in one write.
const flushEvery = 32

// send is called with each message of the backlog.
func (r *replay) send(m *chat.Message) error {
	if err := r.pace(); err != nil {
		return err
	}
	s := r.session
	s.mu.Lock()
	own := r.own(m)
	if r.over() {
		s.mu.Unlock()
		return errOver
	}
	if s.hearsNothingOf(m) { // she was put out of the room
		s.mu.Unlock()
		return nil
	}
	t := s.track(m.Conv)
	if m.Seq <= t.sent {
		s.mu.Unlock()
		return nil
	}
	if !own && m.State != chat.Expired { // of what is over, nothing need be told
		event := "newMessage"
		if m.Sender == r.user {
			event = "sentMessage"
		}
		s.conn.Enqueue(messageFrame(event, m, m.Seq <= s.away[m.Conv]))
	}
	if m.Sender == r.user {
		t.wrote = m.Seq // it may not have been told before a crash
	}
	s.mark(t, m.Seq, proofGap)
	s.prove()
	s.mu.Unlock()
	if r.unflushed++; r.unflushed == flushEvery {
		r.unflushed = 0
		s.conn.Flush()
	}
	return nil
}

// own tells whether the device sent this message itself: before this login, or through this session. While a message
// of this session is on its way, one that looks like it may be it, so the answer waits for the outcome, which is due:
// the message is stored. The caller holds s.mu.
func (r *replay) own(m *chat.Message) bool {
	s := r.session
	if m.Sender != r.user || m.Device != r.device {
		return false
	}
	if m.Seq <= s.away[m.Conv] {
		return true
	}
	for {
		if _, sent := s.own[place{m.Conv, m.Seq}]; sent {
			return true
		}
		if s.inFlight == 0 || r.over() {
			return false
		}
		s.settled.Wait()
	}
}
