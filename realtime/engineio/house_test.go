package engineio

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what has to come; only a failing test waits that long.
const patience = 20 * time.Second

// house is a server under test on a port of its own.
type house struct {
	*Server
	t    testing.TB
	http *httptest.Server
	web  *http.Client
	came chan *guest
}

// guest is a connection as the server's side sees it. Its handler answers each message with the message, unless hear
// says something else.
type guest struct {
	conn   *Conn
	hear   func(g *guest, data []byte, binary bool) error
	pongs  chan uint32
	ticks  chan struct{}
	closed chan string
}

// open opens a house. hear may be nil; settings are made before the HTTP server starts.
func open(t testing.TB, cfg Config, hear func(g *guest, data []byte, binary bool) error, settings ...func(*http.Server)) *house {
	h := &house{t: t, came: make(chan *guest, 4096)}
	cfg.Open = func(c *Conn, _ *http.Request) Handler {
		g := newGuest(c, hear)
		h.came <- g
		return g
	}
	h.Server = NewServer(cfg)
	h.serve(settings)
	return h
}

// serve starts the HTTP server. When the test is over nothing may be left of any session.
func (h *house) serve(settings []func(*http.Server)) {
	h.http = httptest.NewUnstartedServer(h.Server)
	for _, set := range settings {
		set(h.http.Config)
	}
	h.http.Start()
	h.web = &http.Client{Transport: &http.Transport{}, Timeout: patience}
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		h.Shutdown(ctx)
		h.web.CloseIdleConnections()
		h.http.Close()
		if n := h.Len(); n != 0 {
			h.t.Errorf("%d sessions are left", n)
		}
		if n := h.wheel.count(); n != 0 {
			h.t.Errorf("%d timers are left", n)
		}
		await(h.t, "nothing counts as running", func() bool { return h.count() == 0 })
	})
}

func (w *wheel) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.armed
}

// count returns what Shutdown would wait for.
func (s *Server) count() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.running
}

func newGuest(c *Conn, hear func(g *guest, data []byte, binary bool) error) *guest {
	if hear == nil {
		hear = echo
	}
	return &guest{c, hear, make(chan uint32, 1024), make(chan struct{}, 1024), make(chan string, 16)}
}

func echo(g *guest, data []byte, binary bool) error {
	if binary {
		g.conn.Enqueue(NewBinary(data))
	} else {
		g.conn.Enqueue(text(string(data)))
	}
	return nil
}

func text(s string) *Frame {
	return NewText(len(s), func(dst []byte) []byte { return append(dst, s...) })
}

func (g *guest) Message(data []byte, binary bool) error { return g.hear(g, data, binary) }
func (g *guest) Pong(index uint32)                      { g.pongs <- index }
func (g *guest) Tick()                                  { g.ticks <- struct{}{} }
func (g *guest) Closed(reason string)                   { g.closed <- reason }

// guest returns who came next.
func (h *house) guest() *guest {
	h.t.Helper()
	return receive(h.t, "a guest", h.came)
}

// mustEndWith waits for the end of a session and checks its reason.
func (h *house) mustEndWith(g *guest, reason string) {
	h.t.Helper()
	if got := receive(h.t, "the end of a session", g.closed); got != reason {
		h.t.Errorf("closed because of %q, want %q", got, reason)
	}
}

// mustClose also checks that nothing is kept for a client who might come back for the last words.
func (h *house) mustClose(g *guest, reason string) {
	h.t.Helper()
	h.mustEndWith(g, reason)
	if h.Server.conn(g.conn.ID()) != nil {
		h.t.Error("the session is still there")
	}
}

func receive[T any](t testing.TB, what string, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
	}
	return got
}

// await waits until something is true.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// answer is what a request got.
type answer struct {
	status int
	body   string
}

// ask sends one request.
func (h *house) ask(method, query, body string, header ...string) answer {
	request, err := http.NewRequest(method, h.http.URL+"/?"+query, strings.NewReader(body))
	if err != nil {
		return answer{body: err.Error()}
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := h.web.Do(request)
	if err != nil {
		return answer{body: err.Error()}
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{body: err.Error()}
	}
	return answer{response.StatusCode, string(got)}
}

// poller is a client that polls.
type poller struct {
	house *house
	eio   string // its query says so
	sid   string
	guest *guest
}

// come opens a session by polling.
func (h *house) come() *poller {
	h.t.Helper()
	got := h.ask("GET", "EIO=4&transport=polling", "")
	return &poller{h, "4", sidOf(h.t, got.body), h.guest()}
}

// sidOf reads the first packet of a payload. Where pings are frequent and the machine slow, one may stand behind it.
func sidOf(t testing.TB, payload string) string {
	t.Helper()
	packet, _, _ := strings.Cut(payload, "\x1e")
	var opening struct{ SID string }
	if !strings.HasPrefix(packet, "0") || json.Unmarshal([]byte(packet[1:]), &opening) != nil || opening.SID == "" {
		t.Fatalf("not an open packet: %q", payload)
	}
	return opening.SID
}

func (p *poller) query() string { return "EIO=" + p.eio + "&transport=polling&sid=" + p.sid }

func (p *poller) poll() answer { return p.house.ask("GET", p.query(), "") }

func (p *poller) post(body string) answer { return p.house.ask("POST", p.query(), body) }

// wait starts a poll and returns when the server holds it.
func (p *poller) wait() <-chan answer {
	p.house.t.Helper()
	got := make(chan answer, 1)
	go func() { got <- p.poll() }()
	await(p.house.t, "the server holds the poll", p.held)
	return got
}

func (p *poller) held() bool {
	c := p.guest.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.poll != nil
}

// must checks an answer.
func (h *house) must(got answer, status int, body string) {
	h.t.Helper()
	if got.status != status || got.body != body {
		h.t.Errorf("got %d %.200q, want %d %.200q", got.status, got.body, status, body)
	}
}

const (
	unknownSession = `{"code":1,"message":"Session ID unknown"}`
	badRequest     = `{"code":3,"message":"Bad request"}`
)
