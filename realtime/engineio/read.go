package engineio

import (
	"errors"

	"github.com/gobwas/ws"
)

// This file is the reading of a Conn from its WebSocket.

// readWebSocket hears the socket until it ends.
func (c *Conn) readWebSocket(sock *webSocket) {
	var end *closing
	if err := c.readMessages(sock); !errors.As(err, &end) {
		end = closeLost()
	}
	c.close(end)
	sock.linger()
}

func (c *Conn) readMessages(sock *webSocket) error {
	defer c.FlushNow()
	for {
		op, data, ok, err := sock.take()
		switch {
		case err != nil:
			return err
		case !ok:
			// Answers to all that came in one read go out in one write.
			c.Flush()
			c.FlushNow()
			if err := sock.fill(); err != nil {
				return err
			}
			continue
		case op == ws.OpPing: // of the WebSocket layer, from a proxy
			c.Enqueue(pong(data))
			continue
		case op == ws.OpPong:
			c.socketPonged(data)
			continue
		}
		p, err := c.decode(data, op == ws.OpBinary)
		if err != nil {
			return closeProtocol(err.Error())
		}
		if end := c.receive(p); end != nil {
			return end
		}
	}
}

// decode decodes the packet in a message.
func (c *Conn) decode(data []byte, binary bool) (packet, error) {
	switch {
	case !binary && c.old != nil:
		return decodeText3(data)
	case !binary:
		return decodeText(data)
	case c.old != nil:
		return decodeBinary3(data)
	}
	return packet{kind: packetMessage, binary: true, data: data}, nil
}

// pong answers a ping of the WebSocket layer (RFC 6455, section 5.5.3).
func pong(data []byte) *Frame {
	return newFrame(append(make([]byte, maxHeader, maxHeader+len(data)), data...), ws.OpPong)
}
