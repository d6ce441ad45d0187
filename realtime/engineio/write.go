package engineio

import "time"

// This file is the writing of a Conn to its WebSocket.

// batchSize is how much goes out in one write at the most, unless one frame is longer.
const batchSize = 16 << 10

// batchesInARow is how many batches a sender writes before a goroutine goes on: what others queue meanwhile must not
// hold it for ever.
const batchesInARow = 64

// write sends the queue as far as the kernel takes it at once. What it does not take is left to a goroutine. The
// caller has set c.writing; it is unset when the queue is empty.
func (c *Conn) write() {
	for range batchesInARow {
		out := c.nextBatch(false)
		if out.data == nil {
			return
		}
		n, err := c.ws.tryWrite(out.data)
		if err == nil && n < len(out.data) {
			go c.writeSlow(out, n)
			return
		}
		if !c.wrote(out, err) {
			return
		}
	}
	go c.writeSlow(batch{}, 0)
}

// writeSlow waits for the kernel, and goes on until the queue is empty.
func (c *Conn) writeSlow(out batch, from int) {
	for {
		var err error
		for err == nil && from < len(out.data) {
			c.extend(c.server.cfg.WriteTimeout)
			var n int
			n, err = c.ws.conn.Write(out.data[from:min(from+batchSize, len(out.data))])
			from += n
		}
		if !c.wrote(out, err) {
			return
		}
		if out, from = c.nextBatch(true), 0; out.data == nil {
			return
		}
	}
}

// batch is what goes out in one write.
type batch struct {
	data   []byte
	pooled *[]byte // data is in it; nil when data is a frame's own
	final  bool
}

// extend gives the kernel a while to take something. A closed connection keeps the deadline it has.
func (c *Conn) extend(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.ws.conn.SetWriteDeadline(time.Now().Add(wait))
	}
}

// nextBatch takes what to write next; its bytes stay on the account until wrote. With nothing left, it ends the
// writing. slow says that there may be a deadline, which must not be left on a connection that nothing is written to.
func (c *Conn) nextBatch(slow bool) (out batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch n := c.queue.len(); {
	case n == 0 && c.last != nil:
		out.data, out.final = c.last.wire, true
		c.last = nil
		c.queued += len(out.data)
	case n == 0:
		c.writing = false
		if slow && !c.closed {
			c.ws.conn.SetWriteDeadline(time.Time{})
		}
	case n == 1 || len(c.queue.at(0).wire)+len(c.queue.at(1).wire) > batchSize:
		out.data = c.queue.at(0).wire
		c.queue.drop(1)
	default:
		out.pooled = c.server.batch()
		buf, taken := (*out.pooled)[:0], 0
		for taken < n && len(buf)+len(c.queue.at(taken).wire) <= batchSize {
			buf = append(buf, c.queue.at(taken).wire...)
			taken++
		}
		out.data = buf
		c.queue.drop(taken)
	}
	return out
}

// wrote settles a batch; false ends the writing for ever.
func (c *Conn) wrote(out batch, err error) bool {
	c.mu.Lock()
	c.sent(len(out.data))
	c.mu.Unlock()
	if out.pooled != nil {
		c.server.batches.Put(out.pooled)
	}
	switch {
	case err != nil:
		c.close(closeTransport("connection lost"))
		c.ws.conn.Close()
		c.readToEnd()
		return false
	case out.final:
		c.readToEnd()
		c.ws.shut()
		return false
	}
	return true
}

func (s *Server) batch() *[]byte {
	if b, ok := s.batches.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, batchSize)
	return &b
}
