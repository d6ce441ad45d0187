//go:build linux

package engineio

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// isParked tells whether nobody reads a guest's socket.
func (g *guest) isParked() bool { return g.conn.ws.turn.state.Load() == parked }

// joinBusy joins and says so much that the socket is busy.
func (h *house) joinBusy() (*peer, *guest) {
	ann, guest := h.join()
	for i := range 3 * busyWakes {
		ann.say(fmt.Sprint("4", i))
		ann.mustHear(fmt.Sprint("4", i))
	}
	return ann, guest
}

// Sockets that wait have no goroutine; each is heard as soon as it says something.
func TestSocketsThatWaitHaveNoGoroutine(t *testing.T) {
	const n = 300
	h := open(t, Config{}, nil)
	before := runtime.NumGoroutine()
	var peers []*peer
	for range n {
		ann, _ := h.join()
		peers = append(peers, ann)
	}
	await(t, "all wait", func() bool { return runtime.NumGoroutine() <= before+5 }) // the poller, and what is about to end
	for i, p := range peers {
		p.say(fmt.Sprint("4", i))
	}
	for i, p := range peers {
		p.mustHear(fmt.Sprint("4", i))
	}
	await(t, "all wait again", func() bool { return runtime.NumGoroutine() <= before+5 }) // the poller, and what is about to end
}

// A socket is busy when it was woken often within a second; wakes that are far between never make it so.
func TestWakesCount(t *testing.T) {
	var often, seldom webSocket
	for i := range int64(busyWakes) {
		often.countWake(int64(busyTime) + i)
		seldom.countWake((i + 1) * int64(busyTime))
	}
	if often.wakes != busyWakes || seldom.wakes != 1 {
		t.Errorf("%d and %d wakes count, want %d and 1", often.wakes, seldom.wakes, busyWakes)
	}
}

// Who says much keeps a goroutine, and loses it by being silent for a while. Both ways she is heard.
func TestBusySocketsKeepTheirReader(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	ann, guest := h.joinBusy()
	await(t, "she is silent", guest.isParked)
	ann.say("4back")
	ann.mustHear("4back")
	await(t, "she is silent again", guest.isParked)
}

// The end of a busy socket is that of any other: the last words arrive, and who hangs up is let go.
func TestBusySocketsEndLikeOthers(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	ann, guest := h.joinBusy()
	guest.conn.Close("enough")
	ann.mustEnd(ws.StatusNormalClosure, "enough")
	h.mustClose(guest, "enough")
	await(t, "nothing is running", func() bool { return h.count() == 0 })
}

// Handlers that wait hold up nobody else; and what comes for them meanwhile
// is heard afterwards, in order.
func TestHandlersThatWaitHoldUpNobody(t *testing.T) {
	const n = 100
	waiting, goOn := make(chan bool, n), make(chan struct{})
	h := open(t, Config{}, func(g *guest, data []byte, binary bool) error {
		if string(data) == "wait" {
			waiting <- true
			<-goOn
		}
		return echo(g, data, binary)
	})
	var slow []*peer
	for range n {
		p, _ := h.join()
		p.say("4wait")
		slow = append(slow, p)
	}
	for range n {
		receive(t, "one who waits", waiting)
	}
	bob, _ := h.join()
	bob.say("4hello")
	bob.mustHear("4hello")
	for _, p := range slow {
		p.say("4one")
		p.say("4two")
	}
	bob.say("4still here")
	bob.mustHear("4still here")
	close(goOn)
	for _, p := range slow {
		p.mustHear("4wait", "4one", "4two")
	}
}

// Last words and the end may come in one: first the words are heard, then the end is seen, whether the socket waited
// or was being read.
func TestWordsRightBeforeTheEndAreHeard(t *testing.T) {
	heard := make(chan string, 100)
	h := open(t, Config{}, func(_ *guest, data []byte, _ bool) error {
		heard <- string(data)
		return nil
	})
	for i := range 200 {
		ann, guest := h.join()
		if i%2 == 0 {
			await(t, "she waits", guest.isParked)
		}
		words := fmt.Sprint("bye", i, strings.Repeat("!", i%3*readSize))
		ann.say("4" + words)
		ann.Conn.(*net.TCPConn).CloseWrite()
		if got := receive(t, "the last words", heard); got != words {
			t.Fatalf("heard %.20q, want %.20q", got, words)
		}
		h.mustClose(guest, "connection lost")
	}
}

// A socket that waits is cut when the time of Shutdown is over, though its peer neither speaks nor hangs up.
func TestShutdownCutsWhoWaits(t *testing.T) {
	h := open(t, Config{}, nil)
	_, guest := h.join()
	await(t, "she waits", guest.isParked)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.Shutdown(ctx)
	h.mustClose(guest, "server shutting down")
}

// A peer who does not hang up behind the close frame is given a while, and cut.
func TestWhoDoesNotHangUpIsCut(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	await(t, "she waits", guest.isParked)
	start := time.Now()
	guest.conn.Close("enough")
	for {
		f, err := ann.frame()
		if err != nil {
			break
		}
		if f.Header.OpCode != ws.OpClose {
			t.Errorf("got %v", f.Header)
		}
	}
	await(t, "nothing is running", func() bool { return h.count() == 0 })
	if took := time.Since(start); took < lastWords/2 {
		t.Errorf("cut after %v", took)
	}
}

// An event of a socket that is gone wakes nobody, whoever has its descriptor now.
func TestLateEventsMeetNobody(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	await(t, "she waits", guest.isParked)
	ann.Close()
	h.mustClose(guest, "connection lost")
	bob, other := h.join()
	await(t, "Ann's socket is gone and Bob waits", func() bool { return h.count() == 1 && other.isParked() })
	if other.conn.ws.watched == guest.conn.ws.watched {
		t.Error("two sockets had one id")
	}
	h.netpoll.mu.RLock()
	watched := len(h.netpoll.conns)
	h.netpoll.mu.RUnlock()
	if watched != 1 {
		t.Errorf("%d sockets are watched", watched)
	}
	bob.say("4hello")
	bob.mustHear("4hello")
}

// Where the system gives no poller, or takes a socket no more, a goroutine waits for each: the same is heard.
func TestWithoutNetpoll(t *testing.T) {
	h := open(t, Config{}, nil)
	h.netpoll.close()
	ann, guest := h.join()
	ann.say("4hello", "4world")
	ann.mustHear("4hello", "4world")
	h.netpoll.mu.RLock()
	watched := len(h.netpoll.conns)
	h.netpoll.mu.RUnlock()
	if watched != 0 {
		t.Fatal("the socket is watched by a poller that is closed")
	}
	guest.conn.Close("enough")
	ann.mustEnd(ws.StatusNormalClosure, "enough")
	h.mustClose(guest, "enough")
}
