package gateway

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/parley-chat/parley/uschat"
)

// framed is a frame as it is on the wire, its length included as given.
func framed(id, size uint16, body string) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	return append(binary.BigEndian.AppendUint16(b, size), body...)
}

func TestFramesAreFoundHoweverTheBytesCome(t *testing.T) {
	stream := bytes.Join([][]byte{
		framed(1005, 9, `{"uid":1}`), framed(1023, 0, ""), framed(65535, MaxBody, strings.Repeat(" ", MaxBody)), framed(1023, 2, "{}"),
	}, nil)
	for name, r := range map[string]io.Reader{
		"at once": bytes.NewReader(stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
		"by halves": iotest.HalfReader(bytes.NewReader(stream)),
	} {
		f := newFrames(r)
		for _, want := range []struct {
			id   uint16
			size int
		}{{1005, 9}, {1023, 0}, {65535, MaxBody}, {1023, 2}} {
			if err := f.wait(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, err := f.read()
			if err != nil || got.id != want.id || len(got.body) != want.size {
				t.Fatalf("%s: got id %d with %d bytes, %v; want %v", name, got.id, len(got.body), err, want)
			}
		}
		if err := f.wait(); err != io.EOF {
			t.Errorf("%s: at the end: %v", name, err)
		}
		if cap(f.body) > keptBody {
			t.Errorf("%s: an idle connection keeps %d bytes", name, cap(f.body))
		}
	}
}

func TestALengthOverTheBoundIsRefusedUnread(t *testing.T) {
	f := newFrames(bytes.NewReader(framed(1017, MaxBody+1, "")))
	if _, err := f.read(); err != errOversized {
		t.Fatalf("got %v", err)
	}
	if f.body != nil {
		t.Error("room was made for it")
	}
}

func TestAStreamThatEndsInAFrameIsHalfAFrame(t *testing.T) {
	whole := framed(1017, 4, "{}  ")
	for n := 1; n < len(whole); n++ {
		f := newFrames(bytes.NewReader(whole[:n]))
		if _, err := f.read(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func TestNoAnswerIsLongerThanAFrameMayBe(t *testing.T) {
	for n := MaxBody - 40; n < MaxBody+40; n++ {
		body := answer{Message: strings.Repeat("x", n)}
		f, err := newFrames(bytes.NewReader(encode(1018, body))).read()
		if err != nil {
			t.Fatal(err)
		}
		var got answer
		if err := json.Unmarshal(f.body, &got); err != nil {
			t.Fatal(err)
		}
		if fits := sizeOf(body)-1 <= MaxBody; fits != (got.Error == uschat.Success) {
			t.Fatalf("a body of %d bytes was sent as %d", sizeOf(body)-1, len(f.body))
		}
	}
}

func TestTextIsSentAsItIs(t *testing.T) {
	f, err := newFrames(bytes.NewReader(encode(1018, answer{Message: "<b>你好 & \"hi\"</b>\n"}))).read()
	if err != nil || string(f.body) != `{"error":0,"message":"<b>你好 & \"hi\"</b>\n"}` {
		t.Fatalf("got %s, %v", f.body, err)
	}
}

// FuzzFrame holds the reader to its promise: whatever comes, and however it is cut, the frames are the same, none has more
// than MaxBody bytes, and together they are what came.
func FuzzFrame(f *testing.F) {
	f.Add(framed(1005, 9, `{"uid":1}`))
	f.Add(framed(1017, MaxBody+1, "{}"))
	f.Add(framed(1023, 0, "\x03\xef"))
	f.Add([]byte{3})
	f.Add(bytes.Repeat(framed(1023, 1, "0"), 500))
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, wholeErr := readAll(t, bytes.NewReader(stream))
		cut, cutErr := readAll(t, iotest.OneByteReader(bytes.NewReader(stream)))
		if !bytes.Equal(whole, cut) || wholeErr != cutErr {
			t.Fatalf("cut into bytes it is read otherwise: %v, %v", wholeErr, cutErr)
		}
		if !bytes.HasPrefix(stream, whole) {
			t.Fatal("the frames are not what came")
		}
		if wholeErr == io.EOF && len(whole) != len(stream) {
			t.Fatalf("%d bytes were lost", len(stream)-len(whole))
		}
	})
}

// readAll reads to the first error and returns the frames as they were on the wire.
func readAll(t *testing.T, r io.Reader) (wire []byte, err error) {
	f := newFrames(r)
	for {
		if err := f.wait(); err != nil {
			return wire, err
		}
		got, err := f.read()
		if err != nil {
			return wire, err
		}
		if len(got.body) > MaxBody {
			t.Fatalf("%d bytes", len(got.body))
		}
		wire = append(wire, framed(got.id, uint16(len(got.body)), string(got.body))...)
	}
}
