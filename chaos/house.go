package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/parley-chat/parley/bench/proc"
)

const (
	startWait = 30 * time.Second
	drainWait = 15 * time.Second // the server promises to end within ten seconds of SIGTERM
)

// house is what is under test: the server, behind it the engine if that is a process of its own, and the networks in
// front of both. One goroutine breaks and mends it.
type house struct {
	dir     string
	clients *network // between clients and the server
	engine  *network // between the server and FerretDB; nil with the embedded engine
	server  *proc.Process
	ferret  *proc.Process
	url     atomic.Pointer[string] // of the server itself, past the network

	starts   int
	gaveUp   int   // servers that ended while their engine was away
	peak     int64 // resident memory of the server, bytes
	badEnds  []string
	lastTail string // what the last server that ended badly wrote
}

// openHouse builds what is needed in dir, and starts it.
func openHouse(ctx context.Context, dir, engine string) (*house, error) {
	h := &house{dir: dir}
	if err := proc.Build(filepath.Join(dir, "parley"), proc.Module, buildFlags()...); err != nil {
		return nil, err
	}
	var err error
	if h.clients, err = newNetwork(); err != nil {
		return nil, err
	}
	if engine == "mongo" {
		if err := proc.BuildFerret(filepath.Join(dir, "ferretd")); err != nil {
			return nil, err
		}
		if h.engine, err = newNetwork(); err != nil {
			return nil, err
		}
		if err := h.startFerret(); err != nil {
			return nil, err
		}
	}
	return h, h.startServer(ctx)
}

func (h *house) close() {
	h.clients.close()
	if h.server != nil {
		h.stopServer()
	}
	if h.ferret != nil {
		h.ferret.Kill()
	}
	if h.engine != nil {
		h.engine.close()
	}
}

// startServer starts the server on the data that it had before, and tries again where the engine is not there yet.
func (h *house) startServer(ctx context.Context) error {
	deadline := time.Now().Add(startWait)
	for {
		p, err := proc.Start(h.command(), startWait)
		if err == nil {
			h.server, h.starts = p, h.starts+1
			h.url.Store(&p.URL)
			h.clients.leadTo(strings.TrimPrefix(p.URL, "http://"))
			return nil
		}
		if h.engine == nil || time.Now().After(deadline) {
			return err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

func (h *house) command() *exec.Cmd {
	cmd := exec.Command(filepath.Join(h.dir, "parley"))
	cmd.Dir = h.dir
	// Nothing of this machine's environment. Heartbeats are quick, so that a broken connection is known within seconds.
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOST=127.0.0.1", "PORT=0", "DATA_DIR=" + filepath.Join(h.dir, "data"),
		"BCRYPT_COST=4", "RATE_LIMITS=off", "LOG_LEVEL=warn", "PING_INTERVAL=2s", "PING_TIMEOUT=2s", "WRITE_TIMEOUT=5s",
	}
	if h.engine != nil {
		cmd.Env = append(cmd.Env, "MONGO_URI=mongodb://"+h.engine.address()+"/chaos")
	}
	return cmd
}

// killServer ends the server as a power cut ends a process.
func (h *house) killServer() {
	h.look()
	h.clients.leadTo("")
	h.server.Kill()
	h.server = nil
}

// stopServer ends the server as an operator does.
func (h *house) stopServer() {
	h.look()
	err := h.server.Stop(drainWait)
	h.clients.leadTo("")
	switch {
	case err == nil:
	case h.engine != nil && strings.Contains(h.server.Stderr(), gaveUp):
		h.gaveUp++
	default:
		h.ended("SIGTERM: " + err.Error())
	}
	h.server = nil
}

// gaveUp is what a server says that cannot store what it has taken because its engine is away: it ends in time, with an
// error, and its senders were told that the messages may be stored.
const gaveUp = "messages still being stored"

func (h *house) ended(how string) {
	h.badEnds = append(h.badEnds, how)
	h.lastTail = h.server.Stderr()
}

// look notes the server's memory, and whether it has ended by itself.
func (h *house) look() {
	if rss, err := h.server.RSS(); err == nil {
		h.peak = max(h.peak, rss)
	}
	select {
	case <-h.server.Exited():
		h.ended("the server ended by itself")
	default:
	}
}

// revive starts the server again if it has ended by itself.
func (h *house) revive(ctx context.Context) error {
	h.look()
	select {
	case <-h.server.Exited():
		return h.startServer(ctx)
	default:
		return nil
	}
}

func (h *house) startFerret() error {
	p, err := proc.StartFerret(filepath.Join(h.dir, "ferretd"), filepath.Join(h.dir, "ferret"), startWait)
	if err != nil {
		return err
	}
	h.ferret = p
	h.engine.leadTo(strings.TrimPrefix(p.URL, "mongodb://"))
	return nil
}

func (h *house) killFerret() {
	h.engine.leadTo("")
	h.ferret.Kill()
}

// freeze stops a process for a while, without its knowledge: SIGSTOP, SIGCONT.
func freeze(ctx context.Context, p *proc.Process, d time.Duration) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	defer p.Signal(syscall.SIGCONT)
	return pause(ctx, d)
}

// pause lets time pass: the fault goes on meanwhile.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
