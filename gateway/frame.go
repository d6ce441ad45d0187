package gateway

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"

	"github.com/parley-chat/parley/uschat"
)

// A frame is id(2) length(2) body, big endian; the length is that of the body alone.
const (
	headSize = 4
	// MaxBody is how many bytes of JSON a frame may carry, either way.
	MaxBody = 16 << 10
	// keptBody is what a connection keeps of the buffer of its last frame: most frames fit, and idle ones cost little.
	keptBody = 1 << 10
)

var errOversized = errors.New("a frame's body is over 16384 bytes")

// frame is one message of a client. The body is good until the next is read.
type frame struct {
	id   uint16
	body []byte
}

// frames splits a stream into frames, however its bytes come.
type frames struct {
	in   *bufio.Reader
	body []byte
}

func newFrames(r io.Reader) *frames { return &frames{in: bufio.NewReaderSize(r, keptBody)} }

// wait returns when there is a first byte of the next frame. io.EOF says that the stream ended between two frames.
func (f *frames) wait() error {
	_, err := f.in.Peek(1)
	return err
}

// read returns the next frame. Nothing is allocated on the word of a length over MaxBody, which is errOversized; a
// stream that ends inside a frame is io.ErrUnexpectedEOF.
func (f *frames) read() (frame, error) {
	var head [headSize]byte
	if _, err := io.ReadFull(f.in, head[:]); err != nil {
		return frame{}, err
	}
	id, size := binary.BigEndian.Uint16(head[:]), int(binary.BigEndian.Uint16(head[2:]))
	if size > MaxBody {
		return frame{}, errOversized
	}
	if size > cap(f.body) || cap(f.body) > keptBody {
		f.body = make([]byte, max(size, 128))
	}
	body := f.body[:size]
	if _, err := io.ReadFull(f.in, body); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	return frame{id, body}, nil
}

// encode makes a frame of a struct. Whoever builds one keeps it under MaxBody, see sizeOf; one that is not is answered
// as unavailable instead, so that no length ever wraps around.
func encode(id uint16, body any) []byte {
	b := bytes.NewBuffer(make([]byte, headSize, 256))
	writer := json.NewEncoder(b)
	writer.SetEscapeHTML(false) // it is no web page, and six bytes for each '<' would leave less room for text
	err := writer.Encode(body)
	if b.Truncate(b.Len() - 1); err != nil || b.Len() > headSize+MaxBody { // Encode ends with a line feed
		return encode(id, answer{Error: uschat.Unavailable, Message: "the answer is too large"})
	}
	out := b.Bytes()
	binary.BigEndian.PutUint16(out, id)
	binary.BigEndian.PutUint16(out[2:], uint16(b.Len()-headSize))
	return out
}

// sizeOf is how many bytes a value takes in a body, the comma behind it included.
func sizeOf(v any) int {
	var n counter
	writer := json.NewEncoder(&n)
	writer.SetEscapeHTML(false)
	_ = writer.Encode(v) // plain structs, into a writer that takes everything
	return int(n)
}

type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// answer begins every body that the server sends.
type answer struct {
	Error   uschat.Error `json:"error"`
	Message string       `json:"message,omitempty"` // why, when Error is not 0
}
