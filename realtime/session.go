package realtime

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/socketio"
)

// session is one socket of the chat namespace: who it is, and what it has been sent.
type session struct {
	door   *Server
	socket *socketio.Socket
	conn   *engineio.Conn

	// Touched by Event alone, which is called one at a time.
	events, bytes limit.Bucket
	refusedInARow int32
	hinting       bool          // a hint waits for FlushNow
	storing       chan struct{} // closed when the files of the last message are stored, see chatFiles; nil for none

	mu         sync.Mutex  // guards what follows; taken before the connection's
	user       chat.UserID // "" until proven
	device     chat.DeviceID
	token      chat.Token // that proved it; zero when a bare id was believed
	phase      phase
	present    bool                   // presence counts it
	generation int                    // logins so far: a replay of a former one stops
	away       map[chat.ConvID]uint64 // while replaying: up to these numbers, messages were sent before this login
	settled    sync.Cond              // inFlight fell, or the session ended
	inFlight   int                    // submitted messages whose end is not known
	marking    int                    // marks to be moved whose end is not known
	convs      map[chat.ConvID]*track // conversations that this session has heard of since login, and those of her rooms
	parted     int                    // how often its user was put out of a room
	missed     map[chat.ConvID]uint64 // while replaying: what went by, as the number to go on from
	changes    map[chat.ConvID]uint64 // while replaying: what was changed, as the number to go on from
	own        map[place]struct{}     // while replaying: messages that this session sent
	unproven   []*track               // sent since proving was asked for
	proofGap   time.Duration          // from the last proof to that of unproven: the least that one of them wants
	proving    map[chat.ConvID]uint64 // received by the device as soon as the pong comes
	wrote      map[chat.ConvID]uint64 // what the user sent up to, and so has read: told with the next proof
	asked      map[chat.UserID]int64  // since login: whose request was told, by its time, see tellAsked
	provingAt  uint32                 // the ping's index
}

// phase is where a session is between its login and its end.
type phase int8

const (
	idle      phase = iota // not logged in: nothing is delivered
	replaying              // the backlog is on its way; what is live waits in the engine
	live
	over
)

// track is how far a conversation has been put on the wire of one session.
type track struct {
	conv   chat.ConvID
	sent   uint64 // the highest number; unless exact, 0 when nothing was sent since login
	exact  bool   // a room's: the next number is sent+1 in any case
	wrote  uint64 // the highest number of her own, if it was not told as read yet
	change uint64 // the highest change that was sent
	ahead  uint64 // the highest number past sent whose change was sent: what is delivered of it later is older
	dirty  bool   // in unproven
}

// place names a message.
type place struct {
	conv chat.ConvID
	seq  uint64
}

const (
	// maxInFlight bounds the submitted messages of a session whose end is not known; past it the socket is not read.
	maxInFlight = 512
	// maxLive is how many bytes may wait for a session before it is no longer sent what is live: it then reads from
	// the engine at its own pace, like one who was away.
	maxLive = 256 << 10
	// proofGap is the shortest time between two pings that prove receipt. For what is said to a crowd it is longer: a ping
	// costs more than a message, and of those who lose their connection meanwhile each is sent a few messages again.
	proofGap      = 200 * time.Millisecond
	crowdProofGap = 5 * time.Second
	crowdSize     = 256 // sessions that are told the same
)

func newSession(door *Server, socket *socketio.Socket) *session {
	s := &session{door: door, socket: socket, conn: socket.Conn(), events: door.cfg.Events, bytes: door.cfg.Bytes}
	s.settled.L = &s.mu
	return s
}

func (s *session) userID() chat.UserID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.user
}

// begin counts a message on its way, and says who sends it. While too many are on their way it waits: the socket is
// not read meanwhile, which is the back-pressure that the client feels.
func (s *session) begin() (chat.UserID, chat.DeviceID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.inFlight >= maxInFlight && s.phase != over {
		s.settled.Wait()
	}
	s.inFlight++
	return s.user, s.device
}

// end counts a message whose end is known; stored is nil when it was not stored now.
func (s *session) end(stored *chat.Message) (flush bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	s.settled.Broadcast()
	if stored == nil || stored.Device != s.device || stored.Sender != s.user || s.hearsNothingOf(stored) {
		return false // or sent before this socket changed hands, or just before she was put out of the room
	}
	switch s.phase {
	case replaying:
		if s.own == nil {
			s.own = make(map[place]struct{})
		}
		s.own[place{stored.Conv, stored.Seq}] = struct{}{}
		s.miss(stored)
	case live:
		if t := s.track(stored.Conv); t.follows(stored.Seq) {
			t.wrote = stored.Seq
			s.mark(t, stored.Seq, proofGap)
			return s.prove()
		} else if stored.Seq > t.sent {
			s.own = map[place]struct{}{{stored.Conv, stored.Seq}: {}}
			s.replay(map[chat.ConvID]uint64{stored.Conv: t.sent})
		}
	}
	return false
}

// settle answers the sender of a message.
func (s *session) settle(o *chat.Outcome, sub *submission) (flush bool) {
	stored := o.Message
	switch {
	case o.Err != nil:
		flush = s.refuse(sub.to, o.Err)
		stored = nil
	case sub.to.ack >= 0:
		flush = s.conn.Enqueue(storedFrame(sub.to.ack, stored))
	}
	if o.Repeat {
		stored = nil
	}
	return s.end(stored) || flush
}

// deliver queues a live message. What would open a gap, or comes while much is waiting, is left to a replay.
func (s *session) deliver(m *chat.Message, frame *engineio.Frame) (flush bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hear(m, frame, proofGap)
}

// deliverInRoom is deliver for a message of a room that user is in. A stranger does not know the room, and hears nothing.
func (s *session) deliverInRoom(m *chat.Message, frame *engineio.Frame, user chat.UserID, gap time.Duration) (flush, stranger bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.user != user || s.phase != live && s.phase != replaying:
		return false, false
	case s.hearsNothingOf(m):
		return false, true
	}
	return s.hear(m, frame, gap), false
}

// hearsNothingOf tells whether a message is of a room that the session does not know. The caller holds s.mu.
func (s *session) hearsNothingOf(m *chat.Message) bool { return m.Room != "" && s.convs[m.Conv] == nil }

// hear is deliver. The caller holds s.mu.
func (s *session) hear(m *chat.Message, frame *engineio.Frame, gap time.Duration) (flush bool) {
	switch s.phase {
	case replaying:
		s.miss(m)
	case live:
		t := s.track(m.Conv)
		switch {
		case m.Seq <= t.sent:
		case !t.follows(m.Seq):
			s.replay(map[chat.ConvID]uint64{m.Conv: t.sent})
		case s.conn.Queued() > maxLive, m.Seq <= t.ahead:
			s.replay(map[chat.ConvID]uint64{m.Conv: m.Seq - 1})
		default:
			flush = s.conn.Enqueue(frame)
			s.mark(t, m.Seq, gap)
			flush = s.prove() || flush
		}
	}
	return flush
}

// miss notes, while replaying, a message that the replay has to come back for.
func (s *session) miss(m *chat.Message) {
	after := m.Seq - 1
	if t := s.convs[m.Conv]; t != nil && t.exact {
		after = min(after, t.sent)
	}
	s.missAbove(m.Conv, after)
}

// missAbove notes the number from which a replay has to come back for a conversation. The first one is enough.
func (s *session) missAbove(conv chat.ConvID, after uint64) {
	if s.missed == nil {
		s.missed = make(map[chat.ConvID]uint64)
	}
	if _, noted := s.missed[conv]; !noted {
		s.missed[conv] = after
	}
}

func (s *session) track(conv chat.ConvID) *track {
	t := s.convs[conv]
	if t == nil {
		if s.convs == nil {
			s.convs = make(map[chat.ConvID]*track)
		}
		t = &track{conv: conv}
		s.convs[conv] = t
	}
	return t
}

// follows tells whether a number may be sent next. After login the device has all of a direct conversation that came before
// the first one.
func (t *track) follows(seq uint64) bool { return t.sent == 0 && !t.exact || seq == t.sent+1 }

// mark notes that a number is on the wire, and that nothing proves yet that it arrived, which it wants so long after the
// last proof.
func (s *session) mark(t *track, seq uint64, gap time.Duration) {
	t.sent = seq
	if len(s.unproven) == 0 || gap < s.proofGap {
		s.proofGap = gap
	}
	if !t.dirty {
		t.dirty = true
		s.unproven = append(s.unproven, t)
	}
}

// prove asks for proof that what was sent has arrived, unless an answer is due or was a moment ago.
func (s *session) prove() (flush bool) {
	if len(s.unproven) == 0 || s.proving != nil {
		return false
	}
	index, ok := s.conn.Ping(s.proofGap)
	if !ok {
		return false
	}
	s.provingAt = index
	s.proving = make(map[chat.ConvID]uint64, len(s.unproven))
	for i, t := range s.unproven {
		s.proving[t.conv], t.dirty = t.sent, false
		s.unproven[i] = nil
		s.tellRead(t)
	}
	s.unproven = s.unproven[:0]
	return true
}

// tellRead notes what the user has sent, and so has read, for the next proof.
func (s *session) tellRead(t *track) {
	if t.wrote == 0 {
		return
	}
	if s.wrote == nil {
		s.wrote = make(map[chat.ConvID]uint64)
	}
	s.wrote[t.conv], t.wrote = t.wrote, 0
}

// Pong implements socketio.Handler: all that was queued before the ping has arrived.
func (s *session) Pong(index uint32) {
	s.mu.Lock()
	if s.proving == nil || index < s.provingAt {
		s.mu.Unlock()
		return
	}
	user, device, arrived, wrote := s.user, s.device, s.proving, s.wrote
	s.proving, s.wrote = nil, nil
	flush := s.prove()
	s.mu.Unlock()
	s.door.cfg.Cursors.Advance(user, device, arrived, wrote)
	if flush {
		s.conn.Flush()
	}
}

// Tick implements socketio.Handler.
func (s *session) Tick() {
	s.mu.Lock()
	flush := s.prove()
	s.mu.Unlock()
	if flush {
		s.conn.Flush()
	}
}

// Disconnected implements socketio.Handler.
func (s *session) Disconnected(reason string) {
	s.mu.Lock()
	user, device := s.user, s.device
	wasIn := s.phase != idle
	s.phase = over
	wrote := s.forget()
	s.settled.Broadcast()
	s.mu.Unlock()
	s.door.cfg.Cursors.Advance(user, device, nil, wrote)
	s.door.leave(s, user, wasIn)
	s.door.cfg.Log.Debug("socket left", "socket", s.socket.ID(), "user", user, "reason", reason)
}

// forget drops what was known of the conversations, and returns what the user has sent in them: that needs no proof.
func (s *session) forget() (wrote map[chat.ConvID]uint64) {
	for _, t := range s.unproven {
		s.tellRead(t)
	}
	wrote = s.wrote
	s.convs, s.away, s.missed, s.changes, s.own, s.unproven, s.proving, s.wrote = nil, nil, nil, nil, nil, nil, nil, nil
	s.asked = nil
	return wrote
}

// leave takes a session out of the hub and, if it had logged in, out of the registry.
func (d *Server) leave(s *session, user chat.UserID, wasIn bool) {
	if user == "" {
		return
	}
	d.hub.Remove(user, s)
	if wasIn {
		s.vanish()
		ctx, cancel := context.WithTimeout(context.Background(), eventTime)
		defer cancel()
		d.cfg.Registry.Leave(ctx, user, chat.SocketID(s.socket.ID()))
	}
}

// kick tells the client why and takes it out of the namespace; it does not come back by itself.
func (s *session) kick(reason string) {
	s.emit("kicked", struct {
		Reason string `json:"reason"`
	}{reason})
	s.socket.Disconnect(reason)
	s.conn.CloseAfter(kickWait, reason)
}

// kickWait is how long a kicked client may keep its connection, to hang up by itself.
const kickWait = 5 * time.Second
