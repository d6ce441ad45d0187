package socketio

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"
)

// patience is how long a test waits for what has to come; only a failing test waits that long.
const patience = 20 * time.Second

// house is a server under test on a port of its own, with the namespaces "/" and "/shop".
type house struct {
	*Server
	t    *testing.T
	http *httptest.Server
	came chan *guest
}

// open opens a house. join is asked who may join, and may be nil.
func open(t *testing.T, cfg Config, join func(g *guest, auth string) error) *house {
	h := &house{t: t, came: make(chan *guest, 100)}
	cfg.Namespaces = map[string]Namespace{"/": door{h, join}, "/shop": door{h, join}}
	h.Server = NewServer(cfg)
	h.http = httptest.NewServer(h.Server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		h.Shutdown(ctx)
		h.http.Close()
		if h.Len() != 0 {
			t.Errorf("%d clients are left", h.Len())
		}
	})
	return h
}

// door is a namespace that lets in whom join lets in.
type door struct {
	house *house
	join  func(g *guest, auth string) error
}

func (d door) Connect(s *Socket, auth []byte) (Handler, error) {
	g := &guest{Socket: s, left: make(chan string, 10), acks: make(chan string, 100), pongs: make(chan uint32, 100), ticks: make(chan struct{}, 100)}
	if d.join != nil {
		if err := d.join(g, string(auth)); err != nil {
			return nil, err
		}
	}
	d.house.came <- g
	return g, nil
}

// guest is the server's side of a socket. It answers an event `echo` with the event `echoed`, and whatever wants an ack
// with an ack, arguments and attachments as they came.
type guest struct {
	*Socket
	greeting string // emitted by Connected
	left     chan string
	acks     chan string
	pongs    chan uint32
	ticks    chan struct{}
}

func (g *guest) Event(e *Event) {
	switch {
	case e.WantsAck():
		g.Conn().Enqueue(AckFrames(g.Namespace(), e.ID, e.Args, e.Attachments)...)
	case e.Name == "echo":
		g.Conn().Enqueue(EventFrames(g.Namespace(), "echoed", NoAck, e.Args, e.Attachments)...)
	case e.Name == "leave":
		g.Disconnect("asked to")
	}
}

func (g *guest) Connected() {
	if g.greeting != "" {
		g.Conn().Enqueue(EventFrame(g.Namespace(), "welcome", []byte(g.greeting)))
	}
}

func (g *guest) Ack(id int64, args, attachments [][]byte) {
	g.acks <- fmt.Sprintf("%d %s %q", id, bytes.Join(args, []byte(",")), attachments)
}

func (g *guest) Pong(index uint32)          { g.pongs <- index }
func (g *guest) Tick()                      { g.ticks <- struct{}{} }
func (g *guest) Disconnected(reason string) { g.left <- reason }

func receive[T any](t *testing.T, what string, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
	}
	return got
}

func (h *house) guest() *guest {
	h.t.Helper()
	return receive(h.t, "a guest", h.came)
}

// mustLeave waits for a guest to leave, and checks why.
func (h *house) mustLeave(g *guest, reason string) {
	h.t.Helper()
	if got := receive(h.t, "the end of a socket", g.left); got != reason {
		h.t.Errorf("left because of %q, want %q", got, reason)
	}
}
