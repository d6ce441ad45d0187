package engineio

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gobwas/ws"
)

// This file is a Conn on a WebSocket: the reading, the writing, and the upgrade from polling.

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

// batchSize is how much goes out in one write at the most, unless one frame is longer.
const batchSize = 16 << 10

// writeWait is how long the kernel may take no byte from us before the peer counts as gone.
const writeWait = 20 * time.Second

// write sends the queue as far as the kernel takes it at once. What it does not take is left to a goroutine. The
// caller has set c.writing; it is unset when the queue is empty.
func (c *Conn) write() {
	for {
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
}

// writeSlow waits for the kernel, and goes on until the queue is empty.
func (c *Conn) writeSlow(out batch, from int) {
	c.mu.Lock()
	c.extend(true)
	c.mu.Unlock()
	for out.data != nil {
		_, err := c.ws.conn.Write(out.data[from:])
		if !c.wrote(out, err) {
			return
		}
		from = 0
		out = c.nextBatch(true)
	}
}

// batch is what goes out in one write.
type batch struct {
	data   []byte
	pooled *[]byte // data is in it; nil when data is a frame's own
	final  bool
}

// extend gives the kernel writeWait from now, or takes the deadline away. A closed connection keeps the one it has.
func (c *Conn) extend(slow bool) {
	switch {
	case c.closed:
	case slow:
		c.ws.conn.SetWriteDeadline(time.Now().Add(writeWait))
	default:
		c.ws.conn.SetWriteDeadline(time.Time{})
	}
}

// nextBatch takes what to write next; its bytes stay on the account until wrote. With nothing left, it ends the writing.
func (c *Conn) nextBatch(slow bool) (out batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch n := c.queue.len(); {
	case n == 0 && c.last != nil:
		out.data, out.final = c.last.wire, true
		c.last = nil
		c.queued += len(out.data)
		return out
	case n == 0:
		c.writing = false
		if slow {
			c.extend(false)
		}
		return out
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
	if slow {
		c.extend(true)
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
		return false
	case out.final:
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

// serveUpgrade lets a WebSocket take over from polling (protocol 4, section "Upgrade").
func (c *Conn) serveUpgrade(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	refused := c.closed || c.ws != nil || c.upgrading
	if !refused {
		c.upgrading = true
	}
	c.mu.Unlock()
	if refused {
		errBadRequest.write(w)
		return
	}
	sock, err := acceptWebSocket(w, r, c.server)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.closed {
		c.upgrading = false
		if err == nil {
			sock.conn.Close()
		}
		return
	}
	c.probe = sock
	sock.conn.SetReadDeadline(time.Now().Add(c.server.cfg.UpgradeTimeout))
	c.server.run(func() {
		if c.readProbe(sock) {
			c.Flush()
			c.readWebSocket(sock)
			return
		}
		sock.conn.Close()
		c.mu.Lock()
		c.upgrading, c.probe = false, nil
		c.mu.Unlock()
	})
}

// readProbe answers the probe and waits for the upgrade packet; true when the socket has taken over.
func (c *Conn) readProbe(sock *webSocket) bool {
	for {
		op, data, ok, err := sock.take()
		switch {
		case err != nil:
			return false
		case !ok:
			if sock.fill() != nil {
				return false
			}
		case op == ws.OpText && string(data) == "2probe":
			if _, err := sock.conn.Write(textPacket(packetPong, "probe").wire); err != nil {
				return false
			}
			// The client sends the upgrade packet only after its last poll has been answered.
			c.mu.Lock()
			c.endPoll()
			c.mu.Unlock()
		case op == ws.OpText && len(data) == 1 && data[0] == packetUpgrade:
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.closed {
				return false
			}
			sock.conn.SetReadDeadline(time.Time{})
			c.ws, c.probe, c.upgrading = sock, nil, false
			c.endPoll()
			return true
		default:
			return false
		}
	}
}

// endPoll sends the poll that waits home with nothing.
func (c *Conn) endPoll() {
	if c.poll != nil {
		c.poll.answer <- []byte{packetNoop}
		c.poll = nil
	}
}
