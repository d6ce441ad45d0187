package engineio

import (
	"encoding/binary"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
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
// was queued.
//
// WebSocket: a ping of the WebSocket layer (RFC 6455, section 5.5.2), which the client's WebSocket answers by itself when
// it has read what came before. It goes through proxies, whose kernels acknowledge bytes that a client never sees. A
// client that leaves it unanswered, against the RFC, is proven nothing: it hears things again when it comes back. A proxy
// that ends WebSockets itself, instead of passing their bytes on, answers in the client's place.
//
// Polling: the client asks again when it has the answer, so its next request proves the answer before. Bytes are counted:
// those on the account when Ping was called must have left, and must have arrived.

// mark3 is Ping for protocol 3.
func (c *Conn) mark3(now int64) {
	c.pings++
	c.pingedAt = now
	c.old.mark = c.old.out + int64(c.queued)
	switch {
	case c.ws != nil:
		c.enqueue(socketPing(c.pings))
	case c.proven():
		c.armBefore(now)
	}
}

// socketPing makes a ping of the WebSocket layer that names a Ping.
func socketPing(index uint32) *Frame {
	return newFrame(binary.BigEndian.AppendUint32(make([]byte, maxHeader, maxHeader+4), index), ws.OpPing)
}

// socketPonged hears a pong of the WebSocket layer, which may be one that nobody asked for.
func (c *Conn) socketPonged(data []byte) {
	c.mu.Lock()
	index := c.pings
	if c.old == nil || index == c.pongs || len(data) != 4 || binary.BigEndian.Uint32(data) != index {
		c.mu.Unlock()
		return
	}
	c.pongs = index
	c.mu.Unlock()
	c.proved(index)
}

// confirm notes that all that has left by polls has arrived, for a poll or an upgrade packet says so.
func (c *Conn) confirm() {
	if c.old == nil {
		return
	}
	c.old.arrived = c.old.out
	if c.pings != c.pongs && c.proven() {
		c.armBefore(c.server.wheel.now())
	}
}

// proven tells whether all that was queued before the last Ping has arrived by polls.
func (c *Conn) proven() bool { return c.old.arrived >= c.old.mark }

// tick3 is what tick does for protocol 3; an index other than 0 is for Handler.Pong.
func (c *Conn) tick3(now int64) (index uint32) {
	c.armBefore(c.deadline())
	switch {
	case c.pings == c.pongs || !c.proven():
		return 0
	case c.handler == nil: // Config.Open still runs
		c.armBefore(now + int64(proofWait))
		return 0
	}
	c.pongs = c.pings
	return c.pongs
}

// proofWait is the time to the next look when proof comes too early.
const proofWait = 50 * time.Millisecond

// proved tells the handler, in turn with the packets.
func (c *Conn) proved(index uint32) {
	c.in.Lock()
	defer c.in.Unlock()
	if !c.isClosed() {
		c.handler.Pong(index)
	}
}
