package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/parley-chat/parley/auth"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/media"
	"github.com/parley-chat/parley/realtime"
	"github.com/parley-chat/parley/routes"
	"github.com/parley-chat/parley/store"
)

// shutdownTime is how long everything together may take to end.
const shutdownTime = 9 * time.Second

// Bounds of HTTP. Bodies have bounds of their own, route by route.
const (
	headerTime = 10 * time.Second
	idleTime   = 75 * time.Second
	maxHeader  = 32 << 10
)

// serve runs the server until ctx ends.
func serve(ctx context.Context, cfg Config, log *slog.Logger, stdout io.Writer) (err error) {
	// Listening comes first: a taken port should not cost the opening of a large database.
	listener, err := net.Listen("tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return listenError(cfg, err)
	}
	defer listener.Close()
	h, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           h.handler,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintln(stdout, h.announce(cfg, listener.Addr()))

	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("shutting down")
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	return errors.Join(err, h.close(end, server))
}

// house is everything that runs.
type house struct {
	store    chat.Store
	messages *chat.Messages
	door     *realtime.Server
	handler  http.Handler

	background sync.WaitGroup
	stop       context.CancelFunc // ends what runs in the background
}

// open builds the house from the cellar up. What it opened is closed again when a later part fails.
func open(ctx context.Context, cfg Config, log *slog.Logger) (h *house, err error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	secret := []byte(cfg.JWTSecret)
	if len(secret) == 0 {
		if secret, err = auth.LoadSecret(cfg.DataDir); err != nil {
			return nil, err
		}
	}
	passwords, err := auth.NewPasswords(cfg.BcryptCost)
	if err != nil {
		return nil, fmt.Errorf("BCRYPT_COST: %w", err)
	}
	files, err := media.Open(filepath.Join(cfg.DataDir, "img"), cfg.TmpDir, log)
	if err != nil {
		return nil, err
	}
	place := cfg.MongoURI
	if place == "" {
		place = filepath.Join(cfg.DataDir, "engine")
	}
	engine, err := store.Open(ctx, place, log)
	if err != nil {
		return nil, err
	}
	h = &house{store: engine}

	now := time.Now
	accounts := &chat.Accounts{
		Store: engine, Passwords: passwords, Tokens: auth.NewTokens(secret, now),
		Limits: accountLimits(cfg.RateLimits, now), Now: now, Log: log,
	}
	cursors := chat.NewCursors(engine, log)
	registry := &chat.Registry{Store: engine, Node: chat.NodeID(chat.RandomID(9)), Now: now, Log: log}
	if err := registry.Start(ctx); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	h.messages = chat.NewMessages(engine, engine, now)
	events, bytes := socketLimits(cfg.RateLimits)
	h.door = realtime.New(realtime.Config{
		Accounts: accounts, Messages: h.messages, Cursors: cursors, Registry: registry,
		Devices: &chat.Devices{Store: engine, Cursors: cursors, Now: now},
		Trust:   cfg.Trust, Events: events, Bytes: bytes, Now: now, Log: log,
	})
	accounts.Revoked = h.door.Revoke
	h.handler = routes.New(routes.Config{
		Accounts: accounts,
		Friends:  &chat.Friends{Store: engine, Accounts: engine, Now: now},
		Pictures: &chat.Pictures{Files: files, Accounts: engine, Log: log},
		Files:    files, Ready: engine.Ping, Socket: h.door,
		PublicURL: cfg.PublicURL, Origins: cfg.Origins, TrustedProxies: cfg.TrustedProxies, Log: log,
	})
	if cfg.Trust {
		log.Warn("SOCKET_AUTH=trust: any client that can connect can log in as anyone")
	}

	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	h.background.Go(func() { cursors.Run(background) })
	h.background.Go(func() { registry.Run(background) })
	h.messages.Start(h.door)
	return h, nil
}

// close takes the house down from the roof: nothing new comes in, what is under way is stored and delivered, clients
// are told, and only then does the engine close. Its error says what did not end in time.
func (h *house) close(ctx context.Context, server *http.Server) error {
	httpDone := make(chan error, 1)
	go func() { httpDone <- server.Shutdown(ctx) }() // closes the listener at once, then waits for requests
	err := h.messages.Close(ctx)
	h.door.Shutdown(ctx) // polls that wait are requests too: only now can they end
	err = errors.Join(err, <-httpDone)
	h.stop()
	h.background.Wait()
	return errors.Join(err, h.store.Close())
}

// announce is the one line that says what the server runs on and where to connect.
func (h *house) announce(cfg Config, addr net.Addr) string {
	engine := "the embedded engine in " + cfg.DataDir
	if cfg.MongoURI != "" {
		engine = "MongoDB"
	}
	host := cfg.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	port := strconv.Itoa(addr.(*net.TCPAddr).Port)
	return fmt.Sprintf("parley %s on %s: connect Socket.IO clients to http://%s", version(), engine, net.JoinHostPort(host, port))
}

func listenError(cfg Config, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("cannot listen on %s: %w; set HOST and PORT", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)), err)
}

// accountLimits are the defaults that README lists: ten logins to an account, then one each 30 s; a hundred logins
// from an address, then one a second; thirty registrations from an address, then one each 10 s.
func accountLimits(on bool, now func() time.Time) chat.AccountLimits {
	if !on {
		return chat.AccountLimits{LoginByAccount: limit.None{}, LoginByAddress: limit.None{}, RegisterByAddress: limit.None{}}
	}
	return chat.AccountLimits{
		LoginByAccount:    limit.New(10, 30*time.Second, now),
		LoginByAddress:    limit.New(100, time.Second, now),
		RegisterByAddress: limit.New(30, 10*time.Second, now),
	}
}

// socketLimits are two thousand events, then 500 a second; 16 MB, then 4 MB a second.
func socketLimits(on bool) (events, bytes limit.Bucket) {
	if !on {
		return limit.Bucket{}, limit.Bucket{}
	}
	return limit.NewBucket(2000, 2*time.Millisecond), limit.NewBucket(16<<20, 250*time.Nanosecond)
}
