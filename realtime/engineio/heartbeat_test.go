package engineio

import (
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// beat is a heartbeat fast enough for tests.
var beat = Config{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond}

func TestHeartbeatOnWebSocket(t *testing.T) {
	h := open(t, beat, nil)
	ann, guest := h.join()
	last := time.Now()
	for i := range uint32(4) {
		ann.mustHear("2")
		if since := time.Since(last); since < beat.PingInterval*9/10 {
			t.Errorf("pinged after %v", since)
		}
		last = time.Now()
		ann.say("3")
		if index := receive(t, "a pong", guest.pongs); index != i+1 {
			t.Errorf("pong %d is counted as %d", i+1, index)
		}
	}
}

func TestHeartbeatOnPolling(t *testing.T) {
	h := open(t, beat, nil)
	ann := h.come()
	for i := range uint32(3) {
		h.must(ann.poll(), 200, "2")
		h.must(ann.post("3"), 200, "ok")
		if index := receive(t, "a pong", ann.guest.pongs); index != i+1 {
			t.Errorf("pong %d is counted as %d", i+1, index)
		}
	}
}

// mustTakeABeat checks that an end came neither early nor late.
func mustTakeABeat(t *testing.T, since time.Time) {
	t.Helper()
	// Late is what a loaded machine does too; ten ticks and a lot more.
	if took := time.Since(since); took < beat.PingInterval+beat.PingTimeout || took > beat.PingInterval+beat.PingTimeout+time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestSilentWebSocketIsClosed(t *testing.T) {
	h := open(t, beat, nil)
	start := time.Now()
	ann, guest := h.join()
	ann.mustHear("2")
	h.mustClose(guest, "ping timeout")
	mustTakeABeat(t, start)
	ann.mustEnd(ws.StatusPolicyViolation, "ping timeout")
}

// Messages are no pongs: whoever does not answer is gone, however much he says.
func TestTalkingIsNoAnswer(t *testing.T) {
	h := open(t, beat, nil)
	ann, guest := h.join()
	for len(guest.closed) == 0 {
		if _, err := ann.Write(masked(ws.NewTextFrame([]byte("6")))); err != nil {
			break
		}
	}
	h.mustClose(guest, "ping timeout")
}

func TestSilentPollerIsClosed(t *testing.T) {
	h := open(t, beat, nil)
	start := time.Now()
	ann := h.come()
	waiting := ann.wait()
	h.must(<-waiting, 200, "2")
	waiting = ann.wait()
	h.must(<-waiting, 200, "1")
	mustTakeABeat(t, start)
	h.mustClose(ann.guest, "ping timeout")
}

// A session whose time is over is over at once, not when the timer gets to it.
func TestRequestComesTooLate(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	c := ann.guest.conn
	c.mu.Lock()
	c.sendPing(h.wheel.now() - int64(h.cfg.PingTimeout))
	c.mu.Unlock()
	h.must(ann.poll(), 400, unknownSession)
	h.mustClose(ann.guest, "ping timeout")
}

// A ping counts from when it was due, unless the machine is very late: then the client gets half of its time at least.
func TestPingCountsFromWhenItWasDue(t *testing.T) {
	for _, c := range []struct{ late, counts time.Duration }{
		{0, 0}, {60 * time.Millisecond, 0}, {15 * time.Second, 5 * time.Second},
	} {
		h := open(t, Config{}, nil)
		_, guest := h.join()
		conn := guest.conn
		conn.mu.Lock()
		due := conn.pingedAt + int64(h.cfg.PingInterval)
		conn.mu.Unlock()
		conn.tick(due + int64(c.late))
		conn.mu.Lock()
		if counted := time.Duration(conn.pingedAt - due); conn.pings != 1 || counted != c.counts {
			t.Errorf("%v late: %d pings, counted %v late", c.late, conn.pings, counted)
		}
		conn.mu.Unlock()
	}
}

func TestPongThatNobodyAskedFor(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	ann.say("3", "3probe", "4hello")
	ann.mustHear("4hello")
	if n := len(guest.pongs); n > 0 {
		t.Errorf("%d pongs", n)
	}
}

// A ping behind what was sent proves, when it is answered, that all of it has arrived.
func TestPingProvesReceipt(t *testing.T) {
	h := open(t, Config{PingInterval: time.Second}, nil) // for a fine wheel; its own pings are no trouble
	ann, guest := h.join()
	conn := guest.conn
	conn.Enqueue(text("one"), text("two"))
	index, ok := conn.Ping(0)
	if !ok || index != 1 {
		t.Fatalf("got %d, %v", index, ok)
	}
	conn.Enqueue(text("three"))
	if _, ok := conn.Ping(0); ok {
		t.Error("pinged twice without an answer")
	}
	conn.Flush()
	ann.mustHear("4one", "4two", "2", "4three")
	if len(guest.pongs) > 0 {
		t.Error("answered before the answer")
	}
	ann.say("3")
	if got := receive(t, "a pong", guest.pongs); got != index {
		t.Errorf("pong %d", got)
	}

	// The next ping has to keep its distance; Tick says when it is time.
	const gap = 100 * time.Millisecond
	if _, ok := conn.Ping(gap); ok {
		t.Fatal("pinged without a gap")
	}
	start := time.Now()
	conn.Ping(gap) // asking again changes nothing
	receive(t, "a tick", guest.ticks)
	if index, ok = conn.Ping(gap); !ok || index != 2 {
		t.Errorf("after %v got %d, %v", time.Since(start), index, ok)
	}
	conn.Flush()
	ann.mustHear("2")
	ann.say("3")
	if got := receive(t, "a pong", guest.pongs); got != index {
		t.Errorf("pong %d", got)
	}
	ann.say("1")
	ann.mustEnd(ws.StatusNormalClosure, "closed by the client")
	h.mustClose(guest, "closed by the client")
	if _, ok := conn.Ping(0); ok {
		t.Error("pinged a closed connection")
	}
}

func TestPingProvesReceiptByPolls(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	ann.guest.conn.Enqueue(text("one"))
	index, ok := ann.guest.conn.Ping(0)
	if !ok {
		t.Fatal("no ping")
	}
	h.must(ann.poll(), 200, "4one\x1e2")
	h.must(ann.post("3"), 200, "ok")
	if got := receive(t, "a pong", ann.guest.pongs); got != index {
		t.Errorf("pong %d, want %d", got, index)
	}
}
