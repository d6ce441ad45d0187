package socketio

import (
	"net/http"
	"sync"

	"github.com/parley-chat/parley/realtime/engineio"
)

// Extension takes all namespaces that are not in Config.Namespaces. A connection that never asks for one costs it
// nothing but what Remember keeps.
type Extension interface {
	// Remember returns what to keep of a connection's first request, for Open; nil for nothing. The request itself must
	// not be kept.
	Remember(r *http.Request) any
	// Open is called when a client asks for such a namespace for the first time.
	Open(conn *engineio.Conn, remembered any) PacketHandler
}

// PacketHandler hears the packets of one connection for the namespaces of an Extension.
type PacketHandler interface {
	// Packet is one packet, checked and whole. It comes one at a time and in order, on the goroutine that reads the
	// connection: while it waits, the connection is not read. An error closes the connection.
	Packet(p *Packet) error
	// Closed is the last call; it comes once, and may come beside Packet.
	Closed(reason string)
}

// Kind is what a Packet says.
type Kind byte

// The kinds of packets that clients send. Whether an event or ack has attachments does not make it another kind.
const (
	Connect Kind = iota
	Disconnect
	EventPacket
	AckPacket
)

// Packet is one packet from a client. Nothing of it but Namespace, Name and Attachments is valid after the call.
type Packet struct {
	Kind        Kind
	Namespace   string
	ID          int64    // of the ack; negative for an event that asks for none
	Auth        []byte   // of Connect: a JSON object, or nil
	Name        string   // of EventPacket
	Args        [][]byte // of EventPacket, without the name, and AckPacket: each a valid JSON value
	Attachments [][]byte
}

// extended is a connection's part in the extension.
type extended struct {
	remembered any

	mu      sync.Mutex // guards what follows
	handler PacketHandler
	closed  bool
}

// extend hands a packet to the extension.
func (c *client) extend(p packet, attachments [][]byte) (err error) {
	out := &Packet{Namespace: p.namespace, ID: p.id, Attachments: attachments}
	switch p.kind {
	case typeConnect:
		out.Auth, err = c.authOf(p)
	case typeDisconnect:
		out.Kind = Disconnect
		if len(p.data) > 0 {
			err = errPayload
		}
	default:
		if out.Kind = EventPacket; p.kind == typeAck || p.kind == typeBinaryAck {
			out.Kind = AckPacket
		}
		out.Name, out.Args, err = arguments(p, make([][]byte, 0, 8))
	}
	if err != nil {
		return err
	}
	handler := c.extended.open(c, out.Kind == Connect)
	if handler == nil {
		return errNotConnected
	}
	return handler.Packet(out)
}

// open returns the handler, and makes it when it has to be; nil when there is none, or the connection is closed.
func (x *extended) open(c *client, connect bool) PacketHandler {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.handler == nil && connect && !x.closed {
		x.handler = c.server.cfg.Extension.Open(c.conn, x.remembered)
		x.remembered = nil
	}
	return x.handler
}

func (x *extended) close(reason string) {
	x.mu.Lock()
	x.closed = true
	handler := x.handler
	x.mu.Unlock()
	if handler != nil {
		handler.Closed(reason)
	}
}
