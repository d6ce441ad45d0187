package plainws

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/outbox"
)

// FuzzFrames reads whatever comes: what it takes for messages is bounded and UTF-8, and the end is told in words or is the
// end of the bytes.
func FuzzFrames(f *testing.F) {
	masked := func(frames ...ws.Frame) (all []byte) {
		for _, frame := range frames {
			all = append(all, ws.MustCompileFrame(ws.MaskFrame(frame))...)
		}
		return all
	}
	f.Add(masked(ws.NewTextFrame([]byte(`{"Msg":"hello"}`)), ws.NewPingFrame([]byte("x")), ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "bye"))))
	f.Add(masked(ws.NewFrame(ws.OpText, false, []byte("ab")), ws.NewPongFrame(nil), ws.NewFrame(ws.OpContinuation, true, []byte("c"))))
	f.Add([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 4, 0, 0, 1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, data []byte) {
		server, client := net.Pipe()
		defer client.Close()
		defer server.Close()
		go io.Copy(io.Discard, client)
		door := New(Config{Now: time.Now, PingInterval: time.Hour, PingTimeout: time.Hour})
		s := &session{
			door: door, conn: server, out: outbox.New(server, &door.outbox), ctx: t.Context(), cancel: func() {},
			in: bufio.NewReaderSize(bytes.NewReader(data), readSize),
		}
		for {
			message, err := s.next()
			if err != nil {
				if v, ok := err.(*violation); ok && len(closeFrame(v.code, v.reason)) > ws.MaxControlFramePayloadSize+2 {
					t.Errorf("a close frame too long: %v", v)
				}
				return
			}
			if len(message) > maxMessage || len(message) > len(data) || !utf8.Valid(message) {
				t.Errorf("took %d bytes for a message: %q", len(message), message)
			}
		}
	})
}
