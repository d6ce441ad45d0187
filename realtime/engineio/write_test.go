package engineio

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// narrow makes the kernel take little ahead, on both sides.
func narrow(t *testing.T, p *peer, sock *webSocket) {
	t.Helper()
	if err := p.Conn.(*net.TCPConn).SetReadBuffer(32 << 10); err != nil {
		t.Fatal(err)
	}
	if err := sock.conn.(*net.TCPConn).SetWriteBuffer(32 << 10); err != nil {
		t.Fatal(err)
	}
}

// A peer that takes little at a time, but goes on taking, is waited for, however long one frame lasts.
func TestSlowPeerGetsALongFrame(t *testing.T) {
	t.Parallel()
	const wait = 400 * time.Millisecond
	h := open(t, Config{WriteTimeout: wait}, nil)
	ann, guest := h.join()
	narrow(t, ann, guest.conn.ws)
	frame := text(strings.Repeat("x", 4<<20))
	start := time.Now()
	guest.conn.Send(frame)
	var got bytes.Buffer
	for got.Len() < frame.Len() {
		if _, err := io.CopyN(&got, ann.in, min(128<<10, int64(frame.Len()-got.Len()))); err != nil {
			t.Fatalf("after %v and %d bytes: %v", time.Since(start), got.Len(), err)
		}
		time.Sleep(wait / 16) // this is how slow Ann is
	}
	if !bytes.Equal(got.Bytes(), frame.wire) {
		t.Error("the frame is not what was sent")
	}
	if took := time.Since(start); took < wait {
		t.Errorf("it took only %v: this test proves nothing", took)
	}
	// The deadline went with the frame.
	await(t, "nothing waits", func() bool { return guest.conn.Queued() == 0 })
	time.Sleep(wait + wait/4) // longer than the deadline would be
	guest.conn.Send(text("hello"))
	ann.mustHear("4hello")
}

func TestPeerThatTakesNothingIsCut(t *testing.T) {
	h := open(t, Config{WriteTimeout: 100 * time.Millisecond}, nil)
	ann, guest := h.join()
	narrow(t, ann, guest.conn.ws)
	guest.conn.Send(text(strings.Repeat("x", 4<<20)))
	h.mustClose(guest, "connection lost")
	if err := guest.conn.WaitShort(t.Context(), 0); err == nil {
		t.Error("all was sent")
	}
}

func TestBatchesHoldWholeFrames(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	for _, sizes := range [][]int{{0, 1, 2}, {batchSize}, {batchSize - 1, 1}, {batchSize / 2, batchSize / 2, 1}, {1, batchSize * 3, 1}} {
		var want []string
		for i, size := range sizes {
			want = append(want, strings.Repeat(string(rune('a'+i)), size))
			guest.conn.Enqueue(text(want[i]))
		}
		guest.conn.Flush()
		for _, w := range want {
			ann.mustHear("4" + w)
		}
	}
}
