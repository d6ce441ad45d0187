package sio

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// reading is a client that reads these bytes.
func reading(b []byte) *Conn {
	return &Conn{r: bufio.NewReaderSize(bytes.NewReader(b), bufSize), w: bufio.NewWriter(io.Discard)}
}

// Every form of a length (RFC 6455 section 5.2) is read as gobwas/ws writes it, and written as it reads it.
func TestFramesOfEverySize(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 127, 65_535, 65_536, 100_000} {
		payload := []byte(strings.Repeat("x", size))
		var sent bytes.Buffer
		if err := ws.WriteFrame(&sent, ws.NewTextFrame(payload)); err != nil {
			t.Fatal(err)
		}
		if op, got, err := reading(sent.Bytes()).ReadFrame(); err != nil || op != ws.OpText || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: read %v, %d bytes, %v", size, op, len(got), err)
		}
		sent.Reset()
		c := &Conn{w: bufio.NewWriter(&sent)}
		c.WriteFrame(ws.OpBinary, payload)
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		frame, err := ws.ReadFrame(&sent)
		if err != nil || frame.Header.OpCode != ws.OpBinary || !frame.Header.Fin || !frame.Header.Masked || sent.Len() > 0 {
			t.Fatalf("%d bytes: wrote %+v, %v, and %d bytes behind it", size, frame.Header, err, sent.Len())
		}
		if frame = ws.UnmaskFrame(frame); !bytes.Equal(frame.Payload, payload) {
			t.Errorf("%d bytes: others were written", size)
		}
	}
}

func TestFramesNoServerSends(t *testing.T) {
	for what, b := range map[string][]byte{
		"a fragment":             {0x01, 1, 'x'},
		"an extension":           {0xc1, 1, 'x'},
		"a mask":                 {0x81, 0x81, 1, 2, 3, 4, 'x'},
		"far too long":           {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0},
		"the end in a header":    {0x81, 126, 1},
		"the end in the payload": {0x81, 2, 'x'},
	} {
		if _, got, err := reading(b).ReadFrame(); err == nil {
			t.Errorf("%s: read %q", what, got)
		}
	}
}

// The generator shares the machine with the server that it measures: a message costs it no garbage.
func TestFramesCostNoMemory(t *testing.T) {
	const frames = 1000
	var sent bytes.Buffer
	for range frames + 1 { // the first call of AllocsPerRun is not counted
		if err := ws.WriteFrame(&sent, ws.NewTextFrame([]byte(`42["newMessage",{"message":"hello"}]`))); err != nil {
			t.Fatal(err)
		}
	}
	c := reading(sent.Bytes())
	packet := []byte(`421["chat",{"message":"hello"}]`)
	perFrame := testing.AllocsPerRun(frames, func() {
		if _, err := c.Read(); err != nil {
			t.Error(err)
		}
		c.Write(packet)
	})
	if perFrame >= 1 {
		t.Errorf("%v allocations for a frame each way", perFrame)
	}
}
