package engineio

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// shutdown runs Shutdown beside the test; the channel is closed when it returns.
func (h *house) shutdown(wait time.Duration) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		h.Shutdown(ctx)
	}()
	return done
}

// mustLose checks that the connection ends without a close frame or anything else.
func (p *peer) mustLose() {
	p.t.Helper()
	if f, err := p.frame(); err != io.EOF {
		p.t.Errorf("the connection ended with %v, %v; want its end alone", f, err)
	}
	p.Conn.(*net.TCPConn).CloseWrite()
}

func running(done <-chan struct{}) bool {
	select {
	case <-done:
		return false
	default:
		return true
	}
}

func TestShutdownSendsWhatIsQueuedAndWaits(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, annGuest := h.join()
	bob := h.come()
	bobWaits := bob.wait()
	annGuest.conn.Enqueue(text("one"), text("two")) // queued alone
	done := h.shutdown(patience)
	ann.mustHear("4one", "4two")
	h.must(<-bobWaits, 200, "6")
	h.mustClose(annGuest, "server shutting down")
	h.mustClose(bob.guest, "server shutting down")
	if !running(done) {
		t.Error("Shutdown did not wait for Ann to hang up")
	}
	h.Shutdown(context.Background()) // the second returns at once
	ann.mustLose()
	receive(t, "the end of Shutdown", done)
	if got := h.ask("GET", "EIO=4&transport=polling", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("a handshake after Shutdown got %d %s", got.status, got.body)
	}
	if carl, err := h.dial(""); err == nil {
		carl.Close()
		t.Error("a WebSocket was opened after Shutdown")
	}
}

// A poller who is between two polls gets what is queued with the next one.
func TestShutdownWaitsForTheNextPoll(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	ann.guest.conn.Send(text("last"))
	done := h.shutdown(patience)
	h.mustEndWith(ann.guest, "server shutting down")
	if !running(done) {
		t.Error("Shutdown did not wait")
	}
	h.must(ann.poll(), 200, "4last\x1e6")
	receive(t, "the end of Shutdown", done)
}

func TestShutdownGivesUpOnWhoDoesNotPoll(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	ann := h.come()
	ann.guest.conn.Send(text("last"))
	start := time.Now()
	receive(t, "the end of Shutdown", h.shutdown(patience))
	if took := time.Since(start); took < lastPoll || took > 2*lastPoll {
		t.Errorf("it took %v", took)
	}
}

func TestShutdownCutsWhoDoesNotReadWhenItsTimeIsOver(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	guest.conn.Send(text(strings.Repeat("x", 6<<20))) // more than the kernel takes
	bob := h.come()
	bob.guest.conn.Send(text("never fetched"))
	start := time.Now()
	receive(t, "the end of Shutdown", h.shutdown(100*time.Millisecond))
	if took := time.Since(start); took > lastPoll {
		t.Errorf("it took %v", took)
	}
	h.mustEndWith(guest, "server shutting down")
	if _, err := io.Copy(io.Discard, ann); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the socket was not cut")
	}
}

func TestShutdownOfAnEmptyHouse(t *testing.T) {
	h := open(t, Config{}, nil)
	receive(t, "the end of Shutdown", h.shutdown(patience))
}

// A handshake that is under way when Shutdown begins is seen through: its handler hears the end before Shutdown returns.
func TestShutdownWaitsForAHandshake(t *testing.T) {
	for _, transport := range []string{"polling", "websocket"} {
		t.Run(transport, func(t *testing.T) {
			opening, goOn := make(chan *guest, 1), make(chan struct{})
			h := openWith(t, func(c *Conn, _ *http.Request) Handler {
				g := newGuest(c, nil)
				opening <- g
				<-goOn
				return g
			})
			got := make(chan string, 1)
			go func() {
				if transport == "polling" {
					got <- h.ask("GET", "EIO=4&transport=polling", "").body
				} else if p, err := h.dial(""); err != nil {
					got <- err.Error()
				} else {
					got <- p.hear() + "\x1e6"
					p.mustLose()
				}
			}()
			guest := receive(t, "a guest", opening)
			done := h.shutdown(patience)
			await(t, "Shutdown has begun", func() bool {
				h.mu.RLock()
				defer h.mu.RUnlock()
				return h.closing
			})
			close(goOn)
			receive(t, "the end of Shutdown", done)
			if len(guest.closed) != 1 {
				t.Error("the handler heard of no end before Shutdown returned")
			}
			if packets := <-got; !strings.HasPrefix(packets, "0{") || !strings.HasSuffix(packets, "\x1e6") {
				t.Errorf("the client got %q", packets)
			}
		})
	}
}
