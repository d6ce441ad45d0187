package engineio

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// come3 opens a session of protocol 3 by polling.
func (h *house) come3(query string) *poller {
	h.t.Helper()
	got := h.ask("GET", "EIO=3&transport=polling"+query, "")
	length, packet, _ := strings.Cut(got.body, ":")
	if length != fmt.Sprint(len(packet)) {
		h.t.Errorf("%q is not of its length", got.body)
	}
	return &poller{h, "3", sidOf(h.t, packet), h.guest()}
}

// join3 opens a session of protocol 3 by WebSocket.
func (h *house) join3() (*peer, *guest) {
	h.t.Helper()
	p, err := h.dialAs("3", "")
	if err != nil {
		h.t.Fatal(err)
	}
	p.sid = sidOf(h.t, p.hear())
	return p, h.guest()
}

func TestHandshakeOfProtocol3(t *testing.T) {
	h := open(t, beat, nil)
	ann := h.ask("GET", "EIO=3&transport=polling", "")
	guest := h.guest()
	open := `0{"sid":"` + guest.conn.ID() + `","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200}`
	h.must(ann, 200, fmt.Sprint(len(open), ":", open))
	if guest.conn.Protocol() != 3 {
		t.Errorf("protocol %d", guest.conn.Protocol())
	}
	bob, err := h.dialAs("3", "")
	if err != nil {
		t.Fatal(err)
	}
	bob.mustHear(`0{"sid":"` + h.guest().conn.ID() + `","upgrades":[],"pingInterval":300,"pingTimeout":200}`)
}

func TestOneProtocolAlone(t *testing.T) {
	const unsupported = `{"code":5,"message":"Unsupported protocol version"}`
	for only, want := range map[int][2]int{0: {200, 200}, 3: {200, 400}, 4: {400, 200}} {
		h := open(t, Config{Protocol: only}, nil)
		for i, eio := range []string{"3", "4"} {
			if got := h.ask("GET", "transport=polling&EIO="+eio, ""); got.status != want[i] || got.status == 400 && got.body != unsupported {
				t.Errorf("protocol %s where %d is let in: %v", eio, only, got)
			}
		}
		for _, eio := range []string{"", "EIO=", "EIO=2", "EIO=5", "EIO=03", "EIO=abc"} {
			h.must(h.ask("GET", "transport=polling&"+eio, ""), 400, unsupported)
		}
	}
}

func TestPollsOfProtocol3(t *testing.T) {
	h := open(t, Config{}, nil)
	for _, body := range []string{"6:4hello", "6:4test16:4test26:4test3", "6:4hello10:b4AQIDBA=="} {
		ann := h.come3("&b64=1")
		h.must(ann.post(body), 200, "ok")
		h.must(ann.poll(), 200, body)
	}
	ann := h.come3("&b64=1") // who does not take bytes may yet send them
	h.must(h.ask("POST", ann.query(), "\x01\x05\xff\x04\x01\x02\x03\x04", "Content-Type", "application/octet-stream"), 200, "ok")
	h.must(ann.poll(), 200, "10:b4AQIDBA==")
}

func TestPollsOfBytes(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come3("")
	h.must(ann.post("6:4hello"), 200, "ok")
	h.must(ann.poll(), 200, "6:4hello")
	const both = "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04"
	h.must(ann.post("6:4hello10:b4AQIDBA=="), 200, "ok")
	h.must(ann.poll(), 200, both)
	h.must(h.ask("POST", ann.query(), both, "Content-Type", "application/octet-stream"), 200, "ok")
	h.must(ann.poll(), 200, both)
	// Clients 1.x and 2.x count such text differently, unless it comes in bytes.
	h.must(ann.post("2:4€"), 200, "ok")
	response, err := h.web.Get(h.http.URL + "/?" + ann.query())
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := response.Header.Get("Content-Type"); got != "application/octet-stream" || response.ContentLength != 7 {
		t.Errorf("%s of %d bytes", got, response.ContentLength)
	}
}

func TestTextForThoseWhoTakeNoBytes(t *testing.T) {
	h := open(t, Config{ASCII: func(dst, text []byte) []byte { return fmt.Appendf(dst, "%+q", text) }}, nil)
	ann := h.come3("&b64=1")
	ann.guest.conn.Send(text("你"), text("plain"))
	h.must(ann.poll(), 200, `9:"4\u4f60"6:4plain`)
	h = open(t, Config{}, nil)
	bob := h.come3("&b64=1")
	bob.guest.conn.Send(text("你😀"), text("plain"))
	h.must(bob.poll(), 200, "4:4你😀6:4plain")
}

func TestPostsThatEndASessionOfProtocol3(t *testing.T) {
	h := open(t, Config{MaxPayload: 1000}, nil)
	for body, want := range map[string]answer{
		"abc":                             {400, badRequest},
		"4hello":                          {400, badRequest},
		"6:4hell":                         {400, badRequest},
		"1:7":                             {400, badRequest},
		"999:4" + strings.Repeat("x", 10): {400, badRequest},
		strings.Repeat("x", 1001):         {413, "body over maxPayload\n"},
	} {
		ann := h.come3("")
		h.must(ann.post(body), want.status, want.body)
		h.must(ann.poll(), 400, unknownSession)
		receive(t, "the end", ann.guest.closed)
	}
}

func TestWebSocketOfProtocol3(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join3()
	ann.say("4hello", "4你好", "b4AQIDBA==")
	ann.send(ws.NewBinaryFrame([]byte{4, 1, 2, 3, 4}), ws.NewBinaryFrame([]byte{4}))
	ann.mustHear("4hello", "4你好", "b\x04\x01\x02\x03\x04", "b\x04\x01\x02\x03\x04", "b\x04")
	frame := NewBinary([]byte("x"))
	guest.conn.Send(text("one"), frame, frame)
	ann.mustHear("4one", "b\x04x", "b\x04x")
	if once := frame.old(false); once != frame.old(false) {
		t.Error("what many hear is encoded for each")
	}
	ann.send(ws.NewBinaryFrame([]byte{5, 1}))
	ann.mustEnd(ws.StatusProtocolError, "invalid packet")
	h.mustClose(guest, "invalid packet")

	bob, err := h.dialAs("3", "&b64=1")
	if err != nil {
		t.Fatal(err)
	}
	bob.hear()
	bob.say("b4AQIDBA==")
	bob.mustHear("b4AQIDBA==")
}

func TestClientsOfProtocol3Ping(t *testing.T) {
	h := open(t, beat, nil)
	ann, _ := h.join3()
	bob := h.come3("")
	pace := time.NewTicker(beat.PingInterval / 4)
	defer pace.Stop()
	start := time.Now()
	for time.Since(start) < 2*(beat.PingInterval+beat.PingTimeout) {
		ann.say("2", "2again")
		ann.mustHear("3", "3again")
		h.must(bob.post("1:2"), 200, "ok")
		h.must(bob.poll(), 200, "1:3")
		<-pace.C
	}
	// The server does not ping, and pongs that nobody asked for say nothing.
	ann.say("3", "4still there")
	ann.mustHear("4still there")
}

func TestSilentClientsOfProtocol3AreClosed(t *testing.T) {
	h := open(t, beat, nil)
	start := time.Now()
	ann, annGuest := h.join3()
	bob := h.come3("")
	waiting := bob.wait()
	h.must(<-waiting, 200, "1:1")
	h.mustClose(bob.guest, "ping timeout")
	h.mustClose(annGuest, "ping timeout")
	mustTakeABeat(t, start)
	ann.mustEnd(ws.StatusPolicyViolation, "ping timeout")
	h.must(bob.post("1:2"), 400, unknownSession)
}

func TestGoodbyeOfProtocol3(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come3("")
	waiting := ann.wait()
	h.must(ann.post("1:1"), 200, "ok")
	h.must(<-waiting, 200, "1:6")
	h.must(ann.poll(), 400, unknownSession)
	bob, guest := h.join3()
	bob.say("1")
	bob.mustEnd(ws.StatusNormalClosure, "closed by the client")
	h.mustClose(guest, "closed by the client")
}

// The poll that a client sent beside its goodbye, and that comes after it, hears of it too, once.
func TestPollBehindAGoodbye(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, bob := h.come(), h.come3("")
	h.must(ann.post("1"), 200, "ok")
	h.must(bob.post("1:1"), 200, "ok")
	h.must(ann.poll(), 200, "6")
	h.must(bob.poll(), 200, "1:6")
	h.must(ann.poll(), 400, unknownSession)
	h.mustClose(ann.guest, "closed by the client")
	h.mustClose(bob.guest, "closed by the client")
}

func TestUpgradeOfProtocol3(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come3("&b64=1")
	waiting := ann.wait()
	socket, err := h.dialAs("3", "&sid="+ann.sid)
	if err != nil {
		t.Fatal(err)
	}
	socket.say("2probe")
	socket.mustHear("3probe")
	h.must(<-waiting, 200, "1:6")
	h.must(ann.poll(), 200, "1:6")
	ann.guest.conn.Send(NewBinary([]byte{1, 2, 3, 4}))
	h.must(ann.poll(), 200, "10:b4AQIDBA==")
	socket.say("5", "4hello")
	socket.mustHear("4hello")
	ann.guest.conn.Send(NewBinary([]byte{1, 2, 3, 4})) // the WebSocket takes bytes, though the polls did not
	socket.mustHear("b\x04\x01\x02\x03\x04")
	h.must(ann.poll(), 400, badRequest)
}

// noPong checks that nothing is proven.
func (g *guest) noPong(t *testing.T) {
	t.Helper()
	if len(g.pongs) > 0 {
		t.Errorf("proof %d of what cannot have arrived", <-g.pongs)
	}
}

func TestNextPollProvesTheLast(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come3("")
	ann.guest.conn.Send(text("one"))
	index, ok := ann.guest.conn.Ping(0)
	if !ok {
		t.Fatal("no ping")
	}
	if _, ok := ann.guest.conn.Ping(0); ok {
		t.Error("two pings at once")
	}
	h.must(ann.poll(), 200, "4:4one") // the answer, and only the answer
	h.mustBeIdle()
	ann.guest.noPong(t)
	waiting := ann.wait()
	if got := receive(t, "the proof", ann.guest.pongs); got != index {
		t.Errorf("proof %d, want %d", got, index)
	}
	// What has been proven needs no further poll.
	if index, ok = ann.guest.conn.Ping(0); !ok {
		t.Fatal("no second ping")
	}
	if got := receive(t, "the second proof", ann.guest.pongs); got != index {
		t.Errorf("proof %d, want %d", got, index)
	}
	ann.guest.conn.Send(text("two"))
	h.must(<-waiting, 200, "4:4two")
}

// mustBeIdle lets several looks for proof go by.
func (h *house) mustBeIdle() {
	seen := h.wheel.clock.Load()
	await(h.t, "the wheel turns", func() bool { return h.wheel.clock.Load() > seen+int64(4*proofWait) })
}

func TestUpgradeProvesThePolls(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come3("")
	ann.guest.conn.Send(text("one"))
	index, _ := ann.guest.conn.Ping(0)
	h.must(ann.poll(), 200, "4:4one")
	socket, err := h.dialAs("3", "&sid="+ann.sid)
	if err != nil {
		t.Fatal(err)
	}
	socket.say("2probe")
	socket.mustHear("3probe")
	h.mustBeIdle()
	ann.guest.noPong(t)
	socket.say("5")
	if got := receive(t, "the proof", ann.guest.pongs); got != index {
		t.Errorf("proof %d, want %d", got, index)
	}
}

// mustPing hears a ping of the WebSocket layer and returns what it says.
func (p *peer) mustPing() []byte {
	p.t.Helper()
	f, err := p.frame()
	if err != nil || f.Header.OpCode != ws.OpPing {
		p.t.Fatalf("got frame %v, %v instead of a ping", f.Header, err)
	}
	return f.Payload
}

// The client's WebSocket answers a ping when it has read what came before: what its kernel has taken is no proof.
func TestPongOfTheSocketIsProof(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join3()
	guest.conn.Send(text("one"))
	index, ok := guest.conn.Ping(0)
	if !ok {
		t.Fatal("no ping")
	}
	guest.conn.Flush()
	ann.mustHear("4one")
	asked := ann.mustPing()
	ann.send(ws.NewPongFrame(nil), ws.NewPongFrame([]byte("hello")), ws.NewPongFrame([]byte{0, 0, 0, 9})) // allowed, and no proof
	h.mustBeIdle()
	ann.say("4two")
	ann.mustHear("4two") // all of it was read
	guest.noPong(t)
	ann.send(ws.NewPongFrame(asked), ws.NewPongFrame(asked))
	if got := receive(t, "the proof", guest.pongs); got != index {
		t.Errorf("proof %d, want %d", got, index)
	}
	ann.say("4three")
	ann.mustHear("4three")
	guest.noPong(t)
}

func TestPingsOfProtocol4StayInItsPackets(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	if _, ok := guest.conn.Ping(0); !ok {
		t.Fatal("no ping")
	}
	guest.conn.Flush()
	ann.mustHear("2")
	ann.send(ws.NewPongFrame([]byte{0, 0, 0, 1}))
	ann.say("4one")
	ann.mustHear("4one")
	guest.noPong(t)
}

// What polls have not taken goes by the WebSocket, and so does the question for its proof.
func TestUpgradeAsksForTheRest(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come3("")
	socket, err := h.dialAs("3", "&sid="+ann.sid)
	if err != nil {
		t.Fatal(err)
	}
	socket.say("2probe")
	socket.mustHear("3probe")
	ann.guest.conn.Send(text("one"))
	index, ok := ann.guest.conn.Ping(0)
	if !ok {
		t.Fatal("no ping")
	}
	socket.say("5")
	socket.mustHear("4one")
	asked := socket.mustPing()
	ann.guest.noPong(t)
	socket.send(ws.NewPongFrame(asked))
	if got := receive(t, "the proof", ann.guest.pongs); got != index {
		t.Errorf("proof %d, want %d", got, index)
	}
}

func TestPingOfProtocol3KeepsItsGap(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join3()
	if _, ok := guest.conn.Ping(0); !ok {
		t.Fatal("no ping")
	}
	guest.conn.Flush()
	ann.send(ws.NewPongFrame(ann.mustPing()))
	receive(t, "the proof", guest.pongs)
	if _, ok := guest.conn.Ping(200 * time.Millisecond); ok {
		t.Error("a ping within the gap")
	}
	receive(t, "the tick", guest.ticks)
	if index, ok := guest.conn.Ping(200 * time.Millisecond); !ok || index != 2 {
		t.Errorf("after the tick: %d, %v", index, ok)
	}
}
