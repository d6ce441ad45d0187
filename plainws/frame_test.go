package plainws_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/plainws"
)

// A message may come in fragments, with pings between them, as text or binary, and byte by byte.
func TestMessagesComeInAnyShape(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	garden := h.gather("garden", ann)
	anns := h.join(ann)
	anns.say(garden, "first")
	anns.hears(ann, garden, "first")
	text := []byte(`{"Msg":"早安","RoomId":"` + string(garden.ID) + `"}`)

	anns.send(ws.NewFrame(ws.OpText, false, text[:10]))
	anns.send(ws.NewPingFrame([]byte("still there?")))
	anns.send(ws.NewFrame(ws.OpContinuation, false, nil))
	anns.send(ws.NewFrame(ws.OpContinuation, true, text[10:]))
	if f := anns.frame(); f.Header.OpCode != ws.OpPong || string(f.Payload) != "still there?" {
		t.Errorf("Ann hears %d %q", f.Header.OpCode, f.Payload)
	}
	anns.hears(ann, garden, "早安")

	anns.send(ws.NewBinaryFrame(text))
	anns.hears(ann, garden, "早安")

	for _, b := range ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(bytes.Clone(text)))) {
		if _, err := anns.conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	anns.hears(ann, garden, "早安")
}

// Who breaks the protocol is closed, and told why.
func TestViolationsCloseTheConnection(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	masked := func(f ws.Frame) []byte { return ws.MustCompileFrame(ws.MaskFrame(f)) }
	for name, c := range map[string]struct {
		sent []byte
		code ws.StatusCode
	}{
		"not masked":            {ws.MustCompileFrame(ws.NewTextFrame([]byte("{}"))), ws.StatusProtocolError},
		"reserved bit":          {[]byte{0xc1, 0x80, 0, 0, 0, 0}, ws.StatusProtocolError},
		"unknown opcode":        {[]byte{0x83, 0x80, 0, 0, 0, 0}, ws.StatusProtocolError},
		"continues nothing":     {masked(ws.NewFrame(ws.OpContinuation, true, nil)), ws.StatusProtocolError},
		"begins in a message":   {append(masked(ws.NewFrame(ws.OpText, false, []byte("{"))), masked(ws.NewTextFrame([]byte("{}")))...), ws.StatusProtocolError},
		"ping in fragments":     {masked(ws.NewFrame(ws.OpPing, false, nil)), ws.StatusProtocolError},
		"ping too long":         {[]byte{0x89, 0xfe, 0, 126, 0, 0, 0, 0}, ws.StatusProtocolError},
		"not UTF-8":             {masked(ws.NewTextFrame([]byte{'"', 0xff, '"'})), ws.StatusInvalidFramePayloadData},
		"too long":              {[]byte{0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, ws.StatusMessageTooBig},
		"length out of range":   {[]byte{0x81, 0xff, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, ws.StatusProtocolError},
		"too long in fragments": {append(masked(ws.NewFrame(ws.OpText, false, make([]byte, chat.MaxBody))), masked(ws.NewFrame(ws.OpContinuation, false, make([]byte, 8<<10)))...), ws.StatusMessageTooBig},
		"close, malformed":      {masked(ws.NewCloseFrame([]byte{1})), ws.StatusProtocolError},
		"close, not UTF-8":      {masked(ws.NewCloseFrame(append(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""), 0xff))), ws.StatusInvalidFramePayloadData},
		"close":                 {masked(ws.NewCloseFrame(ws.NewCloseFrameBody(4000, "enough"))), 4000},
	} {
		t.Run(name, func(t *testing.T) {
			anns := h.join(ann)
			anns.t = t
			if _, err := anns.conn.Write(c.sent); err != nil {
				t.Fatal(err)
			}
			anns.closed(c.code)
		})
	}
	h.until("all are gone", func() bool { return h.door.Connections() == 0 })
}

// Who begins a message and does not end it is not waited for, whatever it says meanwhile.
func TestHalfAMessageIsNotWaitedFor(t *testing.T) {
	h := open(t, func(cfg *plainws.Config) { cfg.PingTimeout = 50 * time.Millisecond })
	ann := h.register("ann")
	for name, sent := range map[string][]byte{
		"a header":     {0x81},
		"half a frame": {0x81, 0x85, 0, 0, 0, 0, 'h'},
		"a fragment":   ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(ws.OpText, false, []byte("hel")))),
	} {
		t.Run(name, func(t *testing.T) {
			anns := h.join(ann)
			anns.t = t
			if _, err := anns.conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			if reason := anns.closed(ws.StatusPolicyViolation); !strings.Contains(reason, "in time") {
				t.Errorf("closed because %q", reason)
			}
		})
	}
	anns := h.join(ann)
	anns.send(ws.NewFrame(ws.OpText, false, []byte("hel")))
	go func() {
		for range time.Tick(time.Millisecond) {
			if ws.WriteFrame(anns.conn, ws.MaskFrame(ws.NewPingFrame(nil))) != nil {
				return
			}
		}
	}()
	anns.closed(ws.StatusPolicyViolation)
}
