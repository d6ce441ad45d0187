package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"
)

// shutdownTime is how long everything together may take to end.
const shutdownTime = 9 * time.Second

// Bounds of HTTP. Bodies have bounds of their own, route by route.
const (
	headerTime = 10 * time.Second
	idleTime   = 75 * time.Second
	maxHeader  = 32 << 10
)

// serve is the whole of the command parley: it runs the server until ctx ends.
func serve(ctx context.Context, cfg Config, log *slog.Logger, stdout io.Writer) error {
	// Listening comes first: a taken port should not cost the opening of a large database.
	listener, err := listen(cfg)
	if err != nil {
		return err
	}
	defer listener.Close()
	s, err := open(ctx, cfg, log, false)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, s.announce(listener.Addr()))
	return s.Serve(ctx, listener)
}

// Run listens where the Config says, serves until ctx ends, and closes the server.
func (s *Server) Run(ctx context.Context) error {
	listener, err := listen(s.cfg)
	if err != nil {
		return errors.Join(err, s.closeWithin(ctx, nil))
	}
	s.log.Info(s.announce(listener.Addr()))
	return s.Serve(ctx, listener)
}

// Serve serves on a listener until ctx ends or the listener fails, and closes the server and the listener, within ten
// seconds.
func (s *Server) Serve(ctx context.Context, listener net.Listener) (err error) {
	web := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		s.log.Info("shutting down")
	}
	return errors.Join(err, s.closeWithin(ctx, web))
}

// closeWithin closes everything in the time that there is for it, although ctx may have ended.
func (s *Server) closeWithin(ctx context.Context, web *http.Server) error {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	return s.close(end, web)
}

func listen(cfg Config) (net.Listener, error) {
	listener, err := listenAt(cfg.Host, cfg.Port)
	if err != nil {
		return nil, fmt.Errorf("%w; set HOST and PORT", err)
	}
	return listener, nil
}

func listenAt(host string, port int) (net.Listener, error) {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	// No TCP keep-alive: whoever is silent is noticed by the heartbeat, and other requests have time limits. It would take
	// four system calls for each connection, and wake the radio of every phone each 15 s.
	config := net.ListenConfig{KeepAlive: -1}
	listener, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return listener, nil
}

// announce is the one line that says what the server runs on and where to connect.
func (s *Server) announce(addr net.Addr) string {
	cfg := s.cfg
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
