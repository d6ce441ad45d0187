package socketio

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/parley-chat/parley/realtime/engineio"
)

// Config says who handles what. Zero durations take the defaults in parentheses.
type Config struct {
	Engine             engineio.Config           // Open and ASCII are set by NewServer
	ConnectTimeout     time.Duration             // for a client to join its first namespace (45 s)
	MaxAttachments     int                       // of one packet (16)
	MaxAttachmentBytes int                       // of all attachments of one packet (8 MB)
	Namespaces         map[string]Namespace      // by name, "/" for the main one; not changed after NewServer
	Handshake          func(r *http.Request) any // what to remember of the first request, for Socket.Handshake; may be nil
	Extension          Extension                 // takes the namespaces that are not in Namespaces; may be nil
}

// Namespace decides who may join it.
type Namespace interface {
	// Connect is asked when a client wants to join. auth is the client's auth object as JSON, or nil; it is valid
	// during the call only. Nothing can be sent to the socket before Connect has returned. A *ConnectError goes to
	// the client as it is; any other error says only "internal error".
	Connect(s *Socket, auth []byte) (Handler, error)
}

// ConnectError refuses a client; both fields reach its connect_error event.
type ConnectError struct {
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *ConnectError) Error() string { return e.Message }

// Handler hears one socket. Event and Pong come one at a time and in order, as do the calls of AckHandler and
// ConnectedHandler; Tick and Disconnected may come beside them.
type Handler interface {
	// Event is one event; nothing of it is valid after the call.
	Event(e *Event)
	// Pong and Tick are those of engineio.Handler.
	Pong(index uint32)
	Tick()
	// Disconnected is the last call, and comes once.
	Disconnected(reason string)
}

// ConnectedHandler is a Handler that has something to send as soon as the client may hear it.
type ConnectedHandler interface {
	Handler
	// Connected comes before any Event. What it queues goes right behind the packet that lets the client in.
	Connected()
}

// AckHandler is a Handler that asks for acks, see EventFrames.
type AckHandler interface {
	Handler
	// Ack is a client's answer to an event that was sent with an id. Clients may send any id, and more than once: what
	// it belongs to is for the handler to know. Nothing of it is valid after the call.
	Ack(id int64, args, attachments [][]byte)
}

// Event is one event from a client.
type Event struct {
	Name        string
	Args        [][]byte // each a valid JSON value
	ID          int64    // of the ack that the client asks for; negative when it asks for none
	Attachments [][]byte

	room [maxArgs + 1][]byte // for Args
}

// WantsAck tells whether the client waits for an ack.
func (e *Event) WantsAck() bool { return e.ID >= 0 }

// Server is an http.Handler for the path of Socket.IO, by custom /socket.io/.
type Server struct {
	cfg    Config
	engine *engineio.Server
	events sync.Pool // *Event
}

// NewServer returns a server that runs until Shutdown.
func NewServer(cfg Config) *Server {
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 45 * time.Second
	}
	if cfg.MaxAttachments == 0 {
		cfg.MaxAttachments = 16
	}
	if cfg.MaxAttachmentBytes == 0 {
		cfg.MaxAttachmentBytes = 8 << 20
	}
	s := &Server{cfg: cfg}
	s.events.New = func() any { return new(Event) }
	engine := cfg.Engine
	engine.Open = s.open
	engine.ASCII = appendASCII
	s.engine = engineio.NewServer(engine)
	return s
}

// ServeHTTP serves the handshakes, polls, posts and WebSockets of all clients.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// Len returns how many clients are connected.
func (s *Server) Len() int { return s.engine.Len() }

// Shutdown closes every connection so that clients reconnect by themselves, and waits for them until ctx ends.
func (s *Server) Shutdown(ctx context.Context) { s.engine.Shutdown(ctx) }

func (s *Server) open(conn *engineio.Conn, r *http.Request) engineio.Handler {
	c := &client{server: s, conn: conn}
	if s.cfg.Handshake != nil {
		c.handshake = s.cfg.Handshake(r)
	}
	if s.cfg.Extension != nil {
		c.extended = &extended{remembered: s.cfg.Extension.Remember(r)}
	}
	conn.CloseAfter(s.cfg.ConnectTimeout, "no namespace joined in time")
	if c.old() {
		c.joinMain()
	}
	return c
}
