package socketio

import (
	"crypto/rand"
	"encoding/base64"

	"github.com/parley-chat/parley/realtime/engineio"
)

// Socket is one client in one namespace.
type Socket struct {
	client    *client
	namespace string
	id        string
	handler   Handler
}

// ID returns the socket's id, which the client knows as socket.id.
func (s *Socket) ID() string { return s.id }

// Namespace returns the name of the namespace.
func (s *Socket) Namespace() string { return s.namespace }

// Conn returns the connection that carries the socket, to queue frames, to flush and to ask for proof of receipt.
func (s *Socket) Conn() *engineio.Conn { return s.client.conn }

// Handshake returns what Config.Handshake remembered of the first request.
func (s *Socket) Handshake() any { return s.client.handshake }

// Disconnect takes the socket out of its namespace, and the client does not come back by itself. The connection stays.
func (s *Socket) Disconnect(reason string) {
	s.client.conn.Send(controlFrame(typeDisconnect, s.namespace, nil))
	s.client.leave(s, reason)
}

// newID returns 120 random bits.
func newID() string {
	var b [15]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
