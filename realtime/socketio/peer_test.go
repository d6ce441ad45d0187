package socketio

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// peer is the client's side, on a WebSocket. It speaks packets as they are on the wire, without the Engine.IO type.
type peer struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

// dial opens a connection that has joined no namespace.
func (h *house) dial() *peer {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, early, _, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(h.http.URL, "http")+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		h.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	h.t.Cleanup(func() { conn.Close() })
	if early == nil {
		early = bufio.NewReader(conn)
	}
	p := &peer{conn, h.t, early}
	if f, err := ws.ReadFrame(p.in); err != nil || !strings.HasPrefix(string(f.Payload), "0{") {
		h.t.Fatalf("opened with %q, %v", f.Payload, err)
	}
	return p
}

// join opens a connection that has joined "/".
func (h *house) join() (*peer, *guest) {
	h.t.Helper()
	p := h.dial()
	p.say("0")
	p.mustHear(`0{"sid":"*"}`)
	return p, h.guest()
}

// say sends packets. One that begins with "b" is an attachment.
func (p *peer) say(packets ...string) {
	p.t.Helper()
	var out bytes.Buffer
	for _, packet := range packets {
		frame := ws.NewTextFrame([]byte("4" + packet))
		if data, ok := strings.CutPrefix(packet, "b"); ok {
			frame = ws.NewBinaryFrame([]byte(data))
		}
		ws.WriteFrame(&out, ws.MaskFrame(frame)) // into memory: cannot fail
	}
	if _, err := p.Write(out.Bytes()); err != nil {
		p.t.Error(err)
	}
}

// hear returns the next packet.
func (p *peer) hear() string {
	p.t.Helper()
	f, err := ws.ReadFrame(p.in)
	switch {
	case err != nil:
		p.t.Fatalf("nothing to hear: %v", err)
	case f.Header.OpCode == ws.OpBinary:
		return "b" + string(f.Payload)
	case f.Header.OpCode == ws.OpClose:
		code, reason := ws.ParseCloseFrameData(f.Payload)
		return fmt.Sprintf("closed: %d %s", code, reason)
	}
	return strings.TrimPrefix(string(f.Payload), "4")
}

// mustHear checks the next packets; "*" stands for an id.
func (p *peer) mustHear(want ...string) {
	p.t.Helper()
	for _, w := range want {
		got := p.hear()
		before, after, open := strings.Cut(w, "*")
		if open && strings.HasPrefix(got, before) && strings.HasSuffix(got, after) && len(got) == len(w)-1+len(newID()) {
			continue
		}
		if got != w {
			p.t.Fatalf("heard %.300q, want %.300q", got, w)
		}
	}
}

// mustEnd checks that the server closes and says why, with nothing before or behind.
func (p *peer) mustEnd(code ws.StatusCode, reason string) {
	p.t.Helper()
	p.mustHear(fmt.Sprintf("closed: %d %s", code, reason))
	p.Conn.(*net.TCPConn).CloseWrite()
	if n, err := io.Copy(io.Discard, p.in); n > 0 || err != nil {
		p.t.Errorf("behind the close frame: %d bytes, %v", n, err)
	}
}
