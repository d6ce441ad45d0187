package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/parley-chat/parley/realtime/engineio"
)

// This file is what Socket.IO protocols 3 and 4 do otherwise, which clients 1.x and 2.x speak over Engine.IO 3. Nothing
// in a packet tells the two apart, and nothing has to.

// old tells whether the client speaks one of them.
func (c *client) old() bool { return c.conn.Protocol() == 3 }

// joinMain joins the main namespace without being asked, as such clients expect (protocol 4, section "Connection to a
// namespace"). Its socket may send as soon as it hears of it.
func (c *client) joinMain() {
	if err := c.handle(packet{kind: typeConnect, namespace: "/", id: NoAck}, nil); err != nil {
		c.conn.Close(err.Error())
	}
}

// socketID returns the id of a new socket. A client of old does not hear it but makes it from the session's.
func (c *client) socketID(namespace string) string {
	switch {
	case !c.old():
		return newID()
	case namespace == "/":
		return c.conn.ID()
	}
	return namespace + "#" + c.conn.ID()
}

// welcome is the packet that says that a namespace is joined.
func (c *client) welcome(s *Socket) *engineio.Frame {
	if c.old() {
		return controlFrame(typeConnect, s.namespace, nil)
	}
	return controlFrame(typeConnect, s.namespace, []byte(`{"sid":"`+s.id+`"}`))
}

// refusalPayload is what stands in CONNECT_ERROR, or in ERROR as the same packet was called. There the Node server sent
// the data alone, or without data the message; the Java client 1.0 throws away what is not a string, so all hear a
// string: the data if it is one, else the message.
func (c *client) refusalPayload(refusal *ConnectError) []byte {
	var payload any = refusal
	if c.old() {
		payload = refusal.Message
		if text, ok := refusal.Data.(string); ok {
			payload = text
		}
	}
	out, err := json.Marshal(payload)
	if err != nil { // the data has no JSON: the refusal still arrives
		out, _ = json.Marshal(refusal.Message)
	}
	return out
}

// queryAuth makes an auth object of the query behind a namespace, which is all that old clients can bring for it.
func queryAuth(query []byte) ([]byte, error) {
	values, err := url.ParseQuery(string(query))
	if err != nil {
		return nil, errNamespace
	}
	auth := make(map[string]string, len(values))
	for name := range values {
		auth[name] = values.Get(name)
	}
	return json.Marshal(auth)
}

// appendASCII appends a packet with the text in its JSON escaped. Its head is left as it is.
func appendASCII(dst, packet []byte) []byte {
	head := bytes.IndexAny(packet, `[{"`)
	if head < 0 {
		head = len(packet)
	}
	dst = append(dst, packet[:head]...)
	for _, r := range string(packet[head:]) {
		switch {
		case r < utf8.RuneSelf:
			dst = append(dst, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
	}
	return dst
}
