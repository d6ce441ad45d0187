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

// decodePayload3 calls each with every packet of a payload of text, <length>:<packet>…, in order, until one is
// malformed or each fails. The lengths count UTF-16 code units, as JavaScript does.
func decodePayload3(data []byte, each func(packet) error) error {
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
			p, err := decodeText3(data[:size])
			if err != nil {
				return err
			}
			if err := each(p); err != nil {
				return err
			}
		}
		data = data[size:]
	}
	return nil
}

// decodeBytes3 is decodePayload3 for a payload of bytes, in which the lengths count bytes.
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

// encodePayload3 makes the payload of frames, which have been through protocol3.forms. Where the client takes bytes it
// gets them for binary and for text beyond ASCII: Engine.IO clients 1.x count the bytes of a payload, later ones its
// UTF-16 code units, and only in a payload of bytes do both mean the same.
func encodePayload3(frames []*Frame, base64 bool) payload {
	if !base64 {
		for _, f := range frames {
			if f.binary || !isASCII(f.body()) {
				return payload{appendBytes3(nil, frames), true}
			}
		}
	}
	return payload{appendPayload3(nil, frames), false}
}

func appendPayload3(dst []byte, frames []*Frame) []byte {
	for _, f := range frames {
		units := 0
		for _, r := range string(f.body()) {
			units += unitsOf(r)
		}
		dst = strconv.AppendInt(dst, int64(units), 10)
		dst = append(dst, ':')
		dst = append(dst, f.body()...)
	}
	return dst
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
