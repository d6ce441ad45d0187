package engineio

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestWebSocketCarriesTextAndBinary(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, _ := h.join()
	ann.say("4hello", "4", "4你好", "4\x00\x1e")
	ann.mustHear("4hello", "4", "4你好", "4\x00\x1e")
	ann.send(ws.NewBinaryFrame([]byte{1, 2, 0xff}), ws.NewBinaryFrame(nil))
	ann.mustHear("b\x01\x02\xff", "b")
	ann.say("2", "2probe", "5", "6", "4harmless") // nothing that a session on a WebSocket answers
	ann.mustHear("4harmless")
}

// Frames come as TCP has them: byte by byte, many at once, cut anywhere.
func TestFramesComeAsTCPHasThem(t *testing.T) {
	h := open(t, Config{}, nil)
	ann, _ := h.join()
	ann.Conn.(*net.TCPConn).SetNoDelay(true)
	random := rand.New(rand.NewPCG(3, 4))
	var want []string
	var wire []byte
	for i := range 1000 {
		text := "4" + strconv.Itoa(i) + strings.Repeat("x", random.IntN(200)*random.IntN(20))
		want = append(want, text)
		wire = append(wire, masked(ws.NewTextFrame([]byte(text)))...)
	}
	for _, cut := range []func() int{
		func() int { return len(wire) },
		func() int { return 1 + random.IntN(3000) },
	} {
		go func() {
			for rest := wire; len(rest) > 0; {
				n := min(cut(), len(rest))
				ann.Write(rest[:n]) // a failure shows in what is heard
				rest = rest[n:]
			}
		}()
		ann.mustHear(want...)
	}
	bytewise := masked(ws.NewTextFrame([]byte("4hello")), ws.NewPingFrame([]byte("x")), ws.NewTextFrame([]byte(strings.Replace(want[7], "7", "4", 1))))
	for i := range bytewise {
		ann.Write(bytewise[i : i+1])
	}
	ann.mustHear("4hello")
	if f, err := ann.frame(); err != nil || f.Header.OpCode != ws.OpPong || string(f.Payload) != "x" {
		t.Errorf("got %v, %v", f, err)
	}
}

// A client may speak before it has heard that the WebSocket is open.
func TestFramesOnTheHeelsOfTheHandshake(t *testing.T) {
	for _, frames := range []int{1, 200} { // within what net/http has read already, and beyond
		h := open(t, Config{}, nil)
		conn, err := net.Dial("tcp", h.http.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		ann := newPeer(t, conn, nil)
		var want []string
		wire := []byte("GET /?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		for i := range frames {
			want = append(want, fmt.Sprintf("4%0100d", i))
			wire = append(wire, masked(ws.NewTextFrame([]byte(want[i])))...)
		}
		if _, err := conn.Write(wire); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(ann.in, nil)
		if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("got %v, %v", response, err)
		}
		sidOf(t, ann.hear())
		ann.mustHear(want...)
	}
}

// Every size at which something changes: the header's form, the read buffer, the batch.
func TestSizesAtTheirBorders(t *testing.T) {
	const most = 1_000_000
	h := open(t, Config{MaxPayload: most}, nil)
	ann, _ := h.join()
	filler := strings.Repeat("x", most)
	for _, border := range []int{2, 126, readSize, 2 * readSize, batchSize, 1 << 16, 3 << 16, most} {
		for size := max(border-16, 1); size <= min(border+16, most); size++ {
			text := "4" + filler[:size-1]
			if border < 100_000 {
				ann.say("4before", text, text, "4after")
				ann.mustHear("4before", text, text, "4after")
			} else if size%8 == 0 || size >= most-1 {
				ann.say("4before", text, "4after")
				ann.mustHear("4before", text, "4after")
			}
		}
	}
}

// Inside TLS there is no socket to read from without waiting: the same, through the connection.
func TestWebSocketInsideTLS(t *testing.T) {
	h := open(t, Config{}, nil)
	secure := httptest.NewTLSServer(h.Server)
	defer secure.Close()
	dialer := ws.Dialer{TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	conn, early, _, err := dialer.Dial(t.Context(), "wss"+strings.TrimPrefix(secure.URL, "https")+"/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	ann := newPeer(t, conn, early)
	sidOf(t, ann.hear())
	guest := h.guest()
	long := "4" + strings.Repeat("x", 300_000)
	var want []string
	for i := range 500 {
		want = append(want, fmt.Sprint("4", i))
	}
	want = append(want, long)
	go ann.say(want...)
	ann.mustHear(want...)
	guest.conn.Send(text("bye"))
	guest.conn.Close("enough")
	ann.mustHear("4bye")
	if f, err := ann.frame(); err != nil || f.Header.OpCode != ws.OpClose {
		t.Errorf("got %v, %v", f.Header, err)
	}
	conn.Close()
	h.mustClose(guest, "enough")
}

func TestFragmentsMakeOneMessage(t *testing.T) {
	h := open(t, Config{MaxPayload: 10}, nil)
	ann, _ := h.join()
	ann.send(fragment(ws.OpText, false, "4hel"), fragment(ws.OpContinuation, false, "lo "), fragment(ws.OpContinuation, true, "you"))
	ann.mustHear("4hello you")
	ann.send(fragment(ws.OpText, false, ""), fragment(ws.OpContinuation, false, ""), fragment(ws.OpContinuation, true, "4"))
	ann.mustHear("4")
	ann.send(fragment(ws.OpBinary, false, "\x01"), fragment(ws.OpContinuation, true, ""))
	ann.mustHear("b\x01")
	// A character may be cut in two.
	ann.send(fragment(ws.OpText, false, "4\xe4\xbd"), fragment(ws.OpContinuation, true, "\xa0"))
	ann.mustHear("4你")
}

// Control frames come between fragments, are answered at once, and do not count as part of the message.
func TestControlFramesBetweenFragments(t *testing.T) {
	h := open(t, Config{MaxPayload: 10}, nil)
	ann, _ := h.join()
	long := strings.Repeat("p", ws.MaxControlFramePayloadSize)
	ann.send(fragment(ws.OpText, false, "4hello "), ws.NewPingFrame([]byte(long)), ws.NewPongFrame([]byte(long)))
	if f, err := ann.frame(); err != nil || f.Header.OpCode != ws.OpPong || string(f.Payload) != long {
		t.Fatalf("got %v, %v", f.Header, err)
	}
	ann.send(fragment(ws.OpContinuation, true, "you"))
	ann.mustHear("4hello you")
}
