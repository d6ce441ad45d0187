package engineio

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Conn is one session, whatever transport carries it.
type Conn struct {
	server *Server
	id     string
	leave  func()     // Config.Admit's; nil for none
	old    *protocol3 // nil when the client speaks protocol 4

	posted *lately[post] // touched by one post at a time

	in sync.Mutex // held while the handler hears a packet: a POST may still run while the WebSocket takes over

	mu      sync.Mutex // guards what follows; taken before the server's and the wheel's
	handler Handler    // nil while Config.Open runs; read without the lock where a packet has come
	closed  bool
	reason  string
	probe   *webSocket // it may take over
	probed  bool       // it has been probed: polls go home
	posting bool
	ws      *webSocket      // nil while polling
	poll    *poll           // the GET that waits, if any
	polled  *lately[string] // marks of polls, see markOf
	timer   timer

	late    *[]*Conn // to flush when what came in one read has been heard; nil for none
	queue   queue
	queued  int    // bytes in queue and on their way to the kernel
	doomed  bool   // over the bound, about to be closed
	writing bool   // someone writes to ws
	unsent  bool   // a flusher's next round is to flush it
	last    *Frame // written when the queue is empty; then the socket is shut
	waiters []waiter

	pings, pongs uint32 // so far; a pong is owed when they differ
	pingedAt     int64  // when the last ping was queued, on the wheel's clock
	wantTick     bool   // the handler waits for Tick

	closeAt  int64 // when to close, on the wheel's clock, or when closed to be forgotten; 0 for never
	closeFor string
}

func newConn(s *Server, id string) *Conn {
	c := &Conn{server: s, id: id, pingedAt: s.wheel.now()}
	c.timer.conn = c
	return c
}

// start makes the session known, lets the handler hear it and starts the heartbeat; unless the handler has closed it
// already, or the server is shutting down.
func (c *Conn) start(h Handler) {
	c.mu.Lock()
	c.handler = h
	ended, reason := c.closed, c.reason
	known := !ended && c.server.add(c)
	switch {
	case !known:
	case c.old != nil:
		c.armBefore(c.deadline())
	default:
		c.armBefore(c.pingedAt + int64(c.server.cfg.PingInterval))
	}
	c.mu.Unlock()
	switch {
	case ended:
		c.server.run(func() { c.over(h, reason) })
	case !known:
		c.close(closeGoingAway(shuttingDown))
	}
}

// over tells everyone that the session has ended.
func (c *Conn) over(h Handler, reason string) {
	if c.leave != nil {
		c.leave()
	}
	h.Closed(reason)
}

// ID returns the session id.
func (c *Conn) ID() string { return c.id }

// Transport returns "polling" or "websocket".
func (c *Conn) Transport() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ws == nil {
		return "polling"
	}
	return "websocket"
}

// Send queues frames, one behind the other with nothing between, and sends them with all that was queued before.
func (c *Conn) Send(frames ...*Frame) {
	c.Enqueue(frames...)
	c.Flush()
}

// Enqueue queues frames, one behind the other with nothing between. It returns true when the caller has to call Flush
// sooner or later: who sends much to many flushes each connection once at the end. Everyone who may have to is told,
// so that nobody's frames wait for somebody else who takes his time. When the queue is over its bound the connection
// closes.
func (c *Conn) Enqueue(frames ...*Frame) (flush bool) {
	c.mu.Lock()
	if c.old != nil {
		frames = c.old.forms(frames)
	}
	if c.packs(frames) {
		c.mu.Unlock() // it is too long a work for the timers to wait
		frames = c.server.packed(frames)
		c.mu.Lock()
	}
	defer c.mu.Unlock()
	return c.enqueue(frames...)
}

func (c *Conn) enqueue(frames ...*Frame) (flush bool) {
	if c.closed || c.doomed {
		return false
	}
	c.queue.push(frames...)
	for _, f := range frames {
		c.queued += len(f.wire)
	}
	if c.queued > c.server.cfg.MaxQueued || c.queue.len() > c.server.cfg.MaxQueuedCount {
		c.doomed = true
		c.server.run(func() { c.close(closeOverflow()) }) // the caller may hold locks
		return false
	}
	return !c.writing && (c.ws != nil || c.poll != nil) // a poll that comes later takes all by itself
}

// Queued returns how many bytes wait to be sent.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued
}

// WaitShort returns when at most most bytes wait to be sent; the error says that the connection or ctx ended first.
func (c *Conn) WaitShort(ctx context.Context, most int) error {
	c.mu.Lock()
	if c.closed || c.queued <= most {
		defer c.mu.Unlock()
		return c.ended()
	}
	w := waiter{most, make(chan struct{})}
	c.waiters = append(c.waiters, w)
	c.mu.Unlock()
	select {
	case <-w.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.ended()
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiters = slices.DeleteFunc(c.waiters, func(other waiter) bool { return other == w })
		return ctx.Err()
	}
}

// waiter is a WaitShort that waits.
type waiter struct {
	most int
	done chan struct{}
}

// wake lets those go on whose queue is short enough, or all when the connection is closed.
func (c *Conn) wake() {
	c.waiters = slices.DeleteFunc(c.waiters, func(w waiter) bool {
		over := c.closed || c.queued <= w.most
		if over {
			close(w.done)
		}
		return over
	})
}

// ended returns an error when the connection is closed.
func (c *Conn) ended() error {
	if c.closed {
		return errors.New("connection closed: " + c.reason)
	}
	return nil
}

// sent takes n bytes off the account of what waits.
func (c *Conn) sent(n int) {
	c.queued -= n
	if c.old != nil {
		c.old.out += int64(n)
	}
	if c.waiters != nil {
		c.wake()
	}
}

// receive handles a packet from either transport.
func (c *Conn) receive(p packet) *closing {
	c.in.Lock()
	defer c.in.Unlock()
	if c.isClosed() {
		return closeByPeer() // changes nothing: the first reason stays
	}
	switch p.kind {
	case packetMessage:
		if err := c.handler.Message(p.data, p.binary); err != nil {
			return closeProtocol(err.Error())
		}
	case packetPing:
		c.pinged(p.data)
	case packetPong:
		c.ponged()
	case packetClose:
		return closeByPeer()
	case packetUpgrade, packetNoop: // harmless here
	default:
		return closeProtocol(errPacket.Error())
	}
	return nil
}

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Flush sends what is queued: to the WebSocket, or to the poll that waits.
func (c *Conn) Flush() { c.flush(false) }

// flush is Flush. In a round, what is queued from now on is flushed by the next one, if not by this.
func (c *Conn) flush(round bool) {
	c.mu.Lock()
	if round {
		c.unsent = false
	}
	switch {
	case c.queue.len() == 0 || c.writing || c.closed:
	case c.ws != nil:
		c.writing = true
		c.mu.Unlock()
		c.write()
		return
	case c.poll != nil:
		c.poll.answer <- c.takePayload()
		c.poll = nil
	}
	c.mu.Unlock()
}

// FlushLate is Flush of another connection, put off until all has been heard that came from this one in one read: what
// several packets bring to one peer goes out in one write. Only a Handler's Message may call it, and it calls FlushNow
// before it waits for anything.
func (c *Conn) FlushLate(other *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.late == nil {
		c.late = c.server.lates.Get().(*[]*Conn)
	}
	if n := len(*c.late); n == 0 || (*c.late)[n-1] != other {
		*c.late = append(*c.late, other)
	}
}

// FlushNow does what FlushLate has put off.
func (c *Conn) FlushNow() {
	c.mu.Lock()
	late := c.late
	c.late = nil
	c.mu.Unlock()
	if late == nil {
		return
	}
	for _, other := range *late {
		other.Flush()
	}
	clear(*late)
	*late = (*late)[:0]
	c.server.lates.Put(late)
}
