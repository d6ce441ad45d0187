package engineio

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// What was queued when a session ended is there for the polls that come next, however many it takes.
func TestLastWordsAreThereForTheNextPolls(t *testing.T) {
	h := open(t, Config{MaxPayload: 100}, nil)
	ann := h.come()
	long := strings.Repeat("x", 60)
	ann.guest.conn.Send(text(long), text(long), text("bye"))
	ann.guest.conn.Close("enough")
	h.must(ann.poll(), 200, "4"+long)
	h.must(ann.poll(), 200, "4"+long+"\x1e4bye\x1e1")
	h.must(ann.poll(), 400, unknownSession)
	h.mustClose(ann.guest, "enough")
}

// Nobody comes for the last words: the session is forgotten all the same.
func TestLastWordsDoNotWaitForEver(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	ann := h.come()
	ann.guest.conn.Send(text("bye"))
	start := time.Now()
	ann.guest.conn.Close("enough")
	h.mustEndWith(ann.guest, "enough")
	await(t, "the session is forgotten", func() bool { return h.Len() == 0 })
	if took := time.Since(start); took < lastPoll {
		t.Errorf("it was there for %v alone", took)
	}
	h.must(ann.poll(), 400, unknownSession)
}

// A timer that was about to fire when the session closed must not take the last words away.
func TestLateTickLeavesTheLastWords(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	ann.guest.conn.Send(text("bye"))
	ann.guest.conn.Close("enough")
	ann.guest.conn.tick(h.wheel.now())
	h.must(ann.poll(), 200, "4bye\x1e1")
}

func TestCloseAfterMovesAndStops(t *testing.T) {
	h := open(t, Config{PingInterval: time.Second}, nil) // for a fine wheel
	ann, guest := h.join()
	guest.conn.CloseAfter(time.Hour, "an hour is over")
	guest.conn.CloseAfter(time.Millisecond, "a moment is over")
	ann.mustEnd(ws.StatusNormalClosure, "a moment is over")
	h.mustClose(guest, "a moment is over")
	guest.conn.CloseAfter(time.Millisecond, "twice") // closed already: nothing

	bob, guest := h.join()
	guest.conn.CloseAfter(time.Millisecond, "too late")
	guest.conn.CloseAfter(0, "")
	bob.mustHear("2") // the timer has been through
	bob.say("4hello")
	bob.mustHear("4hello")
}

// The heartbeat goes on meanwhile, and moves nothing.
func TestCloseAfterSeveralHeartbeats(t *testing.T) {
	h := open(t, beat, nil)
	ann, guest := h.join()
	start, wait := time.Now(), 2*beat.PingInterval+beat.PingInterval/2
	guest.conn.CloseAfter(wait, "time is up")
	for range 2 {
		ann.mustHear("2")
		ann.say("3")
	}
	ann.mustEnd(ws.StatusNormalClosure, "time is up")
	if took := time.Since(start); took < wait {
		t.Errorf("closed after %v", took)
	}
	h.mustClose(guest, "time is up")
}

func TestReasonFitsTheCloseFrame(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	guest.conn.Close(strings.Repeat("é", 100))
	ann.mustEnd(ws.StatusNormalClosure, strings.Repeat("é", 61)) // 123 bytes, and no half character
}

// openWith opens a house whose Open is the test's own.
func openWith(t testing.TB, open func(c *Conn, r *http.Request) Handler) *house {
	h := &house{Server: NewServer(Config{Open: open}), t: t}
	h.serve(nil)
	return h
}

// What is sent while the session opens comes behind the packet that opens it.
func TestOpenMaySend(t *testing.T) {
	h := openWith(t, func(c *Conn, _ *http.Request) Handler {
		c.Send(text("welcome"))
		return newGuest(c, nil)
	})
	ann, err := h.dial("")
	if err != nil {
		t.Fatal(err)
	}
	sidOf(t, ann.hear())
	ann.mustHear("4welcome")
	got := h.ask("GET", "EIO=4&transport=polling", "")
	if first, rest, _ := strings.Cut(got.body, "\x1e"); sidOf(t, first) == "" || rest != "4welcome" {
		t.Errorf("got %q", got.body)
	}
}

// A session that is closed while it opens says why, and leaves nothing behind.
func TestOpenMayClose(t *testing.T) {
	guests := make(chan *guest, 2)
	h := openWith(t, func(c *Conn, _ *http.Request) Handler {
		g := newGuest(c, nil)
		c.Close("full")
		guests <- g
		return g
	})
	ann, err := h.dial("")
	if err != nil {
		t.Fatal(err)
	}
	sidOf(t, ann.hear())
	ann.mustEnd(ws.StatusNormalClosure, "full")
	h.mustClose(<-guests, "full")

	got := h.ask("GET", "EIO=4&transport=polling", "")
	first, rest, _ := strings.Cut(got.body, "\x1e")
	if rest != "1" {
		t.Errorf("got %q", got.body)
	}
	h.mustClose(<-guests, "full")
	h.must(h.ask("GET", "EIO=4&transport=polling&sid="+sidOf(t, first), ""), 400, unknownSession)
}
