package engineio

import (
	"encoding/base64"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/gobwas/ws"
)

// Frame is one packet, encoded once, that any number of connections can send. It does not change.
type Frame struct {
	wire   []byte // a whole WebSocket frame, unmasked as a server sends it
	start  uint8  // where the packet begins in wire
	binary bool

	forms atomic.Pointer[forms] // nil while nobody has needed another
}

// forms are what else a frame is sent as, each made when first needed.
type forms struct {
	older [2]atomic.Pointer[Frame] // a binary message in protocol 3: bytes, base64

	pack   sync.Once // makes packed
	packed *Frame    // compressed; nil when that is no shorter
}

// others returns where the other forms are kept.
func (f *Frame) others() *forms {
	if made := f.forms.Load(); made != nil {
		return made
	}
	f.forms.CompareAndSwap(nil, new(forms))
	return f.forms.Load()
}

// maxHeader is the longest header of a frame that a server sends: two bytes and eight of length (RFC 6455, 5.2).
const maxHeader = 10

// NewText makes a message of text. write appends the text to what it is given and returns it. The text is UTF-8 without
// the character U+001E, which separates the packets of a polling payload and which JSON does not have.
func NewText(size int, write func(dst []byte) []byte) *Frame {
	buf := make([]byte, maxHeader+1, maxHeader+1+size)
	buf[maxHeader] = packetMessage
	return newFrame(write(buf), ws.OpText)
}

// NewBinary makes a binary message. The data is copied.
func NewBinary(data []byte) *Frame {
	buf := make([]byte, maxHeader, maxHeader+len(data))
	return newFrame(append(buf, data...), ws.OpBinary)
}

// old returns a binary message as protocol 3 has it: bytes behind the packet type, or base64 behind "b4".
func (f *Frame) old(inBase64 bool) *Frame {
	older := &f.others().older
	form := &older[0]
	if inBase64 {
		form = &older[1]
	}
	if made := form.Load(); made != nil {
		return made
	}
	var made *Frame
	if inBase64 {
		buf := append(make([]byte, maxHeader, maxHeader+2+base64.StdEncoding.EncodedLen(len(f.body()))), "b4"...)
		made = newFrame(base64.StdEncoding.AppendEncode(buf, f.body()), ws.OpText)
	} else {
		buf := append(make([]byte, maxHeader, maxHeader+1+len(f.body())), rawMessage)
		made = newFrame(append(buf, f.body()...), ws.OpBinary)
	}
	form.Store(made) // another may have made the same
	return made
}

func textPacket(kind byte, data string) *Frame {
	buf := make([]byte, maxHeader, maxHeader+1+len(data))
	return newFrame(append(append(buf, kind), data...), ws.OpText)
}

// newFrame completes buf, whose first maxHeader bytes are free, by the header that ends where the packet begins.
func newFrame(buf []byte, op ws.OpCode) *Frame {
	length := len(buf) - maxHeader
	var header []byte
	switch {
	case length < 126:
		header = buf[maxHeader-2 : maxHeader]
		header[1] = byte(length)
	case length <= 0xffff:
		header = buf[maxHeader-4 : maxHeader]
		header[1] = 126
		binary.BigEndian.PutUint16(header[2:], uint16(length))
	default:
		header = buf[:maxHeader]
		header[1] = 127
		binary.BigEndian.PutUint64(header[2:], uint64(length))
	}
	header[0] = 0x80 | byte(op) // FIN
	return &Frame{wire: buf[maxHeader-len(header):], start: uint8(len(header)), binary: op == ws.OpBinary}
}

// body returns the packet without the WebSocket header.
func (f *Frame) body() []byte { return f.wire[f.start:] }

// Len returns the bytes that the frame takes on a WebSocket.
func (f *Frame) Len() int { return len(f.wire) }
