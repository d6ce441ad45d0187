package engineio

import (
	"time"

	"github.com/gobwas/ws"
)

// This file is the end of a Conn.

// closing is why and how a connection ends. It is the error of whatever makes it end.
type closing struct {
	reason string
	code   ws.StatusCode
	drop   bool // what is queued is dropped
	packet byte // what a poll hears: a close, or a noop when the client itself closed or shall come back
	silent bool // a WebSocket ends without a close frame
	lost   bool // a WebSocket says no more, and most likely hears no more
}

func (e *closing) Error() string { return e.reason }

func closeProtocol(reason string) *closing {
	return &closing{reason: reason, code: ws.StatusProtocolError, packet: packetClose}
}
func closeByPeer() *closing {
	return &closing{reason: "closed by the client", code: ws.StatusNormalClosure, drop: true, packet: packetNoop}
}
func closeTransport(reason string) *closing {
	return &closing{reason: reason, code: ws.StatusAbnormalClosure, drop: true, packet: packetClose}
}

// closeLost is for a WebSocket whose peer has hung up without a close frame, or that broke. It ends likewise, as Node's
// does: a close frame to who is gone only brings back a reset.
func closeLost() *closing {
	return &closing{reason: "connection lost", code: ws.StatusAbnormalClosure, drop: true, packet: packetClose, lost: true}
}
func closePingTimeout() *closing {
	return &closing{reason: "ping timeout", code: ws.StatusPolicyViolation, drop: true, packet: packetClose}
}
func closeOverflow() *closing {
	// A poll hears a noop: some clients take a close for the end, and this one shall come back.
	return &closing{reason: "too much waits to be sent: read faster", code: ws.StatusPolicyViolation, drop: true, packet: packetNoop}
}

// closeGoingAway is for clients that shall come back at once. To them it looks like a connection lost: python-socketio
// and rust_socketio take a close packet for the end, and the Java client does not notice a close frame (it handles
// OkHttp's onClosed but not onClosing) before its ping times out.
func closeGoingAway(reason string) *closing {
	return &closing{reason: reason, packet: packetNoop, silent: true}
}

// How long a peer has to take the last words: from a WebSocket, and by the next poll.
const (
	lastWords = 5 * time.Second
	lastPoll  = lastWords / 2
)

// Close sends what is queued and ends the session; the peer sees the reason.
func (c *Conn) Close(reason string) {
	c.close(&closing{reason: reason, code: ws.StatusNormalClosure, packet: packetClose})
}

func (c *Conn) close(end *closing) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed, c.reason = true, end.reason
	c.server.wheel.stop(&c.timer)
	if end.drop {
		for i := range c.queue.len() {
			c.queued -= len(c.queue.at(i).wire)
		}
		c.queue = queue{}
	}
	c.wake()
	if c.probe != nil {
		c.probe.conn.Close()
	}
	write := false
	switch {
	case c.ws != nil && end.lost && !c.writing: // who reads slowly may still be taking what was said
		c.ws.conn.Close()
		c.readToEnd()
		c.server.remove(c)
	case c.ws != nil:
		c.last = &Frame{wire: []byte{}}
		if !end.silent {
			c.last = closeFrame(end.code, end.reason)
		}
		c.ws.conn.SetWriteDeadline(time.Now().Add(lastWords))
		c.server.remove(c)
		write, c.writing = !c.writing, true
	default:
		c.endPolling(end)
	}
	handler := c.handler
	c.mu.Unlock()
	if write {
		c.write()
	}
	if handler != nil {
		c.server.run(func() { c.over(handler, end.reason) })
	}
}

// endPolling says the last words to the poll that waits. Those that do not fit there, or are in the queue, or answer a
// goodbye that came before the poll sent along with it, wait a while for the next poll.
func (c *Conn) endPolling(end *closing) {
	c.last = textPacket(end.packet, "")
	switch {
	case c.poll != nil:
		c.poll.answer <- c.takePayload()
		c.poll = nil
	case c.queue.len() == 0 && (!end.drop || end.packet != packetNoop):
		c.forget()
	}
	if c.last != nil {
		c.closeAt = c.server.wheel.now() + int64(lastPoll)
		c.server.wheel.armBefore(&c.timer, c.closeAt)
	}
}

// forget takes a closed connection out of all that knows it.
func (c *Conn) forget() {
	c.last = nil
	c.server.wheel.stop(&c.timer)
	c.server.remove(c)
}

// abandon cuts a closed connection that does not end by itself.
func (c *Conn) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ws != nil {
		c.ws.conn.Close()
		c.readToEnd()
	} else {
		c.forget()
	}
}
