package engineio

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// raw is a frame from a header and a payload that need not fit each other.
func raw(first, second byte, rest string) []byte {
	return append([]byte{first, second}, rest...)
}

func TestBrokenRulesAreNamedInTheCloseFrame(t *testing.T) {
	const most = 1000
	long := strings.Repeat("x", most)
	h := open(t, Config{MaxPayload: most}, nil)
	for _, c := range []struct {
		name   string
		wire   []byte
		code   ws.StatusCode
		reason string
	}{
		{"no mask", raw(0x81, 2, "4x"), 1002, ws.ErrProtocolMaskRequired.Error()},
		{"reserved bit 1", raw(0xc1, 0x82, "\x00\x00\x00\x004x"), 1002, ws.ErrProtocolNonZeroRsv.Error()},
		{"reserved bit 3", raw(0x91, 0x82, "\x00\x00\x00\x004x"), 1002, ws.ErrProtocolNonZeroRsv.Error()},
		{"reserved data frame", raw(0x83, 0x80, "\x00\x00\x00\x00"), 1002, ws.ErrProtocolOpCodeReserved.Error()},
		{"reserved control frame", raw(0x8b, 0x80, "\x00\x00\x00\x00"), 1002, ws.ErrProtocolOpCodeReserved.Error()},
		{"a ping in fragments", raw(0x09, 0x80, "\x00\x00\x00\x00"), 1002, ws.ErrProtocolControlNotFinal.Error()},
		{"a long ping", raw(0x89, 0xfe, "\x00\x7e\x00\x00\x00\x00"), 1002, ws.ErrProtocolControlPayloadOverflow.Error()},
		{"a negative length", raw(0x81, 0xff, "\xff\xff\xff\xff\xff\xff\xff\xff"), 1002, "frame length out of range"},
		{"an end without a beginning", masked(fragment(ws.OpContinuation, true, "x")), 1002, ws.ErrProtocolContinuationUnexpected.Error()},
		{"a beginning in the middle", masked(fragment(ws.OpText, false, "4"), fragment(ws.OpText, true, "4x")), 1002, ws.ErrProtocolContinuationExpected.Error()},
		{"not UTF-8", masked(ws.NewTextFrame([]byte("4\xff"))), 1007, errUTF8.Error()},
		{"half a character at the end", masked(fragment(ws.OpText, false, "4\xe4"), fragment(ws.OpContinuation, true, "\xbd")), 1007, errUTF8.Error()},
		{"a packet of no type", masked(ws.NewTextFrame([]byte("9"))), 1002, errPacket.Error()},
		{"a packet that opens", masked(ws.NewTextFrame([]byte("0{}"))), 1002, errPacket.Error()},
		{"an empty packet", masked(ws.NewTextFrame(nil)), 1002, errPacket.Error()},
		{"a message over the bound", masked(ws.NewTextFrame([]byte("4" + long))), 1009, "message over maxPayload"},
		{"fragments over the bound", masked(fragment(ws.OpText, false, long), fragment(ws.OpContinuation, true, "x")), 1009, "message over maxPayload"},
		{"a length of the longest kind", raw(0x81, 0xff, "\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"), 1009, "message over maxPayload"},
		{"half a code", masked(ws.NewCloseFrame([]byte{3})), 1002, ws.ErrProtocolStatusCodeNotInUse.Error()},
		{"a code that is never sent", masked(ws.NewCloseFrame(ws.NewCloseFrameBody(1006, ""))), 1002, ws.ErrProtocolStatusCodeApplicationLevel.Error()},
		{"a code out of range", masked(ws.NewCloseFrame(ws.NewCloseFrameBody(999, ""))), 1002, ws.ErrProtocolStatusCodeNotInUse.Error()},
		{"a reason that is not UTF-8", masked(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "\xff"))), 1007, ws.ErrProtocolInvalidUTF8.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			ann, guest := h.join()
			ann.t = t
			// What came before is answered first.
			if _, err := ann.Write(append(masked(ws.NewTextFrame([]byte("4hello"))), c.wire...)); err != nil {
				t.Fatal(err)
			}
			ann.mustHear("4hello")
			ann.mustEnd(c.code, c.reason)
			h.mustClose(guest, c.reason)
		})
	}
}

func TestGoodbyeIsEchoed(t *testing.T) {
	h := open(t, Config{}, func(*guest, []byte, bool) error {
		t.Error("heard something behind the goodbye")
		return nil
	})
	for _, code := range []ws.StatusCode{0, 1000, 1001, 3000, 4999} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			ann, guest := h.join()
			ann.t = t
			var body []byte
			if code > 0 {
				body = ws.NewCloseFrameBody(code, "I have to go")
			}
			ann.send(ws.NewCloseFrame(body), ws.NewTextFrame([]byte("4never heard")))
			ann.mustEnd(max(code, ws.StatusNormalClosure), "closed by the client")
			h.mustClose(guest, "closed by the client")
		})
	}
}

// Ann sends two megabytes where one is allowed. She hears why it ends although she goes on sending to the last byte:
// the server reads and drops what comes, because to hang up on it would take the close frame away.
func TestLongFrameIsRefusedWhileItComes(t *testing.T) {
	h := open(t, Config{}, nil)
	for range 10 {
		ann, guest := h.join()
		sent := make(chan error, 1)
		go func() {
			_, err := ann.Write(masked(ws.NewTextFrame([]byte("4" + strings.Repeat("x", 2_000_000)))))
			sent <- err
		}()
		h.mustClose(guest, "message over maxPayload")
		if err := <-sent; err != nil {
			t.Fatalf("not all was taken: %v", err)
		}
		ann.mustEnd(ws.StatusMessageTooBig, "message over maxPayload")
	}
}

func TestLostConnection(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	ann.Conn.(*net.TCPConn).SetLinger(0) // a reset
	ann.Close()
	h.mustClose(guest, "connection lost")
}

// A peer that says no more still hears the answers to what it has said.
func TestHalfClosedConnectionIsAnswered(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	var said []string
	for i := range 500 {
		said = append(said, fmt.Sprint("4", i))
	}
	ann.say(said...)
	ann.Conn.(*net.TCPConn).CloseWrite()
	ann.mustHear(said...)
	h.mustClose(guest, "connection lost")
	if f, err := ann.frame(); err != io.EOF {
		t.Errorf("got %v, %v; want the server to hang up, too", f.Header, err)
	}
}

func TestHandlersErrorEndsAWebSocket(t *testing.T) {
	h := open(t, Config{}, func(g *guest, data []byte, binary bool) error {
		if string(data) == "bad" {
			return io.ErrNoProgress
		}
		return echo(g, data, binary)
	})
	ann, guest := h.join()
	ann.say("4good", "4bad", "4late")
	ann.mustHear("4good")
	ann.mustEnd(ws.StatusProtocolError, io.ErrNoProgress.Error())
	h.mustClose(guest, io.ErrNoProgress.Error())
}
