package engineio

import (
	"io"
	"net"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// webSocket is the server's side of one WebSocket (RFC 6455). gobwas/ws does the handshake, the masks and the checks
// of headers; the reading is here, because a socket that waits must not hold a buffer.
type webSocket struct {
	conn    net.Conn
	buffers *bufferPool
	max     int     // bytes of one message, on the wire and inflated
	codecs  *codecs // of messages that may be compressed, in both directions; nil when that was not negotiated

	// Reading: unread bytes are buf[from:to]. buf is nil between messages.
	buf      []byte
	from, to int
	need     int    // bytes that the frame at from takes in all, as far as its header tells
	message  []byte // what has come of a message in fragments
	opcode   ws.OpCode
	packed   bool // the message is compressed

	raw     syscall.RawConn // for reads and writes that do not go through conn; nil where there is no such thing
	turn    turn            // whose it is to read, which is to touch what stands from buf to raw, and from here on
	watched uint64          // netpoll's id; 0 when a goroutine of its own waits for it
	armed   bool            // the poller knows it
	drained bool            // the last read took all there was
	stays   bool            // it is busy: reads have a deadline
	heard   bool            // something came since that was set
	wakes   uint8           // since wokenAt, busyWakes at most
	wokenAt int64           // on the wheel's clock
}

// readSize is the size of a pooled buffer: a dozen chat messages. A longer message gets a buffer of its own.
const readSize = 4096

// bufferPool lends read buffers, and what reads into them.
type bufferPool struct {
	pool  sync.Pool
	calls rawCalls
}

func (p *bufferPool) get() []byte {
	if b, ok := p.pool.Get().(*[readSize]byte); ok {
		return b[:]
	}
	return make([]byte, readSize)
}

func (p *bufferPool) put(b []byte) {
	if cap(b) == readSize { // a longer one was made for one message
		p.pool.Put((*[readSize]byte)(b[:readSize]))
	}
}

// release gives the buffer back if there is nothing in it.
func (s *webSocket) release() {
	if s.from != s.to || s.buf == nil {
		return
	}
	s.buffers.put(s.buf)
	s.buf, s.from, s.to = nil, 0, 0
}

// room makes space behind the unread bytes for what a message needs in all. A peer gets memory only as it fills it.
func (s *webSocket) room(need int) {
	if s.buf == nil {
		s.buf = s.buffers.get()
		return
	}
	unread := s.buf[s.from:s.to]
	if need <= len(s.buf)-s.from && s.to < len(s.buf) {
		return
	}
	if size := min(max(need, readSize), 2*max(len(unread), readSize/2)); size > len(s.buf) {
		grown := make([]byte, size)
		copy(grown, unread)
		s.buffers.put(s.buf)
		s.buf = grown
	} else {
		copy(s.buf, unread)
	}
	s.from, s.to = 0, len(unread)
}

// broken is the end of a WebSocket whose peer broke a rule.
func broken(code ws.StatusCode, reason string) *closing {
	return &closing{reason: reason, code: code, packet: packetClose}
}

// goodbye is the end that a close frame asks for: its code is echoed (RFC 6455, section 5.5.1).
func goodbye(payload []byte) *closing {
	if len(payload) == 0 {
		return closeByPeer()
	}
	code, reason := ws.ParseCloseFrameData(payload)
	switch err := ws.CheckCloseFrameData(code, reason); err {
	case nil:
		end := closeByPeer()
		end.code = code
		return end
	case ws.ErrProtocolInvalidUTF8:
		return broken(ws.StatusInvalidFramePayloadData, err.Error())
	default:
		return broken(ws.StatusProtocolError, err.Error())
	}
}

// take returns the next message, ping or pong that has arrived whole; ok is false when fill must read first. data is valid
// until the next take or fill. An error is a *closing.
func (s *webSocket) take() (op ws.OpCode, data []byte, ok bool, err error) {
	for {
		header, size, err := parseHeader(s.buf[s.from:s.to])
		if err != nil {
			return 0, nil, false, err
		}
		s.need = maxHeader + 4
		if size == 0 {
			return 0, nil, false, nil
		}
		if err := s.check(header); err != nil {
			return 0, nil, false, err
		}
		s.need = size + int(header.Length)
		if s.to-s.from < s.need {
			return 0, nil, false, nil
		}
		payload := s.buf[s.from+size : s.from+s.need]
		s.from += s.need
		ws.Cipher(payload, header.Mask, 0)
		if op, data, err = s.frame(header, payload); err != nil || op != ws.OpContinuation {
			return op, data, err == nil, err
		}
	}
}

// parseHeader reads a frame's header (RFC 6455, section 5.2). size is 0 when data ends before the header does.
func parseHeader(data []byte) (h ws.Header, size int, err error) {
	if len(data) < 2 {
		return h, 0, nil
	}
	h.Fin = data[0]&0x80 != 0
	h.Rsv = data[0] & 0x70 >> 4
	h.OpCode = ws.OpCode(data[0] & 0x0f)
	h.Masked = data[1]&0x80 != 0
	size = 2
	length := int64(data[1] & 0x7f)
	extended := 0
	switch length {
	case 126:
		extended = 2
	case 127:
		extended = 8
	}
	if extended > 0 {
		if len(data) < size+extended {
			return h, 0, nil
		}
		length = 0
		for _, b := range data[size : size+extended] {
			length = length<<8 | int64(b)
		}
		if length < 0 {
			return h, 0, broken(ws.StatusProtocolError, "frame length out of range")
		}
		size += extended
	}
	h.Length = length
	if h.Masked {
		if len(data) < size+4 {
			return h, 0, nil
		}
		size += copy(h.Mask[:], data[size:])
	}
	return h, size, nil
}

func (s *webSocket) check(h ws.Header) error {
	state := ws.StateServerSide
	if s.message != nil {
		state |= ws.StateFragmented
	}
	if s.codecs != nil && (h.OpCode == ws.OpText || h.OpCode == ws.OpBinary) { // nowhere else (RFC 7692, section 6.1)
		_, r2, r3 := ws.RsvBits(h.Rsv)
		h.Rsv = ws.Rsv(false, r2, r3)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return broken(ws.StatusProtocolError, err.Error())
	}
	if !h.OpCode.IsControl() && h.Length > int64(s.max-len(s.message)) {
		return broken(ws.StatusMessageTooBig, "message over maxPayload")
	}
	return nil
}

// frame takes one frame and returns what it completes, or OpContinuation for nothing.
func (s *webSocket) frame(h ws.Header, payload []byte) (op ws.OpCode, data []byte, err error) {
	switch h.OpCode {
	case ws.OpPing, ws.OpPong:
		return h.OpCode, payload, nil
	case ws.OpClose:
		return 0, nil, goodbye(payload)
	case ws.OpContinuation:
		s.message = append(s.message, payload...)
		payload = s.message
	default:
		s.opcode, s.packed = h.OpCode, h.Rsv1()
		if !h.Fin {
			s.message = append(make([]byte, 0, len(payload)), payload...)
		}
	}
	if !h.Fin {
		return ws.OpContinuation, nil, nil
	}
	s.message = nil
	if s.packed {
		if payload, err = s.codecs.inflate(payload, s.max); err != nil {
			return 0, nil, err
		}
	}
	if s.opcode == ws.OpText && !utf8.Valid(payload) {
		return 0, nil, broken(ws.StatusInvalidFramePayloadData, errUTF8.Error())
	}
	return s.opcode, payload, nil
}

// fill reads once, waiting for bytes if there are none. While it waits, an empty buffer is back in the pool.
func (s *webSocket) fill() error {
	s.release()
	if s.raw == nil {
		s.room(s.need)
		n, err := s.conn.Read(s.buf[s.to:])
		s.to += n
		if n > 0 {
			return nil
		}
		return err
	}
	n, err := s.readRaw(true)
	s.to += n
	if n == 0 && err == nil {
		err = io.EOF
	}
	return err
}

// tryWrite writes what the kernel takes at once.
func (s *webSocket) tryWrite(data []byte) (n int, err error) {
	if s.raw == nil {
		return 0, nil
	}
	return s.writeRaw(data)
}

// shut says that no more will be written, and gives the peer a while to hang up by itself.
func (s *webSocket) shut() {
	if tcp, ok := s.conn.(interface{ CloseWrite() error }); ok {
		tcp.CloseWrite()
	}
	s.conn.SetReadDeadline(time.Now().Add(lastWords / 2))
}

// linger waits for the peer to read the close frame and hang up: closing with unread bytes would reset the connection
// and could take the frame with it. Whoever writes the last words shuts the socket, which sets a deadline, or cuts it.
func (s *webSocket) linger() {
	if s.stays {
		s.waitUntil(time.Time{}) // the deadline of a busy socket is no end
	}
	for s.need = readSize; ; {
		s.from, s.to = 0, 0
		if err := s.fill(); err != nil {
			break
		}
	}
	s.conn.Close()
}

// closeFrame makes a close frame. The reason is cut to what a control frame holds (RFC 6455, section 5.5).
func closeFrame(code ws.StatusCode, reason string) *Frame {
	if code == ws.StatusAbnormalClosure { // names what never goes over the wire
		code = ws.StatusNormalClosure
	}
	for len(reason) > ws.MaxControlFramePayloadSize-2 {
		_, size := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-size]
	}
	buf := make([]byte, maxHeader, maxHeader+2+len(reason))
	buf = append(buf, byte(code>>8), byte(code))
	return newFrame(append(buf, reason...), ws.OpClose)
}
