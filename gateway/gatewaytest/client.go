// Package gatewaytest is a client of UsChat for tests: it speaks the frames of package gateway, and checks what it hears.
package gatewaytest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// patience is how long a client waits for what must come.
const patience = 30 * time.Second

// maxBody is the contract's bound of a body.
const maxBody = 16 << 10

// Object is a body.
type Object = map[string]any

// Client is one connection. What it is told ends its test when it is not what must come.
type Client struct {
	T    testing.TB
	Conn net.Conn
}

// Dial connects. The connection is closed when the test ends.
func Dial(t testing.TB, address string) *Client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &Client{t, conn}
}

// Login proves whose connection it is, and returns the answer.
func (c *Client) Login(uid uint64, token string) Object {
	c.T.Helper()
	return c.Ask(1005, Object{"uid": uid, "token": token}, 1006)
}

// Frame is a frame as it is on the wire; its length is what size says.
func Frame(id, size uint16, body string) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	return append(binary.BigEndian.AppendUint16(b, size), body...)
}

// Marshal is a frame with this body.
func Marshal(t testing.TB, id uint16, body any) []byte {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return Frame(id, uint16(len(b)), string(b))
}

// Send sends a frame.
func (c *Client) Send(id uint16, body any) {
	c.T.Helper()
	c.Raw(Marshal(c.T, id, body))
}

// Raw sends bytes as they are.
func (c *Client) Raw(b []byte) {
	c.T.Helper()
	if _, err := c.Conn.Write(b); err != nil {
		c.T.Fatal(err)
	}
}

// Ask sends a request, and returns its answer, which is the next frame and says that all is well.
func (c *Client) Ask(id uint16, body any, reply uint16) Object {
	c.T.Helper()
	c.Send(id, body)
	o := c.Hears(reply)
	if o["error"] != 0.0 {
		c.T.Fatalf("%d: %v", reply, o)
	}
	return o
}

// Refused sends a request, and checks that the next frame is the answer with this error, which says why.
func (c *Client) Refused(id uint16, body any, reply uint16, want float64) {
	c.T.Helper()
	c.Send(id, body)
	if o := c.Hears(reply); o["error"] != want || o["message"] == nil {
		c.T.Fatalf("%d: got %v, want error %v", reply, o, want)
	}
}

// Hears returns the body of the next frame, which has this id.
func (c *Client) Hears(want uint16) Object {
	c.T.Helper()
	id, o, err := c.Next()
	if err != nil {
		c.T.Fatalf("waiting for %d: %v", want, err)
	}
	if id != want {
		c.T.Fatalf("heard %d %v, want %d", id, o, want)
	}
	return o
}

// Next returns the next frame.
func (c *Client) Next() (id uint16, o Object, err error) {
	c.T.Helper()
	c.Conn.SetReadDeadline(time.Now().Add(patience))
	var head [4]byte
	if _, err := io.ReadFull(c.Conn, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(binary.BigEndian.Uint16(head[2:]))
	if size > maxBody {
		c.T.Fatalf("a body of %d bytes", size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(c.Conn, body); err != nil {
		return 0, nil, err
	}
	if err := json.Unmarshal(body, &o); err != nil {
		c.T.Fatalf("%s: %v", body, err)
	}
	return binary.BigEndian.Uint16(head[:]), o, nil
}

// Ends checks that the client is told why, and then that its connection is closed. It returns the notice.
func (c *Client) Ends(want float64) Object {
	c.T.Helper()
	o := c.Hears(1021)
	if o["error"] != want || o["reason"] == "" {
		c.T.Fatalf("notice %v, want error %v", o, want)
	}
	c.Closed()
	return o
}

// Closed checks that nothing more comes.
func (c *Client) Closed() {
	c.T.Helper()
	if id, o, err := c.Next(); !errors.Is(err, io.EOF) {
		c.T.Fatalf("heard %d %v, %v after the end", id, o, err)
	}
}

// Chats returns the members of a list in a body.
func Chats(o Object, name string) (all []Object) {
	list, _ := o[name].([]any)
	for _, one := range list {
		all = append(all, one.(Object))
	}
	return all
}
