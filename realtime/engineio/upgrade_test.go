package engineio

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// probe opens a WebSocket to a poller's session and probes it.
func (p *poller) probe() *peer {
	p.house.t.Helper()
	socket := p.open()
	socket.say("2probe")
	socket.mustHear("3probe")
	await(p.house.t, "the session awaits the upgrade", func() bool {
		p.guest.conn.mu.Lock()
		defer p.guest.conn.mu.Unlock()
		return p.guest.conn.probed
	})
	return socket
}

// open opens a WebSocket to a poller's session, and waits until the session has it.
func (p *poller) open() *peer {
	p.house.t.Helper()
	socket := p.another()
	await(p.house.t, "the session has the socket", func() bool { return !p.unprobed() })
	return socket
}

// another opens a WebSocket that the session need not take.
func (p *poller) another() *peer {
	p.house.t.Helper()
	socket, err := p.house.dialAs(p.eio, "&sid="+p.sid)
	if err != nil {
		p.house.t.Fatal(err)
	}
	return socket
}

func (p *poller) unprobed() bool {
	p.guest.conn.mu.Lock()
	defer p.guest.conn.mu.Unlock()
	return p.guest.conn.probe == nil
}

func TestUpgradeTakesOver(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	waiting := ann.wait()
	socket := ann.probe()
	h.must(<-waiting, 200, "6")
	h.must(ann.poll(), 200, "6")
	h.must(ann.post("4by post"), 200, "ok")
	if got := ann.guest.conn.Transport(); got != "polling" {
		t.Errorf("on %s before the upgrade", got)
	}
	socket.say("5", "4by socket") // the message on the heels of the upgrade
	socket.mustHear("4by post", "4by socket")
	if got := ann.guest.conn.Transport(); got != "websocket" {
		t.Errorf("on %s after the upgrade", got)
	}
	// The session's polls are over, and so are further sockets.
	h.must(ann.poll(), 400, badRequest)
	h.must(ann.post("4late"), 400, badRequest)
	ann.another().mustEnd(ws.StatusPolicyViolation, "the session has a WebSocket already, or has ended")
	socket.say("4still there")
	socket.mustHear("4still there")
	h.must(h.ask("GET", "EIO=4&transport=polling&sid=nobody", ""), 400, unknownSession)
	socket.say("1")
	socket.mustEnd(ws.StatusNormalClosure, "closed by the client")
	h.mustClose(ann.guest, "closed by the client")
}

// What has waited for the upgrade does not wait for the first message behind it, and the upgrade's time is over then.
func TestUpgradeSendsWhatHasWaited(t *testing.T) {
	goOn := make(chan struct{})
	h := open(t, Config{UpgradeTimeout: 200 * time.Millisecond}, func(g *guest, data []byte, binary bool) error {
		if string(data) == "wait" {
			<-goOn
		}
		return echo(g, data, binary)
	})
	ann := h.come()
	socket := ann.probe()
	ann.guest.conn.Send(text("news"))
	socket.say("5", "4wait")
	socket.mustHear("4news")
	close(goOn)
	socket.mustHear("4wait")
	time.Sleep(h.cfg.UpgradeTimeout) // nothing may happen when it is over
	socket.say("4hello")
	socket.mustHear("4hello")
}

// Until the probe the polls go on as ever, whatever has become of the socket.
func TestPollsGoOnUntilTheProbe(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	waiting := ann.wait()
	socket := ann.open()
	ann.another().mustEnd(ws.StatusPolicyViolation, "the session has a WebSocket already, or has ended")
	socket.send(ws.NewPingFrame([]byte("proxy")))
	if f, err := socket.frame(); err != nil || f.Header.OpCode != ws.OpPong || string(f.Payload) != "proxy" {
		t.Errorf("got %v, %v", f, err)
	}
	if !ann.held() {
		t.Error("the poll was sent home")
	}
	ann.guest.conn.Send(text("news"))
	h.must(<-waiting, 200, "4news")
	socket.say("2probe")
	socket.mustHear("3probe")
	ann.guest.conn.Send(text("more"))
	h.must(ann.poll(), 200, "4more")
	socket.say("5")
	ann.guest.conn.Send(text("over"))
	socket.mustHear("4over")
}

// A client that goes on polling after the probe does not do so as fast as it can.
func TestPollsAreHeldWhileTheUpgradeIsDue(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	ann.probe()
	start := time.Now()
	for range 3 {
		h.must(ann.poll(), 200, "6")
	}
	if took := time.Since(start); took < 2*pollHold { // the first may have come in time to be sent home with the probe
		t.Errorf("three polls took %v", took)
	}
}

// A client that polls across the upgrade is answered as if it came behind it, whichever comes first.
func TestPollAcrossTheUpgradeIsRefused(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	socket := ann.probe()
	waiting := ann.wait()
	socket.say("5", "4hello")
	h.must(<-waiting, 400, badRequest)
	socket.mustHear("4hello")
}

// A client that hangs up on its poll because it is upgrading has lost nothing, so its session goes on.
func TestPollIsHungUpOnForTheUpgrade(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	socket := ann.probe()
	for range 20 {
		ctx, hangUp := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			request := httptest.NewRequestWithContext(ctx, "GET", "/?"+ann.query(), nil)
			h.ServeHTTP(httptest.NewRecorder(), request)
		}()
		await(t, "the server holds the poll", ann.held)
		c := ann.guest.conn
		c.mu.Lock()
		c.endPoll()
		hangUp()
		c.mu.Unlock()
		<-done
	}
	socket.say("5", "4hello")
	socket.mustHear("4hello")
}

// An attempt that fails leaves the session to its polls, and another may follow.
func TestFailedUpgradeLeavesTheSession(t *testing.T) {
	h := open(t, Config{UpgradeTimeout: 100 * time.Millisecond}, nil)
	ann := h.come()
	for name, fail := range map[string]func(socket *peer){
		"silence":                  func(*peer) {},
		"silence behind the probe": func(socket *peer) { socket.say("2probe") },
		"a message too early":      func(socket *peer) { socket.say("2probe", "4hello") },
		"a broken frame":           func(socket *peer) { socket.Write([]byte{0x81, 0x01, 'x'}) },
		"hanging up":               func(socket *peer) { socket.Close() },
		"hanging up behind the probe": func(socket *peer) {
			socket.say("2probe")
			socket.mustHear("3probe")
			socket.Close()
		},
	} {
		fail(ann.open())
		await(t, name+" ends the attempt", ann.unprobed)
		waiting := ann.wait()
		ann.guest.conn.Send(text(name))
		h.must(<-waiting, 200, "4"+name)
	}
	socket := ann.probe()
	socket.say("5", "4hello")
	socket.mustHear("4hello")
	if len(ann.guest.closed) > 0 {
		t.Errorf("closed because of %q", <-ann.guest.closed)
	}
}

// A probe that asks and asks, and reads no answer, ends with the attempt's time as well.
func TestProbeThatDoesNotReadEnds(t *testing.T) {
	h := open(t, Config{UpgradeTimeout: 300 * time.Millisecond}, nil)
	ann := h.come()
	socket := ann.open()
	narrow(t, socket, ann.guest.conn.probe)
	probes := masked(ws.NewTextFrame([]byte("2probe")))
	for range 12 {
		probes = append(probes, probes...)
	}
	var err error
	for err == nil {
		_, err = socket.Write(probes)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the socket was not cut")
	}
	await(t, "the attempt is over", ann.unprobed)
	h.must(ann.post("4hello"), 200, "ok")
	h.must(ann.poll(), 200, "4hello")
}

func TestSessionEndsDuringTheUpgrade(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	socket := ann.probe()
	ann.guest.conn.Close("enough")
	if _, err := socket.frame(); err == nil {
		t.Error("heard something")
	}
	h.mustClose(ann.guest, "enough")
}

// traveller is a client as the protocol wants it, which upgrades while packets flow both ways.
type traveller struct {
	*poller
	socket  *peer
	heard   int
	heardOn [2]int // by polls, by socket
}

// payload makes the body of a post.
func (a *traveller) payload(packets []string) string {
	if a.eio == "4" {
		return strings.Join(packets, "\x1e")
	}
	var body strings.Builder
	for _, packet := range packets {
		fmt.Fprint(&body, len(packet), ":", packet)
	}
	return body.String()
}

// packets splits the answer to a poll.
func (a *traveller) packets(body string) (packets []string) {
	if a.eio == "4" {
		return strings.Split(body, "\x1e")
	}
	err := new(protocol3).decodePayload([]byte(body), func(p packet) error {
		packets = append(packets, string(p.kind)+string(p.data))
		return nil
	})
	if err != nil {
		a.house.t.Errorf("%.50q: %v", body, err)
	}
	return packets
}

// listen checks that packets come in order.
func (a *traveller) listen(packets ...string) {
	a.house.t.Helper()
	for _, packet := range packets {
		if packet == "6" {
			continue
		}
		if want := fmt.Sprint("4", a.heard); packet != want {
			a.house.t.Fatalf("heard %.50q, want %q", packet, want)
		}
		a.heard++
		if a.socket == nil {
			a.heardOn[0]++
		} else {
			a.heardOn[1]++
		}
	}
}

// Packets flow both ways, as fast as each side takes them, while the session moves from polls to a WebSocket. Nothing
// is lost, doubled or out of order.
func TestNothingIsLostInAnUpgrade(t *testing.T) {
	const all = 2000
	var onPolls, onSocket atomic.Int64
	for round := range 40 {
		next := 0
		said := make(chan struct{})
		h := open(t, Config{}, func(g *guest, data []byte, _ bool) error {
			if string(data) != fmt.Sprint(next) {
				t.Errorf("the server heard %q, want %d", data, next)
			}
			if next++; next == all {
				close(said)
			}
			return nil
		})
		ann := new(traveller)
		if round%2 == 0 {
			ann.poller = h.come()
		} else {
			ann.poller = h.come3("")
		}
		random := rand.New(rand.NewPCG(5, uint64(round)))
		go func() {
			for i := range all {
				if ann.guest.conn.WaitShort(t.Context(), 2000) != nil {
					return
				}
				ann.guest.conn.Send(text(fmt.Sprint(i)))
			}
		}()

		// Polls and posts, until the probe is answered and both rest.
		var probed atomic.Bool
		posted := make(chan int)
		go func() {
			sent := 0
			for sent < all && !probed.Load() {
				var body []string
				for range min(1+sent%7, all-sent) {
					body = append(body, fmt.Sprint("4", sent))
					sent++
				}
				h.must(ann.post(ann.payload(body)), 200, "ok")
			}
			posted <- sent
		}()
		socket := make(chan *peer, 1)
		departure, departed := random.IntN(all/2), false
		for !probed.Load() {
			got := ann.poll()
			if got.status != 200 {
				t.Fatalf("poll: %v", got)
			}
			ann.listen(ann.packets(got.body)...)
			if !departed && ann.heard >= departure {
				departed = true
				go func() {
					p := ann.probe()
					probed.Store(true)
					socket <- p
				}()
			}
		}
		sent := <-posted
		ann.socket = <-socket
		ann.socket.say("5")
		go func() {
			for ; sent < all; sent++ {
				ann.socket.Write(masked(ws.NewTextFrame([]byte(fmt.Sprint("4", sent))))) // a failure shows at the server
			}
		}()
		for ann.heard < all {
			ann.listen(ann.socket.hear())
		}
		receive(t, "all that was said", said)
		onPolls.Add(int64(ann.heardOn[0]))
		onSocket.Add(int64(ann.heardOn[1]))
		ann.socket.say("1")
		h.mustClose(ann.guest, "closed by the client")
	}
	t.Logf("heard %d by polls and %d by sockets", onPolls.Load(), onSocket.Load())
}
