package engineio

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// peer is the client's side of a WebSocket. It does no more than it is told: it answers neither pings nor closes.
type peer struct {
	net.Conn
	t   testing.TB
	in  *bufio.Reader
	sid string
}

// dial opens a WebSocket. The query may be that of a handshake or of an upgrade.
func (h *house) dial(query string) (*peer, error) { return h.dialAs("4", query) }

func (h *house) dialAs(eio, query string) (*peer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, early, _, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(h.http.URL, "http")+"/?EIO="+eio+"&transport=websocket"+query)
	if err != nil {
		return nil, err
	}
	return newPeer(h.t, conn, early), nil
}

// newPeer takes over a connection, and what came early.
func newPeer(t testing.TB, conn net.Conn, early *bufio.Reader) *peer {
	conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { conn.Close() })
	if early == nil {
		early = bufio.NewReader(conn)
	}
	return &peer{Conn: conn, t: t, in: early}
}

// join opens a session by WebSocket.
func (h *house) join() (*peer, *guest) {
	h.t.Helper()
	p, err := h.dial("")
	if err != nil {
		h.t.Fatal(err)
	}
	p.sid = sidOf(h.t, p.hear())
	return p, h.guest()
}

// say sends texts, one frame each, in one write.
func (p *peer) say(texts ...string) {
	p.t.Helper()
	var frames []ws.Frame
	for _, text := range texts {
		frames = append(frames, ws.NewTextFrame([]byte(text)))
	}
	p.send(frames...)
}

// send masks and sends frames, in one write.
func (p *peer) send(frames ...ws.Frame) {
	p.t.Helper()
	if _, err := p.Write(masked(frames...)); err != nil {
		p.t.Fatal(err)
	}
}

func masked(frames ...ws.Frame) []byte {
	var out bytes.Buffer
	for _, f := range frames {
		ws.WriteFrame(&out, ws.MaskFrame(f)) // into memory: cannot fail
	}
	return out.Bytes()
}

// fragment is one part of a message.
func fragment(op ws.OpCode, last bool, data string) ws.Frame {
	return ws.NewFrame(op, last, []byte(data))
}

// frame returns the next frame.
func (p *peer) frame() (ws.Frame, error) {
	f, err := ws.ReadFrame(p.in)
	if err == nil && (f.Header.Masked || !f.Header.Fin || f.Header.Rsv != 0) {
		err = errors.New("a server sends whole frames without masks or reserved bits")
	}
	return f, err
}

// hear returns the next message: text as it is, binary with a "b" in front, as in a payload.
func (p *peer) hear() string {
	p.t.Helper()
	f, err := p.frame()
	switch {
	case err != nil:
		p.t.Fatalf("nothing to hear: %v", err)
	case f.Header.OpCode == ws.OpBinary:
		return "b" + string(f.Payload)
	case f.Header.OpCode == ws.OpClose:
		code, reason := ws.ParseCloseFrameData(f.Payload)
		p.t.Fatalf("closed instead: %d %s", code, reason)
	case f.Header.OpCode != ws.OpText:
		p.t.Fatalf("got frame %v", f.Header)
	}
	return string(f.Payload)
}

func (p *peer) mustHear(want ...string) {
	p.t.Helper()
	for _, w := range want {
		if got := p.hear(); got != w {
			p.t.Fatalf("heard %.200q (%d bytes), want %.200q (%d bytes)", got, len(got), w, len(w))
		}
	}
}

// mustEnd reads up to the close frame, checks it, and checks that the server hangs up when the peer has done so.
func (p *peer) mustEnd(code ws.StatusCode, reason string) {
	p.t.Helper()
	for {
		f, err := p.frame()
		if err != nil {
			p.t.Fatalf("no close frame: %v", err)
		}
		if f.Header.OpCode != ws.OpClose {
			continue
		}
		if c, r := ws.ParseCloseFrameData(f.Payload); c != code || r != reason {
			p.t.Errorf("closed with %d %q, want %d %q", c, r, code, reason)
		}
		break
	}
	p.Conn.(*net.TCPConn).CloseWrite()
	if n, err := io.Copy(io.Discard, p.in); n > 0 || err != nil {
		p.t.Errorf("behind the close frame: %d bytes, %v", n, err)
	}
}

func TestPeerSeesWhatAServerMustNotSend(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		far.Write(masked(ws.NewTextFrame([]byte("4hello"))))
		far.Close()
	}()
	p := &peer{Conn: near, t: t, in: bufio.NewReader(near)}
	if _, err := p.frame(); err == nil {
		t.Error("a masked frame from the server passed")
	}
}
