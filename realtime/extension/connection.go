package extension

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/zishang520/socket.io-go-parser/v2/parser"
	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/socketio"
)

// Packet types, Socket.IO protocol 5, section "Packet encoding".
const (
	typeConnect      = '0'
	typeDisconnect   = '1'
	typeConnectError = '4'
	typeBinaryEvent  = '5'
	typeBinaryAck    = '6'
)

// maxMembers bounds how many namespaces one connection may be in.
const maxMembers = 64

// lastJobs is how long the handlers of a connection that has ended may work on what came before its end, until they
// are told of it.
const lastJobs = 5 * time.Second

var (
	errNotJoined = errors.New("packet for a namespace that is not joined")
	errJoined    = errors.New("namespace joined already")
	errMany      = errors.New("too many namespaces on one connection")
	errName      = errors.New("bad namespace")
)

// connection is one client as far as it is the library's. It implements socketio.PacketHandler.
type connection struct {
	server *Server
	conn   *engineio.Conn
	wire   *wire
	client *socket.Client
	closed chan struct{} // closed when the connection is

	mu      sync.Mutex // guards what follows
	members map[string]*member
	reason  string // why it is closed
	over    bool   // the library knows
}

func (c *connection) member(namespace string) *member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.members[namespace]
}

// Packet implements socketio.PacketHandler.
func (c *connection) Packet(p *socketio.Packet) error {
	m := c.member(p.Namespace)
	if p.Kind == socketio.Connect {
		return c.join(m, p)
	}
	if m == nil {
		return errNotJoined
	}
	switch p.Kind {
	case socketio.Disconnect:
		m.leaving.Store(true)
		m.events.push(0, func() { m.leave("client namespace disconnect") })
	case socketio.EventPacket:
		args, err := decode(p, p.Name)
		if err != nil {
			return err
		}
		c.server.heard.Add(1)
		id := p.ID
		m.events.push(size(p), func() { m.event(args, id) })
	case socketio.AckPacket:
		args, err := decode(p)
		if err != nil {
			return err
		}
		id := uint64(p.ID)
		m.acks.push(size(p), func() { m.ack(id, args) })
	}
	return nil
}

// join makes the client a member. One that has left the namespace a moment ago waits until that is done.
func (c *connection) join(former *member, p *socketio.Packet) error {
	auth, err := decodeAuth(p.Auth)
	if err != nil {
		return err
	}
	// For clients of old the library takes the name for a URL, and would let "/%61" in as "/a".
	if u, err := url.Parse(p.Namespace); c.wire.Protocol() == 3 && (err != nil || u.Path != p.Namespace) {
		return errName
	}
	if former != nil {
		if !former.leaving.Load() && !former.told.Load() {
			return errJoined
		}
		select {
		case <-former.over:
		case <-c.closed:
			return nil
		}
	}
	m := newMember(c, p.Namespace, auth)
	c.mu.Lock()
	full := len(c.members) >= maxMembers && c.members[p.Namespace] == nil
	if !full {
		c.members[p.Namespace] = m
	}
	c.mu.Unlock()
	if full {
		return errMany
	}
	m.events.push(len(p.Auth), m.join)
	return nil
}

// forget takes a member out.
func (c *connection) forget(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.members[m.namespace] == m {
		delete(c.members, m.namespace)
	}
}

// sending sees a text on its way from the library; false when it is not to go out.
func (c *connection) sending(text []byte) bool {
	switch text[0] {
	case typeConnect, typeDisconnect, typeConnectError:
	default:
		return true
	}
	m := c.member(namespaceOf(text))
	switch {
	case text[0] == typeConnect && (m == nil || m.sock.Load() == nil):
		// The namespace was made while this client asked for it: nothing of ours stands around its socket.
		go c.conn.Close("the namespace was not ready: connect again")
		return false
	case m == nil:
	case text[0] == typeDisconnect:
		if m.leaving.Load() {
			return false // who left by himself is not sent away
		}
		m.told.Store(true)
	case text[0] == typeConnectError:
		m.refused()
	}
	return true
}

// namespaceOf returns the namespace of a text that the library encoded. It is never "/" here.
func namespaceOf(text []byte) string {
	for i, c := range text {
		if c == ',' {
			return string(text[1:i])
		}
	}
	return string(text[1:])
}

// connect asks the library for a namespace. It answers by itself: by CONNECT and the listeners, or by CONNECT_ERROR.
func (c *connection) connect(namespace string, auth any) {
	if _, known := c.server.known.Load(namespace); !known {
		// It may be made by this very call, as the child of a parent namespace: one at a time.
		select {
		case <-c.server.making:
			defer func() { c.server.making <- struct{}{} }()
		case <-c.closed:
			return
		}
	}
	answered := false
	protect(c.server.log, namespace+" middleware", func() {
		c.wire.Emit("data", &parser.Packet{Type: parser.CONNECT, Nsp: namespace, Data: auth})
		answered = true
	})
	if !answered {
		var why any = "internal error"
		if c.wire.Protocol() != 3 {
			why = map[string]any{"message": why}
		}
		c.write(&parser.Packet{Type: parser.CONNECT_ERROR, Nsp: namespace, Data: why})
	}
}

// write sends a packet as the library does.
func (c *connection) write(p *parser.Packet) {
	c.client.WriteToEngine(c.server.sockets.Encoder().Encode(p), &socket.WriteOptions{})
}

// Closed implements socketio.PacketHandler. What the client said before its end is still heard, then comes the end.
func (c *connection) Closed(reason string) {
	c.wire.SetReadyState(stateClosed)
	c.mu.Lock()
	c.reason = reason
	all := make([]*member, 0, len(c.members))
	for _, m := range c.members {
		all = append(all, m)
	}
	c.mu.Unlock()
	close(c.closed)
	patience, cancel := context.WithTimeout(context.Background(), lastJobs)
	defer cancel()
	for _, m := range all {
		m.events.close()
		m.acks.close()
	}
	for _, m := range all {
		m.events.wait(patience)
		m.acks.wait(patience)
	}
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	for _, m := range all {
		m.leave(standardReason(reason))
	}
	protect(c.server.log, "close", func() { c.wire.Emit("close", standardReason(reason), reason) })
	c.wire.Clear()
}

// standardReason is how Socket.IO servers call an end; what we call it is told beside it.
func standardReason(reason string) string {
	switch reason {
	case "ping timeout", "server shutting down":
		return reason
	case "closed by the client", "connection lost", "poll cancelled":
		return "transport close"
	case "closed by the server":
		return "forced server close"
	}
	return "transport error"
}
