package engineio

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPayloadIsDecodedUpToTheFirstFault(t *testing.T) {
	for _, c := range []struct {
		payload, packets string
		err              error
	}{
		{"4hello", `4"hello"`, nil},
		{"4a\x1e2probe\x1e3\x1e1\x1e6", `4"a" 2"probe" 3"" 1"" 6""`, nil},
		{"bAQID\x1eb", `b"\x01\x02\x03" b""`, nil},
		{"4a\x1e7b\x1e4c", `4"a"`, errPacket},
		{"4a\x1e", `4"a"`, errPacket},
		{"", ``, errPacket},
		{"4a\x1ebA", `4"a"`, errBase64},
		{"4a\x1e4\xff", ``, errUTF8},
		{"4a\x1e4stop\x1e4c", `4"a" 4"stop"`, errStop},
	} {
		var got strings.Builder
		err := decodePayload([]byte(c.payload), func(p packet) error {
			kind := p.kind
			if p.binary {
				kind = 'b'
			}
			if got.Len() > 0 {
				got.WriteByte(' ')
			}
			got.WriteByte(kind)
			got.WriteString(quote(p.data))
			if string(p.data) == "stop" {
				return errStop
			}
			return nil
		})
		if got.String() != c.packets || err != c.err {
			t.Errorf("%q: got %s, %v; want %s, %v", c.payload, got.String(), err, c.packets, c.err)
		}
	}
}

var errStop = errors.New("stop")

// FuzzDecodePayload checks that what is decoded is within its bounds and, encoded again, decodes to the same.
func FuzzDecodePayload(f *testing.F) {
	for _, seed := range []string{"4hello", "4a\x1e4b\x1ebAQID", "2\x1e3\x1e1", "b", "b=", "bAA==", "bAA", "b\r\nAA==", "\x1e", "4\xff", "9", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var packets []packet
		size := 0
		err := decodePayload(payload, func(p packet) error {
			if p.kind < packetOpen || p.kind > packetNoop || !p.binary && !utf8.Valid(p.data) {
				t.Fatalf("packet %c %q", p.kind, p.data)
			}
			size += len(p.data)
			packets = append(packets, p)
			return nil
		})
		if size > len(payload) {
			t.Fatalf("%d bytes from %d", size, len(payload))
		}
		if err != nil {
			return
		}
		var again []byte
		for _, p := range packets {
			frame := NewBinary(p.data)
			if !p.binary {
				frame = textPacket(p.kind, string(p.data))
			}
			again = appendPart(again, frame)
		}
		if err := decodePayload(again, func(p packet) error {
			if len(packets) == 0 || p.kind != packets[0].kind || p.binary != packets[0].binary || !bytes.Equal(p.data, packets[0].data) {
				t.Fatalf("%q became %q", payload, again)
			}
			packets = packets[1:]
			return nil
		}); err != nil || len(packets) > 0 {
			t.Fatalf("%q became %q: %v", payload, again, err)
		}
	})
}
