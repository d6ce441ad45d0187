package engineio

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf8"
)

// This file is the encoding of Engine.IO protocol 3, sections "Packet" and "Payload": what protocol 4 does otherwise.

// rawMessage is the type of a binary message where its packet is bytes.
const rawMessage = packetMessage - packetOpen

// In a payload of bytes, what stands before a packet's length, and what stands behind it.
const (
	payloadText   = 0
	payloadBinary = 1
	payloadEnd    = 0xff
)

// maxDigits is the most digits of a length: no body is that long.
const maxDigits = 9

var errPayload3 = errors.New("malformed payload")

// decodeText3 decodes a packet that came as text. A binary message may come as base64 behind "b4".
func decodeText3(data []byte) (packet, error) {
	if len(data) < 2 || data[0] != binaryPrefix {
		return decodeText(data)
	}
	if data[1] != packetMessage {
		return packet{}, errPacket
	}
	return decodeBase64(data[2:])
}

// decodeBinary3 decodes a packet that came as bytes.
func decodeBinary3(data []byte) (packet, error) {
	if len(data) == 0 || data[0] != rawMessage {
		return packet{}, errPacket
	}
	return packet{kind: packetMessage, binary: true, data: data[1:]}, nil
}

// Engine.IO clients 1.x that cannot post bytes (textual ones: Node, JSONP) encode text as UTF-8 twice, and want it so in
// answers. Nothing else tells them from clients 2.x, which do not. So answers to both are in ASCII where Config.ASCII
// can make them so, and text that has the look of UTF-8 encoded again is taken for that, until a client sends some
// that has not. Of clients 2.x that changes text such as "Ã©" alone.

// encodedOnce returns text that was encoded twice as if it had been encoded once; ok is false for other text.
func encodedOnce(text []byte) (once []byte, ok bool) {
	once = make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r > 0xff {
			return nil, false
		}
		once = append(once, byte(r))
	}
	return once, utf8.Valid(once)
}

// readText decodes a packet of text from a poll's body.
func (p *protocol3) readText(data []byte) (packet, error) {
	if p.textual && !p.once && !isASCII(data) {
		if text, ok := encodedOnce(data); ok {
			data = text
		} else {
			p.once = true
		}
	}
	return decodeText3(data)
}

// decodePayload calls each with every packet of a payload of text, <length>:<packet>…, in order, until one is
// malformed or each fails. The lengths count UTF-16 code units, as JavaScript does.
func (p *protocol3) decodePayload(data []byte, each func(packet) error) error {
	switch {
	case len(data) == 0:
		return errPacket
	case !utf8.Valid(data):
		return errUTF8
	}
	for len(data) > 0 {
		colon := bytes.IndexByte(data[:min(len(data), maxDigits+1)], ':')
		if colon < 0 {
			return errPayload3
		}
		length, err := strconv.ParseUint(string(data[:colon]), 10, 31)
		if err != nil {
			return errPayload3
		}
		data = data[colon+1:]
		size, ok := unitsSize(data, int(length))
		if !ok {
			return errPayload3
		}
		if size > 0 { // the Node server writes "0:" for nothing
			packet, err := p.readText(data[:size])
			if err != nil {
				return err
			}
			if err := each(packet); err != nil {
				return err
			}
		}
		data = data[size:]
	}
	return nil
}

// decodeBytes3 is decodePayload for a payload of bytes, in which the lengths count bytes.
func decodeBytes3(data []byte, each func(packet) error) error {
	if len(data) == 0 {
		return errPacket
	}
	for len(data) > 0 {
		kind := data[0]
		length, i := 0, 1
		for ; i < len(data) && i <= maxDigits && data[i] <= 9; i++ {
			length = length*10 + int(data[i])
		}
		if kind > payloadBinary || i == 1 || i >= len(data) || data[i] != payloadEnd || length > len(data)-i-1 {
			return errPayload3
		}
		part := data[i+1 : i+1+length]
		data = data[i+1+length:]
		decode := decodeBinary3
		if kind == payloadText {
			if decode = decodeText3; !utf8.Valid(part) {
				return errUTF8
			}
		}
		p, err := decode(part)
		if err != nil {
			return err
		}
		if err := each(p); err != nil {
			return err
		}
	}
	return nil
}

// unitsSize returns how many bytes of valid UTF-8 make a number of UTF-16 code units; ok is false when data is too
// short, or when the number ends within a character.
func unitsSize(data []byte, units int) (size int, ok bool) {
	if units > len(data) {
		return 0, false
	}
	for units > 0 && size < len(data) {
		r, n := utf8.DecodeRune(data[size:])
		size += n
		units -= unitsOf(r)
	}
	return size, units == 0
}

func unitsOf(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

// encodePayload makes the payload of frames, which have been through forms. Where the client takes bytes it gets them
// for binary, and for text beyond ASCII: only in a payload of bytes do clients 1.x and 2.x understand the same.
func (p *protocol3) encodePayload(frames []*Frame, ascii func(dst, text []byte) []byte) payload {
	if !p.textual {
		for _, f := range frames {
			if f.binary || !isASCII(f.body()) {
				return payload{body: appendBytes3(nil, frames), binary: true}
			}
		}
	}
	var body, plain []byte
	for _, f := range frames {
		text := f.body()
		if ascii != nil && !isASCII(text) {
			plain = ascii(plain[:0], text)
			text = plain
		}
		body = appendText3(body, text)
	}
	return payload{body: body}
}

func appendText3(dst, text []byte) []byte {
	units := 0
	for _, r := range string(text) {
		units += unitsOf(r)
	}
	dst = strconv.AppendInt(dst, int64(units), 10)
	dst = append(dst, ':')
	return append(dst, text...)
}

func appendBytes3(dst []byte, frames []*Frame) []byte {
	for _, f := range frames {
		kind := byte(payloadText)
		if f.binary {
			kind = payloadBinary
		}
		dst = append(dst, kind)
		for _, digit := range strconv.Itoa(len(f.body())) {
			dst = append(dst, byte(digit-'0'))
		}
		dst = append(dst, payloadEnd)
		dst = append(dst, f.body()...)
	}
	return dst
}

func isASCII(data []byte) bool {
	for _, c := range data {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
