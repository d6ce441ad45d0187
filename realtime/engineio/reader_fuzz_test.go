package engineio

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func quote(data []byte) string { return strconv.Quote(string(data)) }

// FuzzParseHeader compares with the reader of gobwas/ws, which reads the same headers from a stream.
func FuzzParseHeader(f *testing.F) {
	for _, size := range []int{0, 125, 126, 0xffff, 0x10000} {
		f.Add(masked(ws.NewTextFrame(make([]byte, size)))[:maxHeader])
		f.Add(newFrame(make([]byte, maxHeader+size), ws.OpBinary).wire)
	}
	f.Add([]byte("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, size, err := parseHeader(data)
		rest := bytes.NewReader(data)
		want, wantErr := ws.ReadHeader(rest)
		switch {
		case wantErr == io.EOF || wantErr == io.ErrUnexpectedEOF:
			if size != 0 {
				t.Fatalf("%x: a header of %d bytes from half of one", data, size)
			}
		case (err == nil) != (wantErr == nil):
			t.Fatalf("%x: %v, gobwas says %v", data, err, wantErr)
		case err == nil && (got != want || size != len(data)-rest.Len()):
			t.Fatalf("%x: %+v in %d bytes, gobwas says %+v in %d", data, got, size, want, len(data)-rest.Len())
		}
	})
}

// pieces is a connection from which bytes come in pieces.
type pieces struct {
	rest []byte
	cuts []byte // sizes of the pieces, over and over; none means all at once
	next int
}

func (p *pieces) Read(into []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := len(p.rest)
	if len(p.cuts) > 0 {
		n = 1 + int(p.cuts[p.next%len(p.cuts)])
		p.next++
	}
	n = copy(into, p.rest[:min(n, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

func (p *pieces) Write(data []byte) (int, error)   { return len(data), nil }
func (p *pieces) Close() error                     { return nil }
func (p *pieces) LocalAddr() net.Addr              { return nil }
func (p *pieces) RemoteAddr() net.Addr             { return nil }
func (p *pieces) SetDeadline(time.Time) error      { return nil }
func (p *pieces) SetReadDeadline(time.Time) error  { return nil }
func (p *pieces) SetWriteDeadline(time.Time) error { return nil }

// transcript reads a WebSocket to its end and tells what was heard.
func transcript(t *testing.T, wire, cuts []byte, most int) string {
	sock := &webSocket{conn: &pieces{rest: bytes.Clone(wire), cuts: cuts}, buffers: new(bufferPool), max: most}
	var heard strings.Builder
	for {
		op, data, ok, err := sock.take()
		if err == nil && !ok {
			before := sock.to - sock.from
			if err = sock.fill(); err == nil && sock.to-sock.from <= before {
				t.Fatalf("read nothing into %d bytes with %d unread", len(sock.buf), before)
			}
		}
		if len(sock.message) > most || len(sock.buf) > max(2*most, 2*readSize) {
			t.Fatalf("holds %d and %d bytes for messages of at most %d", len(sock.message), len(sock.buf), most)
		}
		switch {
		case err != nil:
			fmt.Fprintf(&heard, "end: %v", err)
			return heard.String()
		case ok:
			if op == ws.OpPing {
				most := ws.MaxControlFramePayloadSize // a ping is no message (RFC 6455, section 5.5)
				if len(data) > most {
					t.Fatalf("a ping of %d bytes", len(data))
				}
			} else if len(data) > most {
				t.Fatalf("a message of %d bytes", len(data))
			}
			fmt.Fprintf(&heard, "%v %q\n", op, data)
		}
	}
}

// FuzzReader checks that it makes no difference how the bytes of a WebSocket come, and that what it holds is bounded.
// The bytes come several times over: so small inputs reach the borders of the buffers.
func FuzzReader(f *testing.F) {
	for _, wire := range [][]byte{
		masked(ws.NewTextFrame([]byte("4hello")), ws.NewBinaryFrame([]byte{1, 2, 3}), ws.NewPingFrame([]byte("x")), ws.NewTextFrame(nil)),
		masked(fragment(ws.OpText, false, "4\xe4\xbd"), ws.NewPingFrame(nil), fragment(ws.OpContinuation, true, "\xa0")),
		masked(ws.NewBinaryFrame(make([]byte, 130))),
		masked(ws.NewTextFrame([]byte("4\xff"))),
		masked(ws.NewCloseFrame(ws.NewCloseFrameBody(1001, "bye")), ws.NewTextFrame([]byte("4late"))),
		{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0x81, 0xfe, 0x1f, 0xff, 0, 0, 0, 0},
		{0x81, 0x05, 'h'},
	} {
		for _, times := range []uint8{1, 200} {
			f.Add(wire, times, []byte{0}, uint16(200))
			f.Add(wire, times, []byte{4, 0, 200, 13}, uint16(9000))
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte, times uint8, cuts []byte, most uint16) {
		wire = bytes.Repeat(wire, int(times))
		whole := transcript(t, wire, nil, int(most))
		if got := transcript(t, wire, cuts, int(most)); got != whole {
			t.Fatalf("in pieces:\n%s\nat once:\n%s", got, whole)
		}
	})
}
