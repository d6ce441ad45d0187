package engineio

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config sets the timers and bounds. Zero values take the defaults in parentheses.
type Config struct {
	PingInterval   time.Duration // between two pings (25 s)
	PingTimeout    time.Duration // from a ping to its pong (20 s)
	UpgradeTimeout time.Duration // from the WebSocket's opening to the upgrade packet (10 s)
	WriteTimeout   time.Duration // for the peer to take no byte of what is sent to it (20 s)
	MaxPayload     int           // bytes of one WebSocket message or polling body (1,000,000)
	MaxQueued      int           // bytes that wait to be sent to one connection (8 MB)
	MaxQueuedCount int           // packets that wait to be sent to one connection (20,000)
	Protocol       int           // of Engine.IO, let in alone: 3 or 4 (both)

	// Compress lets clients negotiate permessage-deflate on WebSockets, and gzips answers to polls that accept it. It
	// is for what has 1 KiB or more. MaxPayload bounds a message as it comes and as it is inflated. Where one message
	// holds a secret beside the words of a stranger, its length on the wire can give the secret away (RFC 7692, section 8).
	Compress bool

	// ASCII appends a text message so that it means the same in ASCII alone, for polls of clients of protocol 3 that do
	// not take bytes: half of them read no other text rightly. Without it they get their text as it is.
	ASCII func(dst, text []byte) []byte

	// Admit lets a new session in, or says when to come back; nil lets all in. leave is called once, when the session
	// has ended.
	Admit func(r *http.Request) (leave func(), retry time.Duration, ok bool)

	// Open is called when a session stands, before anything is read from it, and returns who hears the connection.
	// It may send and close already. The request is not kept; Open must not keep it either. Needed.
	Open func(c *Conn, r *http.Request) Handler
}

// Handler hears one connection. Message, Pong and Flushed come one at a time; Tick and Closed may come beside them.
type Handler interface {
	// Message is one message; data is valid during the call only. An error closes the connection, and its text is
	// the reason that the peer sees.
	Message(data []byte, binary bool) error
	// Pong says that the peer has received all that was queued before the ping of this index, see Conn.Ping.
	Pong(index uint32)
	// Tick says that a refused Ping may be tried again. It must not wait: the timers of all connections do meanwhile.
	Tick()
	// Closed is the last call. It comes once, on a goroutine of its own.
	Closed(reason string)
}

// Server holds the sessions of one path.
type Server struct {
	cfg     Config
	wheel   *wheel
	netpoll *netpoll // nil where there is none
	stop    chan struct{}
	ping    *Frame
	pong    *Frame
	noop    *Frame
	buffers bufferPool // for reading
	batches sync.Pool  // *[]byte, for writing
	lates   sync.Pool  // *[]*Conn, for FlushLate
	codecs  codecs     // for Config.Compress

	flushers []*flusher // one for each core

	mu      sync.RWMutex // guards what follows; taken after Conn.mu
	conns   map[string]*Conn
	closing bool
	running int           // handshakes, WebSockets that are read, calls of Handler.Closed
	idle    chan struct{} // closed when, after the closing, none of these is left
}

// NewServer returns a server that runs until Shutdown.
func NewServer(cfg Config) *Server {
	setDefault(&cfg.PingInterval, 25*time.Second)
	setDefault(&cfg.PingTimeout, 20*time.Second)
	setDefault(&cfg.UpgradeTimeout, 10*time.Second)
	setDefault(&cfg.WriteTimeout, 20*time.Second)
	setDefault(&cfg.MaxPayload, 1_000_000)
	setDefault(&cfg.MaxQueued, 8<<20)
	setDefault(&cfg.MaxQueuedCount, 20_000)
	// Fine enough for the shortest timer, and never so fine that an idle server works for it.
	tick := min(max(min(cfg.PingInterval, cfg.PingTimeout)/20, 10*time.Millisecond), 100*time.Millisecond)
	s := &Server{
		cfg:     cfg,
		wheel:   newWheel(tick),
		netpoll: newNetpoll(),
		stop:    make(chan struct{}),
		ping:    textPacket(packetPing, ""),
		pong:    textPacket(packetPong, ""),
		noop:    textPacket(packetNoop, ""),
		conns:   make(map[string]*Conn),
		idle:    make(chan struct{}),

		flushers: newFlushers(),
	}
	s.lates.New = func() any { return new([]*Conn) }
	go s.wheel.run(s.stop)
	return s
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Len returns how many sessions there are.
func (s *Server) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.conns)
}

// shuttingDown is the reason that clients see.
const shuttingDown = "server shutting down"

// Shutdown refuses new sessions, sends what is queued, closes every session so that clients come back elsewhere or
// later, and waits for their sockets until ctx ends. A second call returns at once.
func (s *Server) Shutdown(ctx context.Context) {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return
	}
	s.closing = true
	conns := make([]*Conn, 0, len(s.conns))
	for _, c := range s.conns {
		conns = append(conns, c)
	}
	s.settle()
	s.mu.Unlock()
	for _, c := range conns {
		c.close(closeGoingAway(shuttingDown))
	}
	select {
	case <-s.idle:
	case <-ctx.Done():
		for _, c := range conns {
			c.abandon()
		}
	}
	close(s.stop)
	s.netpoll.close()
}

// begin counts something that Shutdown waits for, until end; false when it is too late to begin.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.running++
	return true
}

func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	s.settle()
}

// hold counts something that Shutdown waits for, until end, also when it is closing already: the caller is counted itself
// or holds a session that is.
func (s *Server) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running++
}

// run starts a goroutine that Shutdown waits for.
func (s *Server) run(f func()) {
	s.hold()
	go func() {
		defer s.end()
		f()
	}()
}

// settle closes idle when there is nothing more to wait for.
func (s *Server) settle() {
	if !s.closing || s.running > 0 || len(s.conns) > 0 {
		return
	}
	select {
	case <-s.idle: // what came too late ran after all was over
	default:
		close(s.idle)
	}
}

// ServeHTTP serves every request of the path: handshakes, polls, posts and WebSockets.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	transport, sid := query.Get("transport"), query.Get("sid")
	isUpgrade := isWebSocket(r)
	if transport != "polling" && transport != "websocket" {
		errUnknownTransport.write(w)
		return
	}
	if sid == "" {
		switch {
		case r.Method != http.MethodGet:
			errHandshakeMethod.write(w)
		case (transport == "websocket") != isUpgrade:
			errBadRequest.write(w)
		case !s.speaks(query.Get("EIO")):
			errUnsupportedVersion.write(w)
		default:
			s.handshake(w, r, query, isUpgrade)
		}
		return
	}
	c := s.conn(sid)
	switch {
	case c == nil || c.expired():
		errUnknownSession.write(w)
	case isUpgrade && transport == "websocket":
		c.serveUpgrade(w, r)
	case isUpgrade || transport != "polling":
		errBadRequest.write(w)
	case r.Method == http.MethodGet:
		c.servePoll(w, r)
	case r.Method == http.MethodPost:
		c.servePost(w, r)
	default:
		errBadRequest.write(w)
	}
}

func isWebSocket(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

func (s *Server) conn(sid string) *Conn {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.conns[sid]
}

// add enters a session; false when the server is shutting down.
func (s *Server) add(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.conns[c.id] = c
	}
	return !s.closing
}

func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.id)
	s.settle()
}

// newID returns 120 random bits: nobody guesses the session of another.
func newID() string {
	var b [15]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
