package gateway

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/outbox"
	"github.com/parley-chat/parley/uschat"
)

// session is one connection: one goroutine reads it and does what it asks, one request behind the other.
type session struct {
	door    *Server
	conn    net.Conn
	out     *outbox.Outbox
	address string
	loginBy time.Time

	requests, bytes limit.Bucket // the reader's alone
	searchAgain     time.Time    // likewise, see numbered
	creating        atomic.Bool  // it makes a group, and is answered with it

	// Who it is, set by the reader before the session enters the hub, and left from then on.
	user   chat.UserID
	number uint64
	device chat.DeviceID
	token  chat.Token
	socket chat.SocketID
	login  uint64 // which login of the door it was

	mu   sync.Mutex // guards what follows
	live bool       // told what happens: its login is answered
	held []told     // until then

	over  chan struct{} // closed by end
	ender sync.Once
	slots chan struct{} // one for each message on its way
}

// maxInFlight bounds the messages of a session whose end is not known; past it the connection is not read.
const maxInFlight = 128

func newSession(d *Server, conn net.Conn, address string) *session {
	return &session{
		door: d, conn: conn, out: outbox.New(conn, &d.outbox), address: address,
		loginBy: time.Now().Add(d.cfg.LoginTime), requests: d.cfg.Requests, bytes: d.cfg.Bytes,
		over: make(chan struct{}), slots: make(chan struct{}, maxInFlight),
	}
}

// notice is what a client hears before its connection is closed. UsChat's shows an Error of 0 as a login elsewhere, and
// any other as a lost connection.
type notice struct {
	Error  uschat.Error `json:"error"`
	UID    uint64       `json:"uid"`
	Reason string       `json:"reason"`
}

// run reads requests until the connection or the session ends, and then lets the last frame go out.
func (s *session) run() {
	defer s.conn.Close()
	why, known := s.read()
	if known {
		s.end(why)
	} else {
		s.hangUp()
	}
	s.leave()
	// Unread bytes would reset the connection and take the notice with them. The outbox bounds how long this may take.
	s.conn.SetReadDeadline(time.Time{})
	_, _ = io.Copy(io.Discard, s.conn)
}

// read does what the client asks, until there is a reason to stop; known is false when nobody is there to hear it.
func (s *session) read() (why notice, known bool) {
	in := newFrames(s.conn)
	for {
		s.conn.SetReadDeadline(s.deadline(s.door.cfg.Silence))
		if err := in.wait(); err != nil {
			return s.why(err, "nothing was heard for too long: send a heartbeat each 10 s")
		}
		s.conn.SetReadDeadline(s.deadline(s.door.cfg.FrameTime))
		f, err := in.read()
		if err != nil {
			return s.why(err, "the rest of a frame did not come in time")
		}
		if !s.pace(len(f.body)) {
			return notice{}, false
		}
		if !s.do(f) {
			return notice{Error: uschat.BadRequest, Reason: "no such request"}, true
		}
	}
}

// deadline is when to stop waiting for the client. Before its login it has the time for that, and no more.
func (s *session) deadline(patience time.Duration) time.Time {
	if s.user == "" {
		return s.loginBy
	}
	return time.Now().Add(patience)
}

// why says to the client what became of its stream.
func (s *session) why(err error, late string) (notice, bool) {
	switch {
	case errors.Is(err, errOversized):
		return notice{Error: uschat.BadRequest, Reason: err.Error()}, true
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return notice{}, false // it hung up
	case s.user == "":
		return notice{Error: uschat.TokenInvalid, Reason: "no login in time"}, true
	}
	return notice{Error: uschat.Unavailable, Reason: late}, true
}

// pace waits until the client is within its limits again: TCP makes it feel that. False says that the session is over.
func (s *session) pace(bytes int) bool {
	for {
		select {
		case <-s.over:
			return false
		default:
		}
		now := s.door.cfg.Now()
		retry, ok := s.requests.Take(now, 1)
		if ok {
			if retry, ok = s.bytes.Take(now, headSize+bytes); ok {
				return true
			}
		}
		pause := time.NewTimer(retry)
		select {
		case <-pause.C:
		case <-s.over:
			pause.Stop()
		}
	}
}

// send queues frames. A client for which too much waits is cut off.
func (s *session) send(frames ...[]byte) {
	if !s.out.Send(frames...) {
		s.hangUp()
	}
}

// end tells the client why, behind all that is queued, and closes the connection. The first call counts.
func (s *session) end(why notice) {
	why.UID = s.uid() // not below: who holds mu may be waiting for the ender, in hangUp
	s.ender.Do(func() {
		close(s.over)
		s.out.Close(encode(idOffline, why))
	})
}

// hangUp closes the connection, which the client did already, or which is closed for its slowness.
func (s *session) hangUp() {
	s.ender.Do(func() {
		close(s.over)
		s.out.Close(nil)
	})
}

// uid is whose session it is, 0 before the login.
func (s *session) uid() uint64 {
	if s.isLive() {
		return s.number
	}
	return 0
}

// isLive tells whether the session is told what happens.
func (s *session) isLive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

// meant tells whether an eviction means this session.
func (s *session) meant(e chat.Eviction) bool {
	return slices.Contains(e.Devices, s.device) ||
		slices.ContainsFunc(e.Tokens, func(t chat.Token) bool { return t.ID == s.token.ID })
}
