package engineio

import (
	"net/url"
	"sync/atomic"
	"time"
)

// protocol3 is what a Conn has beside the rest when its client speaks Engine.IO protocol 3 (Socket.IO 1.x and 2.x).
type protocol3 struct {
	textual bool   // its polls take no bytes, but base64
	jsonp   string // digits: polls are answered by scripts with this index; "" for none

	once     bool         // the client sends text that was not encoded twice; touched by one post at a time
	pingedAt atomic.Int64 // when the client last pinged, on the wheel's clock

	// Guarded by Conn.mu.
	base64       bool  // its transport takes no bytes
	socketBase64 bool  // nor does the WebSocket that is on its way
	out          int64 // bytes that have left Conn.queued
	mark         int64 // out, when all that was queued before the last Ping has left
	arrived      int64 // out, as far as a request of the client has proved it
}

// newProtocol3 returns what the query of a handshake says; ok is false when it says nonsense.
func newProtocol3(query url.Values, now int64) (p *protocol3, ok bool) {
	p = &protocol3{textual: query.Get("b64") != ""}
	if query.Has("j") {
		if !isIndex(query.Get("j")) {
			return nil, false
		}
		p.jsonp, p.textual = query.Get("j"), true
	}
	p.base64 = p.textual
	p.pingedAt.Store(now)
	return p, true
}

// Protocol returns the generation of Engine.IO that the client speaks: 3 or 4.
func (c *Conn) Protocol() int {
	if c.old != nil {
		return 3
	}
	return 4
}

// forms returns the frames in the form that protocol 3 gives them: only binary looks different.
func (p *protocol3) forms(frames []*Frame) []*Frame {
	for i, f := range frames {
		if !f.binary {
			continue
		}
		changed := append([]*Frame(nil), frames...)
		for ; i < len(changed); i++ {
			if changed[i].binary {
				changed[i] = changed[i].old(p.base64)
			}
		}
		return changed
	}
	return frames
}

// deadline is when a client that does not ping any more is given up (protocol 3, section "Timeouts").
func (c *Conn) deadline() int64 {
	return c.old.pingedAt.Load() + int64(c.server.cfg.PingInterval+c.server.cfg.PingTimeout)
}

// The server cannot ping a client of protocol 3, so Conn.Ping looks for other proof that the client has received what
// was queued. It counts bytes: those on the account when Ping was called must have left, and must have arrived.
//
// Polling: the client asks again when it has the answer, so its next request proves the answer before. A request that
// a browser or proxy repeats by itself, after an answer was lost on the way without an error here, would prove too much.
//
// WebSocket: the peer's TCP has acknowledged the bytes, see unacknowledged. A client that dies with bytes unread in its
// kernel has been proven more than it has seen.

// proofWait is the least time from a Ping to a look for the proof. Each look in vain doubles it.
const proofWait = 50 * time.Millisecond

// mark3 is Ping for protocol 3.
func (c *Conn) mark3(now int64) {
	c.pings++
	c.pingedAt = now
	c.old.mark = c.old.out + int64(c.queued)
	c.armBefore(now + int64(proofWait))
}

// confirm notes that all that has left has arrived, for a poll or an upgrade packet says so.
func (c *Conn) confirm() {
	if c.old == nil {
		return
	}
	c.old.arrived = c.old.out
	if c.pings != c.pongs && c.old.arrived >= c.old.mark {
		c.armBefore(c.server.wheel.now())
	}
}

// proven tells whether all that was queued before the last Ping has arrived.
func (c *Conn) proven() bool {
	switch {
	case c.old.arrived >= c.old.mark:
		return true
	case c.ws == nil || c.old.out < c.old.mark:
		return false
	}
	n, ok := c.ws.unacknowledged()
	return ok && c.old.out-int64(n) >= c.old.mark
}

// tick3 is what tick does for protocol 3; an index other than 0 is for Handler.Pong.
func (c *Conn) tick3(now int64) (index uint32) {
	c.armBefore(c.deadline())
	switch {
	case c.pings == c.pongs:
		return 0
	case c.handler == nil || !c.proven():
		c.armBefore(now + max(int64(proofWait), now-c.pingedAt))
		return 0
	}
	c.pongs++
	return c.pongs
}

// proved tells the handler, in turn with the packets.
func (c *Conn) proved(index uint32) {
	c.in.Lock()
	defer c.in.Unlock()
	if !c.isClosed() {
		c.handler.Pong(index)
	}
}
