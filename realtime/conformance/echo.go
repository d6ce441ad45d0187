package main

import (
	"net/http"
	"time"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/socketio"
)

// newTransport returns a server of Engine.IO alone that answers each message with the message.
func newTransport(cfg engineio.Config) *engineio.Server {
	cfg.Open = func(c *engineio.Conn, _ *http.Request) engineio.Handler {
		if c.Protocol() == 3 && c.Transport() == "websocket" {
			time.Sleep(headStart)
		}
		return echo{c}
	}
	return engineio.NewServer(cfg)
}

// headStart is what the suite of Engine.IO 3 needs between the answer to a WebSocket's handshake and the first packet:
// it begins to listen after it has seen the socket open, and misses a packet that comes in one read with the answer.
const headStart = 10 * time.Millisecond

type echo struct{ conn *engineio.Conn }

func (e echo) Message(data []byte, binary bool) error {
	if binary {
		e.conn.Enqueue(engineio.NewBinary(data))
		return nil
	}
	e.conn.Enqueue(engineio.NewText(len(data), func(dst []byte) []byte { return append(dst, data...) }))
	return nil
}

func (e echo) Pong(uint32)   {}
func (e echo) Tick()         {}
func (e echo) Closed(string) {}

// connectTimeout is for a client to join its first namespace. The suite waits less than two seconds for the end of one
// that joins none, and answers three pings without joining any.
const connectTimeout = 1500 * time.Millisecond

// newPackets returns a server of Socket.IO with what the official suite expects on / and /custom.
func newPackets(cfg engineio.Config) *socketio.Server {
	return socketio.NewServer(socketio.Config{
		Engine:         cfg,
		ConnectTimeout: connectTimeout,
		Namespaces:     map[string]socketio.Namespace{"/": namespace{}, "/custom": namespace{}},
	})
}

// namespace lets everyone in.
type namespace struct{}

func (namespace) Connect(s *socketio.Socket, auth []byte) (socketio.Handler, error) {
	if auth == nil {
		auth = []byte("{}")
	}
	return &member{socket: s, auth: append([]byte(nil), auth...)}, nil
}

// member is a socket that echoes.
type member struct {
	socket *socketio.Socket
	auth   []byte
}

// Connected tells the client what it brought to the handshake.
func (m *member) Connected() {
	m.socket.Conn().Enqueue(socketio.EventFrame(m.socket.Namespace(), "auth", m.auth))
	m.auth = nil
}

// Event implements socketio.Handler.
func (m *member) Event(e *socketio.Event) {
	conn, namespace := m.socket.Conn(), m.socket.Namespace()
	switch {
	case e.Name == "message":
		conn.Enqueue(socketio.EventFrames(namespace, "message-back", socketio.NoAck, e.Args, e.Attachments)...)
	case e.Name == "message-with-ack" && e.WantsAck():
		conn.Enqueue(socketio.AckFrames(namespace, e.ID, e.Args, e.Attachments)...)
	}
}

func (m *member) Pong(uint32)         {}
func (m *member) Tick()               {}
func (m *member) Disconnected(string) {}
