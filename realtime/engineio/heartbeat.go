package engineio

import "time"

// This file is a Conn's time: the heartbeat, the proof of receipt that it gives, and an end that was set beforehand.
// The server pings (protocol 4, section "Heartbeat"); at most one ping is on its way. In protocol 3 the client pings,
// see protocol3.

// Ping queues a ping behind everything queued so far, unless the last one is younger than gap or is not answered yet.
// Handler.Pong with the returned index, or a higher one, proves that the peer has received all of it. When ok is
// false, Handler.Tick or Handler.Pong says when to try again. In protocol 3, where clients are not pinged, the proof is
// the next poll, or what the kernel says of a WebSocket.
func (c *Conn) Ping(gap time.Duration) (index uint32, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.pings != c.pongs {
		return 0, false
	}
	// The wheel's clock is up to one tick late and costs nothing to read: it is enough for who has been told to wait.
	due := c.pingedAt + int64(gap)
	if c.wantTick && c.server.wheel.clock.Load() < due {
		return 0, false
	}
	now := c.server.wheel.now()
	if now < due {
		c.wantTick = true
		c.armBefore(due)
		return 0, false
	}
	if c.old != nil {
		c.mark3(now)
	} else {
		c.sendPing(now)
	}
	return c.pings, true
}

// sendPing queues a ping that counts as sent at a time on the wheel's clock.
func (c *Conn) sendPing(at int64) (flush bool) {
	c.pings++
	c.pingedAt = at
	c.armBefore(at + int64(c.server.cfg.PingTimeout))
	return c.enqueue(c.server.ping)
}

// pinged hears a ping. A client of protocol 4 has none to send, and gets no answer.
func (c *Conn) pinged(data []byte) {
	if c.old == nil {
		return
	}
	c.old.pingedAt.Store(c.server.wheel.now())
	if len(data) == 0 {
		c.Enqueue(c.server.pong)
	} else {
		c.Enqueue(textPacket(packetPong, string(data)))
	}
}

// ponged hears a pong.
func (c *Conn) ponged() {
	c.mu.Lock()
	if c.pongs == c.pings || c.old != nil { // nobody asked
		c.mu.Unlock()
		return
	}
	c.pongs++
	index := c.pongs
	c.armBefore(c.pingedAt + int64(c.server.cfg.PingInterval))
	c.mu.Unlock()
	c.handler.Pong(index)
}

// CloseAfter closes the connection when wait is over, unless another call moves that moment. A wait of 0 means never.
func (c *Conn) CloseAfter(wait time.Duration, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
	case wait == 0:
		c.closeAt = 0
	default:
		c.closeAt, c.closeFor = c.server.wheel.now()+int64(wait), reason
		c.armBefore(c.closeAt)
	}
}

// armBefore makes sure that tick runs at due or earlier.
func (c *Conn) armBefore(due int64) {
	if !c.closed {
		c.server.wheel.armBefore(&c.timer, due)
	}
}

// tick does what the time asks for. The wheel calls it when the timer is due and has taken it out.
func (c *Conn) tick(now int64) {
	if c.expired() {
		return
	}
	c.mu.Lock()
	if c.closeAt > 0 && now >= c.closeAt {
		reason := c.closeFor
		if c.closed && c.ws == nil { // nobody fetched the last words
			c.forget()
		}
		c.mu.Unlock()
		c.Close(reason)
		return
	}
	if c.closed {
		c.mu.Unlock()
		return
	}
	handler, wanted, flush, proof := c.handler, c.wantTick, false, uint32(0)
	c.wantTick = false
	if next := c.pingedAt + int64(c.server.cfg.PingInterval); c.old != nil {
		proof = c.tick3(now)
	} else if c.pings != c.pongs {
		c.armBefore(c.pingedAt + int64(c.server.cfg.PingTimeout))
	} else if now >= next {
		// Counted from when it was due, so that the session ends when the client reckons it to; but a machine that is
		// late does not cost the client more than half of its time.
		flush = c.sendPing(max(next, now-int64(c.server.cfg.PingTimeout/2)))
	} else {
		c.armBefore(next)
	}
	if c.closeAt > 0 {
		c.armBefore(c.closeAt)
	}
	c.mu.Unlock()
	if flush {
		c.Flush()
	}
	if proof > 0 {
		c.server.run(func() { c.proved(proof) })
	}
	if wanted && handler != nil {
		handler.Tick()
	}
}

// expired closes a connection whose pong, or whose ping, is overdue, and tells so. Requests ask too: a timer may be a tick late.
func (c *Conn) expired() bool {
	c.mu.Lock()
	now := c.server.wheel.now()
	late := c.pings != c.pongs && now >= c.pingedAt+int64(c.server.cfg.PingTimeout)
	if c.old != nil {
		late = now >= c.deadline()
	}
	late = late && !c.closed
	c.mu.Unlock()
	if late {
		c.close(closePingTimeout())
	}
	return late
}
