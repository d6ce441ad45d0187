package realtime

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/hub"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/socketio"
)

// Config is what the door stands on. All of it is needed but for what says otherwise.
type Config struct {
	Accounts *chat.Accounts
	Messages *chat.Messages
	Searches *chat.Searches
	Devices  *chat.Devices
	Cursors  *chat.Cursors
	Receipts *chat.Receipts
	Syncs    *chat.Syncs
	Registry *chat.Registry
	Presence *chat.Presence // its Run is given the door
	Files    *chat.Files    // keeps what comes as binary content
	Friends  *chat.Friends
	Rooms    *chat.Rooms // tells the door what changes
	Now      func() time.Time
	Log      *slog.Logger

	// PublicURL is where clients find the server, without a slash at the end, for links to files in messages; with ""
	// those are paths.
	PublicURL string
	// Trust believes a bare user id in `login`, as the Node server of 2020 did.
	Trust bool
	// Events and Bytes pace each socket; a zero Bucket lets everything pass.
	Events, Bytes limit.Bucket
	// Handshakes paces new connections by address, and Connections bounds how many an address has; nil for no limit.
	Handshakes  chat.Limiter
	Connections *limit.Count
	// Transport sets timers and bounds, and the Extension that takes the namespaces that are not the chat's. Its zero
	// value takes the defaults; what is the chat's own is set by New.
	Transport socketio.Config
}

// Server is the door: an http.Handler for /socket.io/, and a chat.Door.
type Server struct {
	cfg     Config
	sio     *socketio.Server
	events  map[string]event
	hub     *hub.Hub[*session]
	replays chan struct{} // a place for each session that reads its backlog from the engine
	batches sync.Pool     // *[]*engineio.Conn
	crowds  sync.Pool     // *[]hearer
	heard   atomic.Uint64 // events
	ended   atomic.Uint64 // how often tokens died, see still

	welcoming sync.Mutex // guards what follows
	welcomes  []welcome  // see tellWaiting
}

// maxReplays bounds how many sessions read their backlog at once, so that a thousand that come back together do not
// starve those who are there.
const maxReplays = 64

// New returns the door. It serves until Shutdown.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, hub: hub.New[*session](), events: eventTable(), replays: make(chan struct{}, maxReplays)}
	transport := cfg.Transport
	transport.Engine.Admit = s.admit
	transport.Namespaces = map[string]socketio.Namespace{"/": s}
	transport.Handshake = func(r *http.Request) any { return readHandshake(r) }
	s.sio = socketio.NewServer(transport)
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.sio.ServeHTTP(w, r) }

// Connections returns how many clients are connected.
func (s *Server) Connections() int { return s.sio.Len() }

// Stats returns the figures of the transport, and how many events the chat has heard since the start.
func (s *Server) Stats() (transport engineio.Stats, events uint64) {
	return s.sio.Stats(), s.heard.Load()
}

// Shutdown sends what is queued, tells every client to come back later, and waits for them until ctx ends.
func (s *Server) Shutdown(ctx context.Context) { s.sio.Shutdown(ctx) }

// handshake is what is kept of a connection's first request.
type handshake struct {
	token, device, address string
}

// readHandshake finds a token where clients put it: the query (2.x clients) or the Authorization header. The auth
// object of later clients comes with CONNECT.
func readHandshake(r *http.Request) *handshake {
	query := r.URL.Query()
	h := &handshake{token: query.Get("token"), device: query.Get("device"), address: limit.Host(r.RemoteAddr)}
	if h.token == "" {
		if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
			h.token = token
		}
	}
	// The strings are parts of the request, which would stay in memory with them.
	h.token, h.device, h.address = strings.Clone(h.token), strings.Clone(h.device), strings.Clone(h.address)
	return h
}

// Revoke ends every session of a user whose tokens died. Its clients do not come back by themselves.
func (s *Server) Revoke(user chat.UserID) {
	s.ended.Add(1)
	for _, session := range s.hub.Of(user) {
		session.kick("this login is no longer good: log in again")
	}
}
