// Package sio is a light Socket.IO client without a goroutine of its own. It knows no event names.
//
// Conn is Engine.IO 4 and Socket.IO 5 over one WebSocket: the load generator drives thousands of them beside the server
// that it measures, and the end-to-end tests send with it what no well-behaved client would. Session is what clients in
// the field do: either protocol of Engine.IO, by polling, by WebSocket, or upgrading from one to the other.
package sio

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

const (
	maxFrame = 16 << 20 // bytes; a larger frame is an error
	bufSize  = 4096
)

// Conn is one Engine.IO connection. One goroutine may read while another writes; but Read writes too, to answer
// heartbeats, so whoever needs both reads by ReadFrame, or Shares a lock.
type Conn struct {
	net     net.Conn
	r       *bufio.Reader
	w       *bufio.Writer
	in, out []byte // reused from frame to frame
	pong    func(payload []byte) error
	writing sync.Locker // nil while one goroutine does everything
}

// ClosedError is the server's close frame.
type ClosedError struct {
	Code   int // RFC 6455 section 7.4
	Reason string
}

func (e *ClosedError) Error() string {
	return fmt.Sprintf("closed by the server: %d %s", e.Code, e.Reason)
}

// RefusedError is a CONNECT_ERROR packet: the server let nobody into the namespace.
type RefusedError struct{ Message string }

func (e *RefusedError) Error() string { return "refused: " + e.Message }

// Open dials a server by its http URL and returns once the Engine.IO session stands. No namespace is joined yet.
func Open(ctx context.Context, url string) (*Conn, error) {
	c, err := dial(ctx, url+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		c.SetReadDeadline(deadline)
		defer c.SetReadDeadline(time.Time{})
	}
	_, open, err := c.ReadFrame()
	if err == nil && !bytes.HasPrefix(open, []byte("0{")) {
		err = fmt.Errorf("not an open packet: %q", open)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// dial opens a WebSocket at an http URL.
func dial(ctx context.Context, url string) (*Conn, error) {
	dialer := ws.Dialer{ReadBufferSize: bufSize, WriteBufferSize: bufSize}
	conn, early, _, err := dialer.Dial(ctx, "ws"+strings.TrimPrefix(url, "http"))
	if err != nil {
		return nil, err
	}
	c := &Conn{net: conn, r: early, w: bufio.NewWriterSize(conn, bufSize)}
	c.pong = func(payload []byte) error { return c.answer(ws.OpPong, payload) }
	if c.r == nil { // else it holds frames that came with the handshake
		c.r = bufio.NewReaderSize(conn, bufSize)
	}
	return c, nil
}

// answer writes a heartbeat's answer from Read.
func (c *Conn) answer(op ws.OpCode, payload []byte) error {
	if c.writing != nil {
		c.writing.Lock()
		defer c.writing.Unlock()
	}
	c.WriteFrame(op, payload)
	return c.Flush()
}

// Connect joins the main namespace with auth (marshalled to JSON) and returns the id of the socket.
// When the server refuses, the error is a *RefusedError.
func (c *Conn) Connect(auth any) (sid string, err error) {
	payload, err := json.Marshal(auth)
	if err != nil {
		return "", err
	}
	c.Write(append([]byte("40"), payload...))
	if err := c.Flush(); err != nil {
		return "", err
	}
	packet, err := c.Read()
	if err != nil {
		return "", err
	}
	var answer struct{ Sid, Message string }
	if err := json.Unmarshal(packet[1:], &answer); err != nil {
		return "", fmt.Errorf("answer to CONNECT: %q", packet)
	}
	if packet[0] == '4' {
		return "", &RefusedError{answer.Message}
	}
	return answer.Sid, nil
}

// Read returns the next Socket.IO packet, for instance `2["login",{}]`. The bytes are good until the next Read. It
// answers heartbeats, flushing what was written. The server's close frame is a *ClosedError.
func (c *Conn) Read() ([]byte, error) {
	for {
		_, frame, err := c.ReadFrame()
		if err != nil {
			return nil, err
		}
		switch {
		case len(frame) > 1 && frame[0] == '4':
			return frame[1:], nil
		case len(frame) > 0 && frame[0] == '2':
			if err := c.answer(ws.OpText, []byte("3")); err != nil {
				return nil, err
			}
		case len(frame) > 0 && frame[0] == '1':
			return nil, &ClosedError{Reason: "Engine.IO close packet"}
		default:
			return nil, fmt.Errorf("not a packet: %.100q", frame)
		}
	}
}

// Share names the lock that whoever writes will hold from now on, so that answering heartbeats holds it too. Then one
// goroutine may call Read while others write.
func (c *Conn) Share(writing sync.Locker) { c.writing = writing }

// Buffered tells whether more has been received already, so that the next Read will not wait for the server.
func (c *Conn) Buffered() bool { return c.r.Buffered() > 0 }

// Write buffers one Engine.IO packet as a text frame, for instance `42["login",{}]`. Flush reports its errors.
func (c *Conn) Write(packet []byte) { c.WriteFrame(ws.OpText, packet) }

// Flush sends what was written.
func (c *Conn) Flush() error { return c.w.Flush() }

// ReadFrame returns the next text or binary frame; the bytes are good until the next one. It answers WebSocket pings
// and no Engine.IO ones. No server of ours sends fragments, extensions or masks, so each of them is an error.
func (c *Conn) ReadFrame() (ws.OpCode, []byte, error) {
	for {
		op, length, err := c.readHeader()
		if err != nil {
			return 0, nil, err
		}
		c.in = slices.Grow(c.in[:0], length)[:length]
		if _, err := io.ReadFull(c.r, c.in); err != nil {
			return 0, nil, err
		}
		switch op {
		case ws.OpText, ws.OpBinary:
			return op, c.in, nil
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(c.in)
			return 0, nil, &ClosedError{int(code), reason}
		case ws.OpPing:
			if err := c.pong(c.in); err != nil {
				return 0, nil, err
			}
		}
	}
}

// readHeader reads a frame's header (RFC 6455 section 5.2) where it stands in the buffer: ws.ReadHeader allocates, and
// the load generator reads as many frames as all servers send.
func (c *Conn) readHeader() (op ws.OpCode, length int, err error) {
	head, err := c.r.Peek(2)
	if err != nil {
		return 0, 0, err
	}
	op, size, short := ws.OpCode(head[0]&0xf), uint64(head[1]), head[1]
	if head[0]&0xf0 != 0x80 || short > 127 {
		return 0, 0, fmt.Errorf("unexpected frame: %x", head)
	}
	taken := 2
	switch short {
	case 126:
		taken = 4
	case 127:
		taken = 10
	}
	if taken > 2 {
		if head, err = c.r.Peek(taken); err != nil {
			return 0, 0, err
		}
		size = 0
		for _, b := range head[2:] {
			size = size<<8 | uint64(b)
		}
	}
	if size > maxFrame {
		return 0, 0, fmt.Errorf("a frame of %d bytes", size)
	}
	_, err = c.r.Discard(taken)
	return op, int(size), err
}

// WriteFrame buffers one masked frame (RFC 6455 section 5.3), whatever its payload.
func (c *Conn) WriteFrame(op ws.OpCode, payload []byte) {
	const fin, masked = 0x80, 0x80
	b := append(c.out[:0], fin|byte(op))
	switch n := len(payload); {
	case n < 126:
		b = append(b, masked|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, masked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|127), uint64(n))
	}
	mask := ws.NewMask()
	b = append(b, mask[:]...)
	start := len(b)
	b = append(b, payload...)
	ws.Cipher(b[start:], mask, 0)
	c.w.Write(b) // errors stick to the buffer until Flush
	c.out = b
}

// SetReadDeadline bounds every read until it is set again; the zero time lifts the bound.
func (c *Conn) SetReadDeadline(t time.Time) { c.net.SetReadDeadline(t) }

// Close ends the connection without a word, as a lost network does.
func (c *Conn) Close() error { return c.net.Close() }
