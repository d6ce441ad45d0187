package engineio

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

// Everyone who queues something is told to flush: who was first may be busy with something long.
func TestEveryoneIsToldToFlush(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	await(t, "the handshake is over", func() bool {
		guest.conn.mu.Lock()
		defer guest.conn.mu.Unlock()
		return !guest.conn.writing
	})
	for _, s := range []string{"first", "second"} {
		if !guest.conn.Enqueue(text(s)) {
			t.Errorf("who queued the %s was not told to flush", s)
		}
	}
	guest.conn.Flush()
	ann.mustHear("4first", "4second")

	bob := h.come()
	if bob.guest.conn.Enqueue(text("hello")) {
		t.Error("told to flush while there is no poll")
	}
	h.must(bob.poll(), 200, "4hello")
}

// A handler that is busy with one event delays nothing that others send.
func TestSendingDoesNotWaitForTheHandler(t *testing.T) {
	busy, goOn := make(chan struct{}), make(chan struct{})
	h := open(t, Config{}, func(g *guest, data []byte, _ bool) error {
		if string(data) == "wait" {
			close(busy)
			<-goOn
		} else {
			g.conn.Enqueue(text("answer")) // flushed by the reader, when it gets to it
		}
		return nil
	})
	ann, guest := h.join()
	ann.say("4hello", "4wait")
	receive(t, "the busy handler", busy)
	if guest.conn.Enqueue(text("news")) {
		guest.conn.Flush()
	}
	ann.mustHear("4answer", "4news")
	close(goOn)
}

// What several packets of one read bring to one peer goes out in one write, when all of them are heard or before
// something is waited for; whichever transport brings them.
func TestFlushLate(t *testing.T) {
	var bob *guest
	waiting := make(chan int, 1)
	h := open(t, Config{}, func(g *guest, data []byte, _ bool) error {
		switch string(data) {
		case "tell":
			bob.conn.Enqueue(text("hello"))
			g.conn.FlushLate(bob.conn)
		case "now":
			g.conn.FlushNow()
			waiting <- bob.conn.Queued()
		case "leave":
			return errors.New("a rule broken")
		default:
			waiting <- bob.conn.Queued()
		}
		return nil
	})
	hearing, guest := h.join()
	bob = guest
	one := text("hello").Len()
	ann, _ := h.join()
	ann.say("4tell", "4tell", "4look")
	if n := receive(t, "a look", waiting); n != 2*one {
		t.Errorf("%d bytes wait while there is more to hear, want two messages of %d", n, one)
	}
	hearing.mustHear("4hello", "4hello")
	ann.say("4tell", "4now")
	if n := receive(t, "a look", waiting); n != 0 {
		t.Errorf("%d bytes wait that were to leave", n)
	}
	hearing.mustHear("4hello")
	ann.say("4tell", "4leave") // her end is no reason to keep it
	hearing.mustHear("4hello")

	carl := h.come()
	h.must(carl.post("4tell\x1e4tell"), 200, "ok")
	hearing.mustHear("4hello", "4hello")
}

func TestSendsKeepEachSendersOrder(t *testing.T) {
	const senders, sends = 50, 200
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for i := range sends {
				guest.conn.Send(text(fmt.Sprintf("%d %d", sender, 2*i)), text(fmt.Sprintf("%d %d", sender, 2*i+1)))
			}
		})
	}
	next := make([]int, senders)
	for range senders * sends {
		var sender, first int
		if _, err := fmt.Sscanf(ann.hear(), "4%d %d", &sender, &first); err != nil || first != next[sender] {
			t.Fatalf("%d of sender %d, want %d (%v)", first, sender, next[sender], err)
		}
		ann.mustHear(fmt.Sprintf("4%d %d", sender, first+1)) // what is sent together stays together
		next[sender] += 2
	}
	all.Wait()
}

// Many batches that leave in one Flush, more than one sender writes by itself.
func TestLongQueueArrivesInOrder(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	filler := strings.Repeat("x", 20_000)
	for i := range 3 * batchesInARow {
		guest.conn.Enqueue(text(strconv.Itoa(i) + filler))
	}
	go guest.conn.Flush()
	for i := range 3 * batchesInARow {
		ann.mustHear("4" + strconv.Itoa(i) + filler)
	}
	await(t, "nothing waits", func() bool { return guest.conn.Queued() == 0 })
}

func TestWaitShort(t *testing.T) {
	h := open(t, Config{MaxPayload: 12}, nil) // one packet for each poll
	ann := h.come()
	conn := ann.guest.conn
	if err := conn.WaitShort(t.Context(), 0); err != nil {
		t.Errorf("nothing waits: %v", err)
	}
	conn.Send(text("hello"), text("world"))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := conn.WaitShort(cancelled, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	short, empty := make(chan error, 1), make(chan error, 1)
	waiting := func(n int) func() bool {
		return func() bool {
			conn.mu.Lock()
			defer conn.mu.Unlock()
			return len(conn.waiters) == n
		}
	}
	await(t, "nobody waits", waiting(0))
	go func() { short <- conn.WaitShort(t.Context(), text("world").Len()) }()
	go func() { empty <- conn.WaitShort(t.Context(), 0) }()
	await(t, "two wait", waiting(2))
	h.must(ann.poll(), 200, "4hello")
	if err := receive(t, "a short queue", short); err != nil || len(empty) > 0 {
		t.Errorf("got %v; %d wait no more for an empty one", err, len(empty))
	}
	h.must(ann.poll(), 200, "4world")
	if err := receive(t, "an empty queue", empty); err != nil {
		t.Errorf("got %v", err)
	}
	conn.Send(text("never fetched"))
	go func() { empty <- conn.WaitShort(t.Context(), 0) }()
	await(t, "one waits", waiting(1))
	ann.post("1")
	if err := receive(t, "the end", empty); err == nil || err.Error() != "connection closed: closed by the client" {
		t.Errorf("got %v", err)
	}
	if err := conn.WaitShort(t.Context(), 1<<20); err == nil {
		t.Error("waited on a closed connection")
	}
}

// Ann does not read. What waits for her is bounded; over the bound she is closed and told why; Bob notices nothing.
func TestSlowReaderIsClosedAndDelaysNobody(t *testing.T) {
	const most = 1 << 20
	h := open(t, Config{MaxQueued: most}, nil)
	ann, slow := h.join()
	bob, quick := h.join()
	frame := text(strings.Repeat("x", 10_000))
	for sent := 0; len(slow.closed) == 0; sent++ {
		slow.conn.Send(frame)
		if n := slow.conn.Queued(); n < 0 || n > most+frame.Len() {
			t.Fatalf("%d bytes wait", n)
		}
		quick.conn.Send(text(strconv.Itoa(sent)))
		bob.mustHear("4" + strconv.Itoa(sent))
	}
	h.mustClose(slow, closeOverflow().reason)
	if slow.conn.Enqueue(frame) {
		t.Error("a closed connection wants to be flushed")
	}
	ann.mustEnd(ws.StatusPolicyViolation, closeOverflow().reason)
	await(t, "the account is settled", func() bool { return slow.conn.Queued() == 0 })
}

func TestQueueIsBoundedByCount(t *testing.T) {
	h := open(t, Config{MaxQueuedCount: 100}, nil)
	ann := h.come()
	for range 100 {
		ann.guest.conn.Send(text(""))
	}
	if n := ann.guest.conn.Queued(); n != 100*text("").Len() {
		t.Errorf("%d bytes wait", n)
	}
	ann.guest.conn.Send(text("one too many"))
	h.must(ann.poll(), 200, "6") // not a close: the client shall come back
	h.mustClose(ann.guest, closeOverflow().reason)
	h.must(ann.poll(), 400, unknownSession)
	if n := ann.guest.conn.Queued(); n != 0 {
		t.Errorf("%d bytes wait for a closed session", n)
	}
}
