package extension

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/socketio"
)

// Sockets is the library's server, whose documentation is the documentation of namespaces.
type Sockets = socket.Server

// Config is what an extension stands on.
type Config struct {
	Log *slog.Logger
	// KeepRequests keeps the first request's line, headers and address of every connection, about a kilobyte each,
	// so that handlers find them in Socket.Handshake. Without it they find them empty there.
	KeepRequests bool
}

// Server carries the library's namespaces on our connections. It implements socketio.Extension.
type Server struct {
	log     *slog.Logger
	keep    bool
	sockets *socket.Server
	fns     int           // the field of socket.Socket that holds its middleware
	making  chan struct{} // holds a token while nobody makes a namespace that is not known

	heard atomic.Uint64 // events
	known sync.Map      // string -> struct{}: namespaces that stand
	admin *admin        // nil without ServeAdmin
}

// New returns an extension without namespaces. It fails when the library is not the one that it was written for.
func New(cfg Config) (*Server, error) {
	field, found := reflect.TypeFor[socket.Socket]().FieldByName("fns")
	if !found || field.Type != reflect.TypeFor[*types.Slice[socket.SocketMiddleware]]() || len(field.Index) != 1 {
		return nil, errors.New("extension: this version of socket.io/v2 keeps its middleware elsewhere; v2.5.0 is expected")
	}
	s := &Server{
		log: cfg.Log, keep: cfg.KeepRequests, fns: field.Index[0], making: make(chan struct{}, 1),
	}
	s.making <- struct{}{}
	opts := socket.DefaultServerOptions()
	opts.SetParser(packets{cfg.Log})
	opts.SetAdapter(adapters{s})
	opts.SetServeClient(false)
	// Closing who joins nothing is the transport's business. The library's timer would also close those who have
	// joined the chat alone.
	opts.SetConnectTimeout(math.MaxInt64)
	s.sockets = socket.NewServer(nil, opts)
	main := s.sockets.Sockets()
	main.On("new_namespace", func(args ...any) { s.adopt(args[0].(socket.Namespace)) })
	emitter := main.EventEmitter()
	emitter.EventEmitter = &mainEvents{emitter.EventEmitter, cfg.Log}
	return s, nil
}

// Sockets returns the library's server, on which namespaces are registered: Of, then Use and On.
func (s *Server) Sockets() *Sockets { return s.sockets }

// Events returns how many events the namespaces have been sent since the start.
func (s *Server) Events() uint64 { return s.heard.Load() }

// Close ends what runs by itself. Connections end with the transport.
func (s *Server) Close() {
	if s.admin != nil {
		s.admin.close()
	}
}

// adopt sees a namespace before anyone can have joined it.
func (s *Server) adopt(n socket.Namespace) {
	emitter := n.EventEmitter()
	emitter.EventEmitter = &namespaceEvents{emitter.EventEmitter, s, n.Name()}
	n.Fns().Unshift(func(sock *socket.Socket, next func(*socket.ExtendedError)) {
		m := s.member(sock)
		if m == nil { // on another transport than ours, or of a client that has gone on
			next(socket.NewExtendedError("not on this transport", nil))
			return
		}
		m.adopt(sock)
		next(nil)
	})
	s.known.Store(n.Name(), struct{}{})
}

// member returns what we know of a library socket; nil when its client has gone on.
func (s *Server) member(sock *socket.Socket) *member {
	w, ok := sock.Conn().(*wire)
	if !ok {
		return nil
	}
	return w.owner.member(sock.Nsp().Name())
}

// Remember implements socketio.Extension.
func (s *Server) Remember(r *http.Request) any {
	if !s.keep {
		return nil
	}
	return remember(r)
}

// Open implements socketio.Extension.
func (s *Server) Open(conn *engineio.Conn, kept any) socketio.PacketHandler {
	request, _ := kept.(*remembered)
	c := &connection{server: s, conn: conn, members: make(map[string]*member), closed: make(chan struct{})}
	c.wire = newWire(c, conn, request)
	c.client = socket.NewClient(s.sockets, c.wire)
	return c
}
