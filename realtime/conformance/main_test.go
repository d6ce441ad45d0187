package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/parley-chat/parley/realtime/engineio"
)

// patience is how long a test waits for what has to come; only a failing test waits that long.
const patience = 20 * time.Second

// open runs the server and returns its URL without the scheme.
func open(t *testing.T, cfg engineio.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener, cfg, io.Discard) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// calm is a server whose pings do not come between the packets of a test.
var calm = engineio.Config{PingInterval: time.Minute, PingTimeout: time.Minute}

// client is a WebSocket, frame by frame.
type client struct {
	t    *testing.T
	conn net.Conn
	in   io.Reader
}

func dial(t *testing.T, address, path string) *client {
	t.Helper()
	conn, early, _, err := ws.Dial(t.Context(), "ws://"+address+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	if early == nil {
		early = bufio.NewReader(conn)
	}
	return &client{t, conn, early}
}

// says sends texts, and what begins with "b" as binary.
func (c *client) says(messages ...string) {
	c.t.Helper()
	for _, m := range messages {
		op := ws.OpText
		if data, binary := strings.CutPrefix(m, "b"); binary {
			op, m = ws.OpBinary, data
		}
		if err := wsutil.WriteClientMessage(c.conn, op, []byte(m)); err != nil {
			c.t.Fatal(err)
		}
	}
}

// next returns the next message, binary with a "b" in front; an error says that the server closed.
func (c *client) next() (string, error) {
	data, op, err := wsutil.ReadServerData(struct {
		io.Reader
		io.Writer
	}{c.in, c.conn})
	if op == ws.OpBinary {
		return "b" + string(data), err
	}
	return string(data), err
}

func (c *client) hears(messages ...string) {
	c.t.Helper()
	for _, want := range messages {
		if got, err := c.next(); got != want || err != nil {
			c.t.Fatalf("heard %q, %v; want %q", got, err, want)
		}
	}
}

// hearsFrom returns what the next message has behind a prefix.
func (c *client) hearsFrom(prefix string) string {
	c.t.Helper()
	got, err := c.next()
	rest, found := strings.CutPrefix(got, prefix)
	if !found || err != nil {
		c.t.Fatalf("heard %q, %v; want %s…", got, err, prefix)
	}
	return rest
}

func (c *client) isClosed() {
	c.t.Helper()
	for {
		_, err := c.next()
		var closed wsutil.ClosedError
		switch {
		case errors.As(err, &closed):
			return
		case err != nil:
			c.t.Fatal("not closed but ", err)
		}
	}
}

// enter opens a session of protocol 4 and joins a namespace; head is "" or "/name,".
func enter(t *testing.T, address, head string) *client {
	t.Helper()
	c := dial(t, address, "/socket.io/?EIO=4&transport=websocket")
	c.hearsFrom(`0{"sid":"`)
	c.says("40" + head)
	c.hearsFrom("40" + head + `{"sid":"`)
	c.hears("42" + head + `["auth",{}]`)
	return c
}

func TestNamespacesAreJoined(t *testing.T) {
	address := open(t, calm)
	for said, want := range map[string][2]string{
		"40":                        {"40", `42["auth",{}]`},
		`40{"token":"123"}`:         {"40", `42["auth",{"token":"123"}]`},
		"40/custom,":                {"40/custom,", `42/custom,["auth",{}]`},
		"40/custom":                 {"40/custom,", `42/custom,["auth",{}]`},
		`40/custom,{"token":"abc"}`: {"40/custom,", `42/custom,["auth",{"token":"abc"}]`},
	} {
		c := dial(t, address, "/socket.io/?EIO=4&transport=websocket")
		c.hearsFrom("0")
		c.says(said)
		c.hearsFrom(want[0] + `{"sid":"`)
		c.hears(want[1])
	}
	c := dial(t, address, "/socket.io/?EIO=4&transport=websocket")
	c.hearsFrom("0")
	c.says("40/random")
	c.hears(`44/random,{"message":"Invalid namespace"}`)
}

func TestWhoJoinsNothingIsClosed(t *testing.T) {
	address := open(t, calm)
	for _, eio := range []string{"3", "4"} {
		c := dial(t, address, "/socket.io/?EIO="+eio+"&transport=websocket")
		c.hearsFrom("0")
		if eio == "3" { // is in the main namespace already
			c.says(`420["message-with-ack"]`)
			c.hears("40", `42["auth",{}]`, "430[]")
			continue
		}
		c.isClosed()
	}
}

func TestEventsAndAcksComeBack(t *testing.T) {
	address := open(t, calm)
	const two = `{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}`
	for _, eio := range []string{"3", "4"} {
		for _, head := range []string{"", "/custom,"} {
			c := dial(t, address, "/socket.io/?EIO="+eio+"&transport=websocket")
			c.hearsFrom("0")
			attachment := "b"
			switch {
			case eio == "4":
				c.says("40" + head)
				c.hearsFrom("40" + head + `{"sid":"`)
			default:
				attachment = "b\x04"
				c.hears("40")
				if head != "" {
					c.hears(`42["auth",{}]`)
					c.says("40" + head)
					c.hears("40" + head)
				}
			}
			c.hears("42" + head + `["auth",{}]`)
			c.says("42" + head + `["message",1,"2",{"3":[true]}]`)
			c.hears("42" + head + `["message-back",1,"2",{"3":[true]}]`)
			c.says("452-"+head+`["message",`+two+`]`, attachment+"\x01\x02\x03", attachment+"\x04\x05\x06")
			c.hears("452-"+head+`["message-back",`+two+`]`, attachment+"\x01\x02\x03", attachment+"\x04\x05\x06")
			c.says("42" + head + `456["message-with-ack",1,"2",{"3":[false]}]`)
			c.hears("43" + head + `456[1,"2",{"3":[false]}]`)
			c.says("452-"+head+`789["message-with-ack",`+two+`]`, attachment+"\x01\x02\x03", attachment+"\x04\x05\x06")
			c.hears("462-"+head+`789[`+two+`]`, attachment+"\x01\x02\x03", attachment+"\x04\x05\x06")
		}
	}
}

func TestNamespacesAreLeftOneByOne(t *testing.T) {
	address := open(t, engineio.Config{PingInterval: 300 * time.Millisecond, PingTimeout: 10 * time.Second})
	enter(t, address, "").says("41")
	c := enter(t, address, "")
	c.says("41")
	c.hears("2") // the connection stands
	c = enter(t, open(t, calm), "")
	c.says("40/custom")
	c.hearsFrom("40/custom,{")
	c.hears(`42/custom,["auth",{}]`)
	c.says("41/custom", `42["message","message to main namespace"]`)
	c.hears(`42["message-back","message to main namespace"]`)
	c.says(`42/custom,["message","to whom?"]`)
	c.isClosed()
}

func TestMalformedPacketsCloseTheConnection(t *testing.T) {
	address := open(t, calm)
	for _, bad := range []string{
		"4abc", "42{}", `42abc["message-with-ack",1]`, "42", "42[]", "42[1]", `42["a"`, "47", "44", "45", "4", "43[]", "b\x01", "41{}",
		"40", `40/custom,[]`, `40/custom,"x"`, `42["connect"]`, "4299999999999999999999[]",
	} {
		c := enter(t, address, "")
		c.says(bad)
		c.isClosed()
	}
	c := enter(t, address, "")
	c.says(`451-["message",{"_placeholder":true,"num":0}]`, `42["message"]`) // text where an attachment was due
	c.isClosed()
	c = dial(t, address, "/socket.io/?EIO=4&transport=websocket")
	c.hearsFrom("0")
	c.says("4abc")
	c.isClosed()
}

// What is refused of old clients has the shape of their time.
func TestOldClientsAreRefused(t *testing.T) {
	address := open(t, calm)
	c := dial(t, address, "/socket.io/?EIO=3&transport=websocket")
	c.hearsFrom("0")
	c.hears("40", `42["auth",{}]`)
	c.says("40/random,", "40/custom?token=abc&x=%20,", "40")
	c.hears(`44/random,"Invalid namespace"`, "40/custom,", `42/custom,["auth",{"token":"abc","x":" "}]`)
	c.says("40/custom")
	c.isClosed()
}

func TestTransportEchoes(t *testing.T) {
	address := open(t, engineio.Config{Protocol: 4})
	c := dial(t, address, "/engine.io/?EIO=4&transport=websocket")
	c.hearsFrom("0")
	c.says("4hello", "b\x01\x02")
	c.hears("4hello", "b\x01\x02")
	if _, _, _, err := ws.Dial(t.Context(), "ws://"+address+"/engine.io/?EIO=3&transport=websocket"); err == nil {
		t.Error("another protocol was let in")
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-eio", "5"}, {"-eio", "x"}, {"-what"}, {"more"}, {"-ping-interval", "fast"}} {
		if code := run(t.Context(), args, io.Discard, io.Discard); code != 2 {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
	if code := run(t.Context(), []string{"-addr", "nowhere:x"}, io.Discard, io.Discard); code != 1 {
		t.Errorf("exit code %d where nothing can listen", code)
	}
	ctx, stop := context.WithCancel(t.Context())
	lines, printed := io.Pipe()
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-eio", "3"}, printed, io.Discard) }()
	line, err := bufio.NewReader(lines).ReadString('\n')
	if !strings.HasPrefix(line, "listening on http://127.0.0.1:") || err != nil {
		t.Errorf("said %q, %v", line, err)
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}
