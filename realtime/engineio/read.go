package engineio

import (
	"errors"
	"net"

	"github.com/gobwas/ws"
)

// This file is the reading of a Conn from its WebSocket.

// startReading has the session's WebSocket read until it ends; Shutdown waits for that. The socket has been its maker's.
func (c *Conn) startReading() {
	c.server.hold()
	sock := c.ws
	sock.watched = c.server.netpoll.enroll(c)
	if sock.watched != 0 && sock.from == sock.to && c.park(sock) == errParked {
		return
	}
	go c.readWebSocket(sock)
}

// readWebSocket hears the socket until it is parked or ends. The caller owns the turn.
func (c *Conn) readWebSocket(sock *webSocket) {
	err := c.readMessages(sock)
	if err == errParked {
		return
	}
	var end *closing
	if !errors.As(err, &end) {
		end = closeLost()
	}
	c.close(end)
	sock.turn.end() // it is read from here on
	if sock.watched != 0 {
		c.server.netpoll.forget(sock.watched)
	}
	sock.linger()
	c.server.end()
}

// resume hears a parked socket that has something to read. The caller was given the turn.
func (c *Conn) resume(sock *webSocket) {
	sock.countWake(c.server.wheel.clock.Load())
	c.readWebSocket(sock)
}

// errParked says that the socket is nobody's now.
var errParked = errors.New("nothing to read")

// park gives a silent socket to the poller and returns errParked: then the caller must not touch it any more. Another
// error says that the socket is ending; nil that the poller does not take it, and the caller has to wait for it.
func (c *Conn) park(sock *webSocket) error {
	id, raw, first := sock.watched, sock.raw, !sock.armed
	sock.armed = true
	sock.release()
	if !sock.turn.park() {
		return net.ErrClosed
	}
	if c.server.netpoll.arm(raw, id, first) == nil || !sock.turn.wake() {
		return errParked
	}
	c.server.netpoll.forget(id)
	sock.watched = 0
	return nil
}

// readToEnd is for a socket that has been cut, or is about to be shut: if it is parked it has to be read on all the same,
// for that is what notices its end.
func (c *Conn) readToEnd() {
	if c.ws.turn.end() {
		go c.readWebSocket(c.ws)
	}
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
			if sock.watched == 0 {
				err = sock.fill()
			} else if err = sock.look(); err == errSilent {
				err = c.park(sock)
			}
			if err != nil {
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
