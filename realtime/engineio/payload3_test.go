package engineio

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
)

// heard writes the packets of a payload one behind the other: their kind, "b" for binary, the data, and a "|".
func heard(decode func([]byte, func(packet) error) error, data string) (string, error) {
	var out strings.Builder
	err := decode([]byte(data), func(p packet) error {
		out.WriteByte(p.kind)
		if p.binary {
			out.WriteByte('b')
		}
		out.Write(p.data)
		out.WriteByte('|')
		return nil
	})
	return out.String(), err
}

func TestLengthsOfTextCountUTF16(t *testing.T) {
	for body, want := range map[string]string{
		"6:4hello":          "4hello|",
		"6:4hello2:4€":      "4hello|4€|",
		"3:4😀2:4!":          "4😀|4!|",
		"2:4€10:b4AQIDBA==": "4€|4b\x01\x02\x03\x04|",
		"1:21:5":            "2|5|",
		"0:6:4hello0:":      "4hello|", // the Node server writes 0: where there is nothing
		"006:4hello":        "4hello|",
		"9:4a:b,1:2x":       "4a:b,1:2x|",
		"6:4\r\n\x1e\x00\t": "4\r\n\x1e\x00\t|",
	} {
		got, err := heard(new(protocol3).decodePayload, body)
		if got != want || err != nil {
			t.Errorf("%q: %q, %v", body, got, err)
		}
	}
}

func TestMalformedPayloadsOfProtocol3(t *testing.T) {
	for _, body := range []string{
		"", "abc", "4hello", ":", ":4", "6", "6:", "7:4hello", "5:4hello", "-1:4", "+1:4", " 1:4", "1e1:4", "1.0:4", "0x1:4",
		"2:4😀", "4:4😀", "999999999:4", "9999999999:4", "99999999999999999999999999:4", strings.Repeat("9", 1000), "1:9", "1:b", "2:b9",
		"6:4hello3", "6:4hello3:", "2:\x80\xff", "4:4\xc3(", "10:b4AQID=A==", "1:\x04",
	} {
		if got, err := heard(new(protocol3).decodePayload, body); err == nil {
			t.Errorf("%q: %q", body, got)
		}
	}
	for _, body := range []string{
		"", "abc", "\x00", "\x01", "\x00\xff", "\x00\x01", "\x00\x01\xff", "\x00\x06\xff4hell", "\x02\x01\xff4", "\x01\x01\xff5", "\x01\x00\xff", "\x00\x00\xff",
		"\x00\x0a\xff4", "\x01\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff\x04", "\x01" + strings.Repeat("\x00", 9) + "\x02\xff\x041", "\x01" + strings.Repeat("\x09", 1000),
		"\x00\x02\xff4\xff", "\x00\x05\xffb4AQ=", "\x00\x01\xff9", "\x01\x01\xff4", "\x01\x02\xff\x04",
	} {
		if got, err := heard(decodeBytes3, body); err == nil {
			t.Errorf("%q: %q", body, got)
		}
	}
}

func TestPayloadsOfBytes(t *testing.T) {
	for body, want := range map[string]string{
		"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04": "4hello|4b\x01\x02\x03\x04|",
		"\x00\x04\xff4€\x01\x04\xff\x04\x01\x02\x03":         "4€|4b\x01\x02\x03|",
		"\x01\x01\xff\x04":         "4b|",
		"\x00\x06\xffb4AQ==":       "4b\x01|",
		"\x00\x01\x00\xff4" + nine: "4" + nine + "|",
	} {
		got, err := heard(decodeBytes3, body)
		if got != want || err != nil {
			t.Errorf("%q: %q, %v", body, got, err)
		}
	}
}

const nine = "123456789"

// Only text that could have been encoded twice is taken for that, and not from a client that does not do so.
func TestTextThatWasEncodedTwice(t *testing.T) {
	twice := func(s string) string {
		var out strings.Builder
		for i := range len(s) {
			out.WriteRune(rune(s[i]))
		}
		return out.String()
	}
	p := &protocol3{textual: true}
	for body, want := range map[string]string{
		"7:4" + twice("你好"): "4你好|",
		"3:4" + twice("é"):  "4é|",
		"6:4hello":          "4hello|",
	} {
		if got, err := heard(p.decodePayload, body); got != want || err != nil {
			t.Errorf("%q: %q, %v", body, got, err)
		}
	}
	once := &protocol3{textual: true}
	if got, _ := heard(once.decodePayload, "2:4é2:4你3:4"+twice("é")); got != "4é|4你|4"+twice("é")+"|" {
		t.Errorf("a client of now: %q", got)
	}
	if got, _ := heard(new(protocol3).decodePayload, "3:4"+twice("é")); got != "4"+twice("é")+"|" {
		t.Errorf("a client that takes bytes: %q", got)
	}
}

// A length that is claimed takes no memory.
func TestClaimedLengthsTakeNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 1000 {
		heard(new(protocol3).decodePayload, "999999999:4")
		heard(decodeBytes3, "\x01\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff\x04")
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 10<<20 {
		t.Errorf("%d bytes for 2,000 short payloads", took)
	}
}

// Whatever comes, decoding does not panic, what it passes on is no more than what came, and what it accepts can be
// encoded and decoded again.
func FuzzPayload3(f *testing.F) {
	for _, seed := range []string{"6:4hello", "2:4€10:b4AQIDBA==", "3:4😀", "0:", "999999999:4", "\x00\x04\xff4€\x01\x04\xff\x04\x01\x02\x03"} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, asBytes bool) {
		p := &protocol3{textual: !asBytes, base64: !asBytes}
		decode := p.decodePayload
		if asBytes {
			decode = decodeBytes3
		}
		var frames []*Frame
		size := 0
		err := decode(bytes.Clone(data), func(p packet) error {
			size += len(p.data)
			switch {
			case p.kind != packetMessage:
			case p.binary:
				frames = append(frames, NewBinary(p.data))
			default:
				frames = append(frames, text(string(p.data)))
			}
			return nil
		})
		if size > len(data) {
			t.Fatalf("%d bytes out of %d", size, len(data))
		}
		if err != nil || len(frames) == 0 {
			return
		}
		p.once = true
		answer := p.encodePayload(p.forms(frames), nil)
		again := p.decodePayload
		if answer.binary {
			again = decodeBytes3
		}
		i := 0
		if err := again(answer.body, func(p packet) error {
			if i == len(frames) || p.binary != frames[i].binary || !bytes.HasSuffix(frames[i].body(), p.data) {
				return errors.New("another packet")
			}
			i++
			return nil
		}); err != nil || i != len(frames) {
			t.Fatalf("%q became %q: %v", data, answer.body, err)
		}
	})
}
