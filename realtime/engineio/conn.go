package engineio

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// Conn is one session, whatever transport carries it.
type Conn struct {
	server  *Server
	id      string
	handler Handler

	in sync.Mutex // held while the handler hears a packet: a POST may still run while the WebSocket takes over

	mu        sync.Mutex // guards what follows; taken before the wheel's
	closed    bool
	reason    string
	upgrading bool       // a WebSocket is on its way to take over
	probe     *webSocket // that WebSocket
	posting   bool
	ws        *webSocket // nil while polling
	poll      *poll      // the GET that waits, if any
	timer     timer

	queue   queue
	queued  int           // bytes in queue and on their way to the kernel
	doomed  bool          // over the bound, about to be closed
	writing bool          // someone writes to ws
	last    *Frame        // written when the queue is empty; then the socket is shut
	drained chan struct{} // closed when the queue gets short; nil when nobody waits
	short   int           // how short, bytes

	pings, pongs uint32
	pingedAt     int64 // when the last ping was queued, on the wheel's clock
	awaitedAt    int64 // since when a pong is owed
	wantTick     bool

	closeAt  int64 // when to close, on the wheel's clock; 0 for never
	closeFor string
}

func newConn(s *Server, id string) *Conn {
	c := &Conn{server: s, id: id}
	c.timer.conn = c
	return c
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
// sooner or later; who sends much to many flushes each connection once at the end. When the queue is over its bound
// the connection closes.
func (c *Conn) Enqueue(frames ...*Frame) (flush bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.enqueue(frames...)
}

func (c *Conn) enqueue(frames ...*Frame) (flush bool) {
	if c.closed || c.doomed {
		return false
	}
	flush = c.queue.len() == 0 && !c.writing
	c.queue.push(frames...)
	for _, f := range frames {
		c.queued += len(f.wire)
	}
	if c.queued > c.server.cfg.MaxQueued || c.queue.len() > c.server.cfg.MaxQueuedCount {
		c.doomed = true
		go c.close(closeOverflow()) // the caller may hold locks that the handler needs
		return false
	}
	return flush
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
	if c.drained == nil {
		c.drained, c.short = make(chan struct{}), most
	}
	c.short = min(c.short, most)
	wait := c.drained
	c.mu.Unlock()
	select {
	case <-wait:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.ended()
	case <-ctx.Done():
		return ctx.Err()
	}
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
	if c.drained != nil && c.queued <= c.short {
		close(c.drained)
		c.drained = nil
	}
}

// Ping queues a ping behind everything queued so far, unless the last one is younger than gap or is not answered yet.
// Handler.Pong with the returned index, or a higher one, proves that the peer has received all of it. When ok is
// false, Handler.Tick or Handler.Pong says when to try again.
func (c *Conn) Ping(gap time.Duration) (index uint32, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, false
	}
	// The wheel's clock is up to one tick late, which makes the gap that much longer.
	now := c.server.wheel.clock.Load()
	if due := c.pingedAt + int64(gap); c.pings != c.pongs || now < due {
		if c.pings == c.pongs && !c.wantTick {
			c.wantTick = true
			c.armBefore(due)
		}
		return 0, false
	}
	c.sendPing(now)
	return c.pings, true
}

func (c *Conn) sendPing(now int64) (flush bool) {
	if c.pings == c.pongs {
		c.awaitedAt = now
		c.armBefore(now + int64(c.server.cfg.PingTimeout))
	}
	c.pings++
	c.pingedAt = now
	return c.enqueue(c.server.ping)
}

// CloseAfter closes the connection when wait is over, unless another call moves that moment. A wait of 0 means never.
func (c *Conn) CloseAfter(wait time.Duration, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wait == 0 {
		c.closeAt = 0
		return
	}
	c.closeAt, c.closeFor = c.server.wheel.now()+int64(wait), reason
	c.armBefore(c.closeAt)
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
	cfg := &c.server.cfg
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		c.server.remove(c) // last words that nobody fetched
		return
	}
	if c.closeAt > 0 && now >= c.closeAt {
		c.mu.Unlock()
		c.Close(c.closeFor)
		return
	}
	wanted := c.wantTick
	c.wantTick = false
	flush := false
	if c.pings == c.pongs && now >= c.pingedAt+int64(cfg.PingInterval) {
		flush = c.sendPing(now)
	}
	if c.pings == c.pongs {
		c.armBefore(c.pingedAt + int64(cfg.PingInterval))
	} else {
		c.armBefore(c.awaitedAt + int64(cfg.PingTimeout))
	}
	if c.closeAt > 0 {
		c.armBefore(c.closeAt)
	}
	c.mu.Unlock()
	if flush {
		c.Flush()
	}
	if wanted {
		c.handler.Tick()
	}
}

// expired closes a connection whose pong is overdue, and tells so. Requests ask too: a timer may be a tick late.
func (c *Conn) expired() bool {
	c.mu.Lock()
	late := !c.closed && c.pings != c.pongs && c.server.wheel.now() >= c.awaitedAt+int64(c.server.cfg.PingTimeout)
	c.mu.Unlock()
	if late {
		c.close(closePingTimeout())
	}
	return late
}

func (c *Conn) ponged() {
	c.mu.Lock()
	if c.pongs == c.pings { // nobody asked
		c.mu.Unlock()
		return
	}
	c.pongs++
	index := c.pongs
	if c.pongs != c.pings {
		c.awaitedAt = c.server.wheel.now()
	}
	c.armBefore(c.pingedAt + int64(c.server.cfg.PingInterval))
	c.mu.Unlock()
	c.handler.Pong(index)
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
	case packetPong:
		c.ponged()
	case packetClose:
		return closeByPeer()
	case packetPing, packetUpgrade, packetNoop: // harmless here: a client of protocol 4 does not ping
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

// closing is why and how a connection ends.
type closing struct {
	reason string
	code   ws.StatusCode
	drop   bool // what is queued is dropped
	packet byte // what a waiting poll hears: a close, or a noop when the client itself closed
}

func closeProtocol(reason string) *closing {
	return &closing{reason: reason, code: ws.StatusProtocolError, packet: packetClose}
}
func closeByPeer() *closing {
	return &closing{reason: "closed by the client", code: ws.StatusNormalClosure, drop: true, packet: packetNoop}
}
func closeTransport(reason string) *closing {
	return &closing{reason: reason, code: ws.StatusAbnormalClosure, drop: true, packet: packetClose}
}
func closePingTimeout() *closing {
	return &closing{reason: "ping timeout", code: ws.StatusPolicyViolation, drop: true, packet: packetClose}
}
func closeOverflow() *closing {
	return &closing{reason: "too much waits to be sent: read faster", code: ws.StatusPolicyViolation, drop: true, packet: packetClose}
}
func closeGoingAway(reason string) *closing {
	return &closing{reason: reason, code: ws.StatusGoingAway, packet: packetClose}
}

// Close sends what is queued and ends the session; the peer sees the reason.
func (c *Conn) Close(reason string) {
	c.close(&closing{reason: reason, code: ws.StatusNormalClosure, packet: packetClose})
}

// How long a peer has to take the last words: bytes on a WebSocket, a poll for what is queued.
const lastWords = 5 * time.Second

func (c *Conn) close(end *closing) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed, c.reason = true, end.reason
	if end.drop {
		c.queue, c.queued = queue{}, 0
	}
	c.server.wheel.stop(&c.timer)
	if c.drained != nil {
		close(c.drained)
		c.drained = nil
	}
	if c.probe != nil {
		c.probe.conn.Close()
	}
	waiting := c.poll
	c.poll = nil
	c.last = textPacket(end.packet, "")
	write := false
	switch {
	case c.ws != nil:
		c.last = closeFrame(end.code, end.reason)
		c.ws.conn.SetWriteDeadline(time.Now().Add(lastWords))
		write = !c.writing
		c.writing = true
		c.server.remove(c)
	case waiting != nil:
		waiting.answer <- c.takePayload()
		c.server.remove(c)
	case c.queue.len() > 0:
		c.server.wheel.arm(&c.timer, c.server.wheel.now()+int64(lastWords)) // for the next poll
	default:
		c.server.remove(c)
	}
	c.mu.Unlock()
	if write {
		c.write()
	}
	c.server.run(func() { c.handler.Closed(end.reason) })
}

// abandon cuts the socket of a connection that does not end by itself.
func (c *Conn) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sock := range [...]*webSocket{c.ws, c.probe} {
		if sock != nil {
			sock.conn.Close()
		}
	}
}

// Flush sends what is queued: to the WebSocket, or to the poll that waits.
func (c *Conn) Flush() {
	c.mu.Lock()
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
