package extension

import (
	"context"
	"sync"
	"time"

	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/chat"
)

// AdminNamespace is where administrators hear `stats`.
const AdminNamespace = "/admin"

const (
	adminWait    = 10 * time.Second // for one proof
	adminRecheck = 30               // ticks between two proofs of those who stay
)

// AdminConfig says who may watch, and what there is to see.
type AdminConfig struct {
	// Allowed returns nil for the token of an administrator, or the *chat.Error that the client sees.
	Allowed func(ctx context.Context, token string) error
	// Watch is called when the first administrator connects, and returns what each tick's `stats` are made by. They are
	// encoded as JSON.
	Watch func() (stats func() any)
	Every time.Duration // between two `stats` (1 s)
}

// admin is the /admin namespace. Nothing runs while nobody watches.
type admin struct {
	cfg       AdminConfig
	namespace socket.Namespace

	mu       sync.Mutex // guards what follows
	watchers int
	stop     chan struct{} // of the ticking; nil while there is none
	closed   bool
	ticking  sync.WaitGroup
}

// ServeAdmin registers the namespace /admin: the event `stats`, again and again, to administrators alone. Their proof
// is auth.token; it is asked for again while they stay.
func (s *Server) ServeAdmin(cfg AdminConfig) {
	if cfg.Every == 0 {
		cfg.Every = time.Second
	}
	a := &admin{cfg: cfg}
	s.admin = a
	a.namespace = s.sockets.Of(AdminNamespace, nil)
	a.namespace.Use(func(sock *socket.Socket, next func(*socket.ExtendedError)) {
		auth, _ := sock.Handshake().Auth.(map[string]any)
		token, _ := auth["token"].(string)
		sock.SetData(token)
		if err := a.allowed(token); err != nil {
			e := chat.AsError(err)
			next(socket.NewExtendedError(e.Message, map[string]any{"code": e.Code, "message": e.Message}))
			return
		}
		next(nil)
	})
	a.namespace.On("connection", func(args ...any) {
		a.arrive()
		args[0].(*socket.Socket).On("disconnect", func(...any) { a.depart() })
	})
}

func (a *admin) allowed(token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminWait)
	defer cancel()
	return a.cfg.Allowed(ctx, token)
}

func (a *admin) arrive() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watchers++; a.stop == nil && !a.closed {
		stop := make(chan struct{})
		a.stop = stop
		a.ticking.Go(func() { a.tick(stop) })
	}
}

func (a *admin) depart() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watchers--; a.watchers == 0 {
		a.halt()
	}
}

func (a *admin) halt() {
	if a.stop != nil {
		close(a.stop)
		a.stop = nil
	}
}

func (a *admin) close() {
	a.mu.Lock()
	a.closed = true
	a.halt()
	a.mu.Unlock()
	a.ticking.Wait()
}

func (a *admin) tick(stop chan struct{}) {
	stats := a.cfg.Watch()
	ticker := time.NewTicker(a.cfg.Every)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		if n%adminRecheck == 0 {
			a.recheck()
		}
		a.namespace.Emit("stats", stats())
	}
}

// recheck sends those away whose token has died, or who are administrators no more.
func (a *admin) recheck() {
	a.namespace.Sockets().Range(func(_ socket.SocketId, sock *socket.Socket) bool {
		token, _ := sock.Data().(string)
		switch chat.CodeOf(a.allowed(token)) {
		case chat.Unauthenticated, chat.Forbidden:
			sock.Disconnect(false)
		}
		return true
	})
}
