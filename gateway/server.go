package gateway

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/hub"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/outbox"
	"github.com/parley-chat/parley/uschat"
)

// Config is what the door stands on. All of it is needed but for what says otherwise.
type Config struct {
	Accounts *chat.Accounts
	Friends  *chat.Friends
	Rooms    *chat.Rooms
	Messages *chat.Messages
	Devices  *chat.Devices
	Cursors  *chat.Cursors
	Registry *chat.Registry
	Presence *chat.Presence
	// Conversations lists the direct conversations of a user: the engine does.
	Conversations interface {
		Conversations(ctx context.Context, user chat.UserID) ([]chat.ConvID, error)
	}
	Now func() time.Time
	Log *slog.Logger

	// PublicURL is where clients find the server, without a slash at the end, for links to pictures; with "" those are paths.
	PublicURL string
	// Requests and Bytes pace each connection: one over them is not read for a while. A zero Bucket lets everything pass.
	Requests, Bytes limit.Bucket
	// Handshakes paces new connections by address, and Connections bounds how many an address has; nil for no limit.
	Handshakes  chat.Limiter
	Connections *limit.Count
	// MaxQueued is how many bytes may wait for a client, WriteTime how long it may take nothing of them. 0 for 1 MiB and 20 s.
	MaxQueued int
	WriteTime time.Duration
	// LoginTime is how long a client may take to log in, FrameTime for a frame to come whole once it has begun, and
	// Silence how long it may say nothing: UsChat's clients send a heartbeat each 10 s. 0 for 10 s, 10 s and 60 s.
	LoginTime, FrameTime, Silence time.Duration
}

// Server is the door: Serve takes its connections, and it is a chat.Door, a chat.FriendAudience and a chat.RoomAudience.
type Server struct {
	cfg      Config
	requests map[uint16]request
	outbox   outbox.Config
	hub      *hub.Hub[*session]
	people   people
	logins   atomic.Uint64 // so far, see supersede
	ended    atomic.Uint64 // how often tokens died, see login

	mu       sync.Mutex // guards what follows
	sessions map[*session]struct{}
	listener net.Listener
	closing  bool
	gone     sync.WaitGroup // sessions
}

// New returns the door. Serve opens it.
func New(cfg Config) *Server {
	cfg.MaxQueued = cmp.Or(cfg.MaxQueued, 1<<20)
	cfg.WriteTime = cmp.Or(cfg.WriteTime, 20*time.Second)
	cfg.LoginTime = cmp.Or(cfg.LoginTime, 10*time.Second)
	cfg.FrameTime = cmp.Or(cfg.FrameTime, 10*time.Second)
	cfg.Silence = cmp.Or(cfg.Silence, time.Minute)
	return &Server{
		cfg: cfg, requests: requestTable(), hub: hub.New[*session](), people: newPeople(),
		sessions: make(map[*session]struct{}),
		outbox: outbox.Config{
			Most: cfg.MaxQueued, Timeout: cfg.WriteTime,
			TooSlow: encode(idOffline, notice{Error: uschat.Unavailable, Reason: "too much waits for this client"}),
		},
	}
}

// acceptPause is how long nobody is let in after the system had no room for a connection.
const acceptPause = 50 * time.Millisecond

// Serve lets clients in until Shutdown, which it answers with nil, or until the listener fails.
func (d *Server) Serve(l net.Listener) error {
	d.mu.Lock()
	d.listener = l
	closing := d.closing
	d.mu.Unlock()
	if closing {
		return l.Close()
	}
	for {
		conn, err := l.Accept()
		if err == nil {
			d.admit(conn)
			continue
		}
		d.mu.Lock()
		closing = d.closing
		d.mu.Unlock()
		switch {
		case closing:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		}
		d.cfg.Log.Warn("no connection accepted", "error", err)
		time.Sleep(acceptPause)
	}
}

// admit starts a session, unless its address has too many or the door is closing: those are hung up on.
func (d *Server) admit(conn net.Conn) {
	address := limit.Host(conn.RemoteAddr().String())
	leave, _, ok := limit.Admit(d.cfg.Handshakes, d.cfg.Connections, address)
	if !ok {
		conn.Close()
		return
	}
	s := newSession(d, conn, address)
	d.mu.Lock()
	closing := d.closing
	if !closing {
		d.sessions[s] = struct{}{}
		d.gone.Add(1)
	}
	d.mu.Unlock()
	if closing {
		conn.Close()
		leave()
		return
	}
	go func() {
		defer func() {
			d.mu.Lock()
			delete(d.sessions, s)
			d.mu.Unlock()
			leave()
			d.gone.Done()
		}()
		s.run()
	}()
}

// Connections returns how many clients are connected.
func (d *Server) Connections() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sessions)
}

// Shutdown lets nobody in any more, sends what is queued, tells every client, and waits for them until ctx ends.
func (d *Server) Shutdown(ctx context.Context) {
	d.mu.Lock()
	d.closing = true
	listener := d.listener
	all := make([]*session, 0, len(d.sessions))
	for s := range d.sessions {
		all = append(all, s)
	}
	d.mu.Unlock()
	if listener != nil {
		listener.Close()
	}
	for _, s := range all {
		s.end(notice{Error: uschat.Unavailable, Reason: "the server is going away: come back in a moment"})
	}
	done := make(chan struct{})
	go func() {
		d.gone.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		for _, s := range all {
			s.conn.Close()
		}
	}
}

// Revoke ends every session of a user whose tokens died. Her account may be gone, and her name another's: it is asked for
// again.
func (d *Server) Revoke(user chat.UserID) {
	d.ended.Add(1)
	d.people.forget(user)
	for _, s := range d.hub.Of(user) {
		s.end(notice{Error: uschat.TokenInvalid, Reason: "the token is no longer good: log in again"})
	}
}

// Evict ends the sessions that an eviction means, but the one that asked for it.
func (d *Server) Evict(e chat.Eviction) {
	d.ended.Add(1)
	for _, s := range d.hub.Of(e.User) {
		if s != e.Asking && s.meant(e) {
			s.end(notice{Reason: e.Reason})
		}
	}
}

// icon is what a client shows for a user: her picture, or else what her profile names.
func (d *Server) icon(a *chat.Account) string {
	return cmp.Or(chat.PictureURL(d.cfg.PublicURL, a.Picture), a.Icon)
}
