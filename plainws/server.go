package plainws

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/hub"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/outbox"
	"github.com/parley-chat/parley/recent"
)

// Config is what the door stands on. All of it is needed but for what says otherwise.
type Config struct {
	Accounts *chat.Accounts
	Rooms    *chat.Rooms
	Messages *chat.Messages
	Devices  *chat.Devices
	Cursors  *chat.Cursors
	Registry *chat.Registry
	Presence *chat.Presence
	Now      func() time.Time
	Log      *slog.Logger

	// Events and Bytes pace each connection; a zero Bucket lets everything pass.
	Events, Bytes limit.Bucket
	// Handshakes paces new connections by address, and Connections bounds how many an address has; nil for no limit.
	Handshakes  chat.Limiter
	Connections *limit.Count
	// MaxQueued is how many bytes may wait for a client, WriteTimeout how long it may take nothing of them. 0 for 1 MiB
	// and 20 s.
	MaxQueued    int
	WriteTimeout time.Duration
	// PingInterval is how long a client may be silent before it is pinged, PingTimeout how long it may be silent then, and
	// how long a message may take to come once it has begun. 0 for 25 s and 20 s.
	PingInterval, PingTimeout time.Duration
}

// Server is the door: an http.Handler for GET /ws/{Sender}, and a chat.Door.
type Server struct {
	cfg     Config
	outbox  outbox.Config
	hub     *hub.Hub[*session]
	names   *recent.Map[chat.UserID, string] // of those who wrote in rooms
	open    atomic.Int64                     // connections
	ended   atomic.Uint64                    // how often tokens died, see enter
	replays chan struct{}                    // a place for each session that reads its backlog from the engine

	mu      sync.Mutex // guards what follows
	closing bool
	gone    sync.WaitGroup // sessions, those on their way in among them, and replays
}

// maxNames bounds the remembered names: 2 × 20,000 of about 150 bytes are 6 MB at the most.
const maxNames = 20_000

// New returns the door. It serves until Shutdown.
func New(cfg Config) *Server {
	cfg.MaxQueued = cmp.Or(cfg.MaxQueued, 1<<20)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, 20*time.Second)
	cfg.PingInterval = cmp.Or(cfg.PingInterval, 25*time.Second)
	cfg.PingTimeout = cmp.Or(cfg.PingTimeout, 20*time.Second)
	return &Server{
		cfg: cfg, hub: hub.New[*session](), names: recent.New[chat.UserID, string](maxNames),
		replays: make(chan struct{}, maxReplays),
		outbox: outbox.Config{
			Most: cfg.MaxQueued, Timeout: cfg.WriteTimeout,
			TooSlow: closeFrame(ws.StatusPolicyViolation, "too much waits to be sent: read faster"),
		},
	}
}

// ServeHTTP opens a session, once it is known whose. The path value Sender is the user's name, id or number.
func (d *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, err := d.admit(w, r)
	if err != nil {
		d.refuse(w, r, err)
	}
	if s == nil {
		return
	}
	// The handler returns: it would keep the request in memory.
	go func() {
		s.run()
		d.open.Add(-1)
		d.gone.Done()
	}()
}

// admit answers the handshake and returns the session; nil when the answer says why not. An error is for refuse to say.
func (d *Server) admit(w http.ResponseWriter, r *http.Request) (*session, error) {
	address := strings.Clone(limit.Host(r.RemoteAddr)) // not part of the request, which would stay in memory with it
	leave, retry, ok := limit.Admit(d.cfg.Handshakes, d.cfg.Connections, address)
	if !ok {
		return nil, tooMany(retry)
	}
	s, err := d.connect(w, r, address)
	if s == nil {
		leave()
		return nil, err
	}
	s.giveUp = leave
	return s, nil
}

func tooMany(retry time.Duration) error {
	return &chat.Error{Code: chat.TooMany, Message: "too many connections from this address", RetryAfter: retry}
}

// connect makes a session of a request whose token proves that it is Sender's.
func (d *Server) connect(w http.ResponseWriter, r *http.Request, address string) (*session, error) {
	ctx, cancel := context.WithTimeout(r.Context(), engineTime)
	defer cancel()
	who, err := d.identify(ctx, r)
	if err != nil {
		return nil, err
	}
	s := &session{
		door: d, identity: who, address: address, socket: chat.SocketID(chat.RandomID(15)),
		events: d.cfg.Events, bytes: d.cfg.Bytes, slots: make(chan struct{}, maxInFlight),
	}
	login := chat.Device{User: s.user, ID: s.device, Address: address, Tokens: []chat.Token{s.token}}
	cursors, err := d.cfg.Devices.Login(ctx, login)
	if err != nil {
		return nil, err
	}
	s.begin(cursors)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	d.mu.Lock()
	closing := d.closing
	if !closing {
		d.gone.Add(1)
	}
	d.mu.Unlock()
	if closing {
		return nil, chat.Errorf(chat.Unavailable, "the server is shutting down")
	}
	if !s.upgrade(w, r) {
		d.gone.Done()
		return nil, nil
	}
	d.open.Add(1)
	s.enter(ctx)
	if d.isClosing() { // Shutdown may have looked before it was there
		s.end(ws.StatusGoingAway, goingAway)
	}
	s.out.Send() // the answer to the handshake
	return s, nil
}

func (d *Server) isClosing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closing
}

// goingAway is what clients hear of a shutdown.
const goingAway = "the server is going away: come back in a moment"

// Connections returns how many clients are connected.
func (d *Server) Connections() int { return int(d.open.Load()) }

// Shutdown lets nobody in any more, sends what is queued, tells every client, and waits for them until ctx ends.
func (d *Server) Shutdown(ctx context.Context) {
	d.mu.Lock()
	d.closing = true
	d.mu.Unlock()
	d.all(func(s *session) { s.end(ws.StatusGoingAway, goingAway) })
	done := make(chan struct{})
	go func() {
		d.gone.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		d.all(func(s *session) { s.conn.Close() })
	}
}

func (d *Server) all(do func(*session)) {
	d.hub.Each(func(_ chat.UserID, sessions []*session) bool {
		for _, s := range sessions {
			do(s)
		}
		return true
	})
}

// Revoke ends every session of a user whose tokens died. Her account may be gone, and her name another's: it is asked for
// again.
func (d *Server) Revoke(user chat.UserID) {
	d.ended.Add(1)
	d.names.Forget(user)
	for _, s := range d.hub.Of(user) {
		s.end(ws.StatusPolicyViolation, "the token is no longer good: log in again")
	}
}

// Evict ends the sessions that an eviction means.
func (d *Server) Evict(e chat.Eviction) {
	d.ended.Add(1)
	for _, s := range d.hub.Of(e.User) {
		if slices.Contains(e.Devices, s.device) ||
			slices.ContainsFunc(e.Tokens, func(t chat.Token) bool { return t.ID == s.token.ID }) {
			s.end(ws.StatusPolicyViolation, e.Reason)
		}
	}
}
