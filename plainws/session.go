package plainws

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/outbox"
)

// session is one connection. One goroutine reads it and does what it asks, one message behind the other.
type session struct {
	identity
	door    *Server
	conn    net.Conn
	out     *outbox.Outbox
	in      *bufio.Reader // the reader's alone
	address string
	giveUp  func() // its place among its address's connections
	socket  chat.SocketID

	events, bytes limit.Bucket // the reader's alone
	refusedInARow int
	rooms         map[uint64]chat.RoomID // by numbers that the client uses; the reader's alone

	slots  chan struct{}   // one for each message on its way
	ctx    context.Context // ends with the session
	cancel context.CancelFunc
	ender  sync.Once

	progress
}

const (
	// maxInFlight bounds the messages of a session whose end is not known; past it the connection is not read.
	maxInFlight = 128
	// readSize is the buffer of a connection: some messages of a chat, and little for one that is silent.
	readSize = 1 << 10
	// engineTime bounds what a login, a message or a leaving may ask of the engine.
	engineTime = 10 * time.Second
	// handshakeTime is how long the answer to a handshake may take to go.
	handshakeTime = 5 * time.Second
)

// upgrade makes the answer to the opening handshake (RFC 6455, section 4.2), which goes out in front of whatever is sent
// first. When that fails, it says so itself.
func (s *session) upgrade(w http.ResponseWriter, r *http.Request) (ok bool) {
	h := handshake{ResponseWriter: w}
	conn, rw, _, err := ws.HTTPUpgrader{}.Upgrade(r, &h)
	if err != nil {
		if conn != nil {
			conn.SetWriteDeadline(time.Now().Add(handshakeTime))
			_, _ = conn.Write(h.answer.Bytes()) // when it cannot be written, the client is gone
			conn.Close()
		}
		return false
	}
	s.conn = conn
	from := io.Reader(conn)
	if n := rw.Reader.Buffered(); n > 0 { // frames that came on the heels of the request
		from = io.MultiReader(io.LimitReader(rw.Reader, int64(n)), conn)
	}
	s.in = bufio.NewReaderSize(from, readSize)
	s.out = outbox.New(conn, &s.door.outbox)
	s.out.Queue(h.answer.Bytes())
	return true
}

// handshake keeps the answer: who hears it takes herself for connected, and that is not before the session is in the hub.
type handshake struct {
	http.ResponseWriter
	answer bytes.Buffer
}

// Hijack implements http.Hijacker.
func (h *handshake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return conn, bufio.NewReadWriter(rw.Reader, bufio.NewWriter(&h.answer)), nil
}

// run reads messages until the connection or the session ends, and then lets the last frame go out.
func (s *session) run() {
	defer s.conn.Close()
	err := s.read()
	if broken, ok := err.(*violation); ok {
		s.end(broken.code, broken.reason)
	} else {
		s.hangUp()
	}
	s.leave()
	// Unread bytes would reset the connection and take the close frame with them. The outbox bounds how long this takes.
	s.conn.SetReadDeadline(time.Time{})
	_, _ = io.Copy(io.Discard, s.conn)
}

// end sends what is queued and a close frame, and hears nothing any more. The first call counts.
func (s *session) end(code ws.StatusCode, reason string) {
	s.ender.Do(func() { s.close(closeFrame(code, reason)) })
}

// hangUp ends a session whose client has hung up, or was cut off.
func (s *session) hangUp() { s.ender.Do(func() { s.close(nil) }) }

func (s *session) close(last []byte) {
	s.cancel()
	s.out.Close(last)
	s.conn.SetReadDeadline(time.Now()) // the reader does not wait for the client any more
}

func (s *session) isOver() bool { return s.ctx.Err() != nil }

// send queues a frame. A client for which too much waits is cut off.
func (s *session) send(frame []byte) (ok bool) {
	if ok = s.out.Send(frame); !ok {
		s.hangUp()
	}
	return ok
}
