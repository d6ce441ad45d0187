package engineio

import (
	"errors"
	"io"

	"github.com/gobwas/ws"
)

// This file is the reading of a Conn from its WebSocket.

// readWebSocket hears the socket until it ends.
func (c *Conn) readWebSocket(sock *webSocket) {
	err := c.readMessages(sock)
	var broken *endOf
	switch {
	case errors.As(err, &broken):
		c.close(&closing{reason: broken.reason, code: broken.code, packet: packetClose})
	case errors.Is(err, io.EOF):
		c.close(closeByPeer())
	default:
		c.close(closeTransport("connection lost"))
	}
	sock.linger()
}

func (c *Conn) readMessages(sock *webSocket) error {
	for {
		op, data, ok, err := sock.take()
		switch {
		case err != nil:
			return err
		case !ok:
			// Answers to all that came in one read go out in one write.
			c.Flush()
			if err := sock.fill(); err != nil {
				return err
			}
			continue
		case op == ws.OpPing: // of the WebSocket layer, from a proxy
			pong := append(make([]byte, maxHeader, maxHeader+len(data)), data...)
			c.Enqueue(newFrame(pong, ws.OpPong))
			continue
		}
		p := packet{kind: packetMessage, binary: true, data: data}
		if op == ws.OpText {
			if p, err = decodeText(data); err != nil {
				return &endOf{ws.StatusProtocolError, err.Error()}
			}
		}
		if end := c.receive(p); end != nil {
			c.close(end)
			return io.EOF
		}
	}
}
