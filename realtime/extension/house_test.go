package extension_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/bench/sio"
	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/extension"
	"github.com/parley-chat/parley/realtime/socketio"
)

// answerWait is how long anything may take before a test gives up. Nothing is expected to take it.
const answerWait = 30 * time.Second

// house is the transport with the extension on it, and a chat that says nothing.
type house struct {
	t         *testing.T
	url       string
	transport *socketio.Server
	extension *extension.Server
	log       *record
}

// open opens the house; register puts namespaces into it.
func open(t *testing.T, engine engineio.Config, register func(*extension.Sockets)) *house {
	t.Helper()
	h := &house{t: t, log: new(record)}
	var err error
	h.extension, err = extension.New(extension.Config{Log: slog.New(slog.NewTextHandler(h.log, nil)), KeepRequests: true})
	if err != nil {
		t.Fatal(err)
	}
	register(h.extension.Sockets())
	h.transport = socketio.NewServer(socketio.Config{
		Engine: engine, Namespaces: map[string]socketio.Namespace{"/": quiet{}}, Extension: h.extension,
	})
	web := httptest.NewServer(h.transport)
	h.url = web.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), answerWait)
		defer cancel()
		h.transport.Shutdown(ctx)
		h.extension.Close()
		web.Close()
	})
	return h
}

// record is a log that tests read.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// quiet is a chat that says nothing.
type quiet struct{}

func (quiet) Connect(*socketio.Socket, []byte) (socketio.Handler, error) { return quiet{}, nil }
func (quiet) Event(*socketio.Event)                                      {}
func (quiet) Pong(uint32)                                                {}
func (quiet) Tick()                                                      {}
func (quiet) Disconnected(string)                                        {}

// onConnect registers a namespace that runs do for each socket.
func onConnect(io *extension.Sockets, namespace string, do func(s *socket.Socket)) socket.Namespace {
	n := io.Of(namespace, nil)
	n.On("connection", func(args ...any) { do(args[0].(*socket.Socket)) })
	return n
}

// person is a client.
type person struct {
	t    testing.TB
	conn *sio.Conn
}

// dial opens a connection that has joined nothing.
func (h *house) dial() *person {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	conn, err := sio.Open(ctx, h.url)
	if err != nil {
		h.t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(answerWait))
	h.t.Cleanup(func() { conn.Close() })
	return &person{h.t, conn}
}

// join opens a connection and joins a namespace.
func (h *house) join(namespace string) *person {
	h.t.Helper()
	p := h.dial()
	p.says("0" + namespace + ",")
	p.hears("0" + namespace + `,{"sid":`)
	return p
}

// says sends Socket.IO packets.
func (p *person) says(packets ...string) {
	p.t.Helper()
	for _, packet := range packets {
		p.conn.Write([]byte("4" + packet))
	}
	p.flush()
}

func (p *person) attaches(data []byte) {
	p.t.Helper()
	p.conn.WriteFrame(ws.OpBinary, data)
	p.flush()
}

func (p *person) flush() {
	p.t.Helper()
	if err := p.conn.Flush(); err != nil {
		p.t.Fatal(err)
	}
}

// hears waits for the next packet, which has to begin so.
func (p *person) hears(start string) string {
	p.t.Helper()
	packet, err := p.conn.Read()
	if err != nil {
		p.t.Fatalf("waiting for %q: %v", start, err)
	}
	if !bytes.HasPrefix(packet, []byte(start)) {
		p.t.Fatalf("%.300q, not %q", packet, start)
	}
	return string(packet)
}

// receives waits for an attachment.
func (p *person) receives() []byte {
	p.t.Helper()
	op, data, err := p.conn.ReadFrame()
	if err != nil || op != ws.OpBinary {
		p.t.Fatalf("not an attachment: %v %.100q %v", op, data, err)
	}
	return bytes.Clone(data)
}

// isClosed waits for the end and returns its reason.
func (p *person) isClosed() string {
	p.t.Helper()
	for {
		if _, err := p.conn.Read(); err != nil {
			return err.Error()
		}
	}
}

// happens waits for a channel.
func happens[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(answerWait):
		t.Fatalf("%s did not happen", what)
	}
	return v
}

func event(namespace, name string, args ...any) string {
	list, err := json.Marshal(append([]any{name}, args...))
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("2%s,%s", namespace, list)
}
