package socketio

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/realtime/engineio"
)

const protocolError = ws.StatusProtocolError

func TestConnectWithAndWithoutAuth(t *testing.T) {
	auths := make(chan string, 10)
	h := open(t, Config{}, func(g *guest, auth string) error {
		auths <- auth
		return nil
	})
	for packet, auth := range map[string]string{"0": "", `0{"token":"123"}`: `{"token":"123"}`, `0{}`: `{}`, `0/,{"a":1}`: `{"a":1}`} {
		ann := h.dial()
		ann.say(packet)
		if sid := ann.hear(); sid != fmt.Sprintf(`0{"sid":"%s"}`, h.guest().ID()) {
			t.Errorf("%s: got %s", packet, sid)
		}
		if got := <-auths; got != auth {
			t.Errorf("%s: auth %q", packet, got)
		}
	}
}

func TestConnectIsRefused(t *testing.T) {
	h := open(t, Config{}, func(g *guest, auth string) error {
		switch auth {
		case `{"who":"ann"}`:
			return &ConnectError{Message: "not today", Data: map[string]int{"retry": 7}}
		case `{"who":"bob"}`:
			return errors.New("the database's password is wrong")
		}
		return nil
	})
	ann := h.dial()
	ann.say("0/nope", `0/nope,{"a":1}`, `0{"who":"ann"}`, `0{"who":"bob"}`, `0/shop,{"who":"ann"}`)
	ann.mustHear(`4/nope,{"message":"Invalid namespace"}`, `4/nope,{"message":"Invalid namespace"}`,
		`4{"message":"not today","data":{"retry":7}}`, `4{"message":"internal error"}`,
		`4/shop,{"message":"not today","data":{"retry":7}}`)
	ann.say("0") // it may try again
	ann.mustHear(`0{"sid":"*"}`)
}

// Ann hangs up while it is decided whether she may join: the handler that is made for her hears the end, once.
func TestConnectionEndsDuringConnect(t *testing.T) {
	asked, decide := make(chan struct{}), make(chan struct{})
	h := open(t, Config{Engine: engineio.Config{PingInterval: 50 * time.Millisecond, PingTimeout: 50 * time.Millisecond}},
		func(*guest, string) error {
			close(asked)
			<-decide
			return nil
		})
	ann := h.dial()
	ann.say("0")
	receive(t, "the question", asked)
	for end := time.Now().Add(patience); h.Len() > 0; time.Sleep(time.Millisecond) { // she does not answer the ping
		if time.Now().After(end) {
			t.Fatal("the connection does not end")
		}
	}
	close(decide)
	guest := h.guest()
	// Which of the two tells her handler is a matter of who comes first.
	if why := receive(t, "her end", guest.left); why != "connection closed" && why != "ping timeout" {
		t.Errorf("left because of %q", why)
	}
	if len(guest.left) > 0 {
		t.Error("left twice")
	}
}

func TestConnectTimeout(t *testing.T) {
	h := open(t, Config{ConnectTimeout: 50 * time.Millisecond, Engine: engineio.Config{PingInterval: 300 * time.Millisecond}}, nil)
	ann := h.dial()
	ann.say("0/nope") // being refused is no joining
	ann.mustHear(`4/nope,{"message":"Invalid namespace"}`)
	ann.mustEnd(ws.StatusNormalClosure, "no namespace joined in time")

	bob, guest := h.join()
	bob.mustHear("2") // the time is over and he is still there
	bob.say(`2["echo","hello"]`)
	bob.mustHear(`2["echoed","hello"]`)
	if len(guest.left) > 0 {
		t.Error("Bob has left")
	}
}

// Two namespaces on one connection are two sockets: each with its own events, acks and end.
func TestNamespacesShareAConnection(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, main := h.join()
	ann.say("0/shop")
	ann.mustHear(`0/shop,{"sid":"*"}`)
	shop := h.guest()
	if main.ID() == shop.ID() || main.Namespace() != "/" || shop.Namespace() != "/shop" || main.Conn() != shop.Conn() {
		t.Errorf("sockets %s of %s and %s of %s", main.ID(), main.Namespace(), shop.ID(), shop.Namespace())
	}
	ann.say(`2["echo",1]`, `2/shop,["echo",2]`, `2/shop,5["buy"]`)
	ann.mustHear(`2["echoed",1]`, `2/shop,["echoed",2]`, `3/shop,5[]`)
	ann.say("1/shop,", `2["echo",3]`)
	ann.mustHear(`2["echoed",3]`)
	h.mustLeave(shop, "disconnected by the client")
	ann.say("0/shop,") // and comes back
	ann.mustHear(`0/shop,{"sid":"*"}`)
	shop = h.guest()
	ann.say("1") // from "/" alone
	h.mustLeave(main, "disconnected by the client")
	ann.say(`2/shop,["leave"]`)
	ann.mustHear("1/shop,")
	h.mustLeave(shop, "asked to")
	ann.say(`0`)
	ann.mustHear(`0{"sid":"*"}`)
	main = h.guest()
	ann.Close()
	h.mustLeave(main, "connection lost")
	if len(shop.left) > 0 {
		t.Error("left twice")
	}
}

func TestConnectedGreetsFirst(t *testing.T) {
	h := open(t, Config{}, func(g *guest, auth string) error {
		g.greeting = auth
		return nil
	})
	ann := h.dial()
	ann.say(`0/shop,{"name":"Ann"}`, `2/shop,["echo",1]`)
	ann.mustHear(`0/shop,{"sid":"*"}`, `2/shop,["welcome",{"name":"Ann"}]`, `2/shop,["echoed",1]`)
}

func TestEventsComeInOrder(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, _ := h.join()
	var said, heard []string
	for i := range 2000 {
		switch i % 3 {
		case 0:
			said, heard = append(said, fmt.Sprintf(`2["echo",%d]`, i)), append(heard, fmt.Sprintf(`2["echoed",%d]`, i))
		case 1:
			said, heard = append(said, fmt.Sprintf(`2%d["ask",{"i":%d},null]`, i, i)), append(heard, fmt.Sprintf(`3%d[{"i":%d},null]`, i, i))
		case 2:
			placeholder := `{"_placeholder":true,"num":0}`
			said = append(said, `51-["echo",`+placeholder+`]`, "b"+strings.Repeat("x", i))
			heard = append(heard, `51-["echoed",`+placeholder+`]`, "b"+strings.Repeat("x", i))
		}
	}
	go ann.say(said...)
	ann.mustHear(heard...)
}

func TestAttachmentsKeepTheirOrder(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, _ := h.join()
	args := `{"_placeholder":true,"num":1},{"deep":[{"_placeholder":true,"num":0}]}`
	ann.say(`52-["echo",`+args+`]`, "b\x01\x02\x03", "b")
	ann.mustHear(`52-["echoed",`+args+`]`, "b\x01\x02\x03", "b")
	ann.say(`52-789["ask",`+args+`]`, "b\x00", "b\xff\xfe")
	ann.mustHear(`62-789[`+args+`]`, "b\x00", "b\xff\xfe")
	ann.say(`50-["echo","none"]`)
	ann.mustHear(`2["echoed","none"]`)
}

func TestAcksReachWhoAsked(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, guest := h.join()
	guest.Conn().Send(EventFrames("/", "ask", 12, [][]byte{[]byte(`"why?"`)}, nil)...)
	ann.mustHear(`212["ask","why?"]`)
	guest.Conn().Send(EventFrames("/", "ask", 0, nil, [][]byte{{1, 2}, {3}})...)
	ann.mustHear(`52-0["ask"]`, "b\x01\x02", "b\x03")
	ann.say(`312["because",1]`, `61-0[{"_placeholder":true,"num":0}]`, "b\x07", `377[]`)
	for _, want := range []string{`12 "because",1 []`, `0 {"_placeholder":true,"num":0} ["\a"]`, `77  []`} {
		if got := receive(t, "an ack", guest.acks); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Whatever breaks the protocol closes the connection, says why, and hurts nobody else.
func TestBrokenPacketsCloseTheConnection(t *testing.T) {
	h := open(t, Config{}, nil)
	bob, _ := h.join()
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	half := strings.Repeat("x", 600_000)
	const tooDeep = "JSON nested deeper than 64 levels"
	for _, c := range []struct {
		name, reason string
		packets      []string
	}{
		{"nothing", errType.Error(), []string{""}},
		{"a strange type", errType.Error(), []string{"abc"}},
		{"a server's packet", errType.Error(), []string{`4{"message":"no"}`}},
		{"an event without anything", "not a JSON array", []string{"2"}},
		{"an ack without anything", "not a JSON array", []string{"3"}},
		{"an event of nothing", errNoName.Error(), []string{"2[]"}},
		{"an event without a name", errNoName.Error(), []string{"2[null]"}},
		{"an event that is no array", "not a JSON array", []string{"2{}"}},
		{"an id that is none", "not a JSON array", []string{`2abc["ask",1]`}},
		{"half an event", "malformed JSON", []string{`2["echo",{"a":]`}},
		{"two events", "malformed JSON", []string{`2["echo"]["echo"]`}},
		{"a reserved name", errReserved.Error(), []string{`2["connect_error"]`}},
		{"an ack without an id", errAckID.Error(), []string{"3[]"}},
		{"an endless id", errID.Error(), []string{"2" + strings.Repeat("9", 40) + `["ask"]`}},
		{"too many arguments", "too many elements", []string{`2["echo"` + strings.Repeat(",0", maxArgs+1) + `]`}},
		{"an abyss", tooDeep, []string{`2["echo",` + deep + `]`}},
		{"an abyss that does not end", tooDeep, []string{`2["echo",` + strings.Repeat(`{"a":[`, 100_000)}},
		{"an abyss for auth", tooDeep, []string{`0/shop,{"a":` + deep + `}`}},
		{"auth that is no object", errPayload.Error(), []string{`0/shop,"token"`}},
		{"auth that is no JSON", "malformed JSON", []string{`0/shop,{token}`}},
		{"a namespace joined twice", errConnected.Error(), []string{"0"}},
		{"an event for a namespace not joined", errNotConnected.Error(), []string{`2/shop,["echo"]`}},
		{"an event for no namespace", errNotConnected.Error(), []string{`2/nope,["echo"]`}},
		{"leaving a namespace not joined", errNotConnected.Error(), []string{"1/shop,"}},
		{"leaving with a word", errPayload.Error(), []string{`1"bye"`}},
		{"leaving twice", errNotConnected.Error(), []string{"1", "1"}},
		{"a long namespace", errNamespace.Error(), []string{"0/" + strings.Repeat("x", 1000)}},
		{"binary out of nowhere", errBinary.Error(), []string{"b\x01"}},
		{"binary behind the last attachment", errBinary.Error(), []string{`51-["drop",{}]`, "b\x01", "b\x02"}},
		{"text among attachments", errText.Error(), []string{`52-["drop",{}]`, "b\x01", `2["echo"]`}},
		{"leaving among attachments", errText.Error(), []string{`51-["drop",{}]`, "1"}},
		{"more attachments than allowed", errAttachments.Error(), []string{`517-["drop"]`}},
		{"attachments without a count", errAttachments.Error(), []string{`5["drop"]`}},
		{"attachments for a namespace not joined", errNotConnected.Error(), []string{`51-/shop,["drop"]`}},
		{"broken JSON with attachments", "malformed JSON", []string{`51-["drop",{]`, "b\x01"}},
		{"attachments over the bound", errTooMuch.Error(),
			append([]string{`516-["drop"]`}, strings.Split(strings.Repeat("b"+half+" ", 14)+"b"+half, " ")...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			ann, guest := h.join()
			ann.t = t
			ann.say(append([]string{`2["echo","before"]`}, c.packets...)...)
			ann.mustHear(`2["echoed","before"]`)
			ann.mustEnd(protocolError, c.reason)
			if got := receive(t, "the end", guest.left); got != c.reason && got != "disconnected by the client" {
				t.Errorf("left because of %q", got)
			}
		})
	}
	bob.say(`2["echo","still there"]`)
	bob.mustHear(`2["echoed","still there"]`)
}

func TestPongsReachEverySocket(t *testing.T) {
	h := open(t, Config{Engine: engineio.Config{PingInterval: time.Second}}, nil)
	ann, main := h.join()
	ann.say("0/shop")
	ann.mustHear(`0/shop,{"sid":"*"}`)
	shop := h.guest()
	main.Conn().Enqueue(EventFrame("/", "news", []byte("1")))
	index, ok := main.Conn().Ping(0)
	if !ok {
		t.Fatal("no ping")
	}
	main.Conn().Flush()
	ann.mustHear(`2["news",1]`, "2")
	ann.Write([]byte("\x81\x81\x00\x00\x00\x003"))
	for _, g := range []*guest{main, shop} {
		if got := receive(t, "a pong", g.pongs); got != index {
			t.Errorf("pong %d in %s", got, g.Namespace())
		}
	}
	if _, ok := main.Conn().Ping(50 * time.Millisecond); !ok {
		for _, g := range []*guest{main, shop} {
			receive(t, "a tick", g.ticks)
		}
	}
}

// What is kept of a packet whose attachments are still coming is a copy: the reader's buffer has moved on.
func TestWaitingPacketIsKept(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, _ := h.join()
	data := bytes.Repeat([]byte("y"), 9000) // longer than a read buffer
	ann.say(`51-["echo","` + strings.Repeat("x", 3000) + `"]`)
	ann.say("b" + string(data))
	ann.mustHear(`51-["echoed","`+strings.Repeat("x", 3000)+`"]`, "b"+string(data))
}
