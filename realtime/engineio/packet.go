package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"unicode/utf8"
)

// Packet types, Engine.IO protocol 4, section "Protocol".
const (
	packetOpen    = '0'
	packetClose   = '1'
	packetPing    = '2'
	packetPong    = '3'
	packetMessage = '4'
	packetUpgrade = '5'
	packetNoop    = '6'
)

// separator stands between the packets of a polling payload; binary marks a base64 message in one.
const (
	separator    = '\x1e'
	binaryPrefix = 'b'
)

var (
	errPacket = errors.New("invalid packet")
	errUTF8   = errors.New("text is not valid UTF-8")
	errBase64 = errors.New("binary packet is not base64")
)

// packet is one decoded packet. data is a part of what it was decoded from, except for binary from a payload.
type packet struct {
	kind   byte
	binary bool
	data   []byte
}

// decodeText decodes a packet that came as text. That it is UTF-8 has been checked.
func decodeText(data []byte) (packet, error) {
	if len(data) == 0 || data[0] < packetOpen || data[0] > packetNoop {
		return packet{}, errPacket
	}
	return packet{kind: data[0], data: data[1:]}, nil
}

// decodePayload calls each with every packet of a polling payload, in order, until one is malformed or each fails.
func decodePayload(data []byte, each func(packet) error) error {
	if !utf8.Valid(data) {
		return errUTF8
	}
	for more := true; more; {
		var part []byte
		part, data, more = bytes.Cut(data, []byte{separator})
		p, err := decodePart(part)
		if err != nil {
			return err
		}
		if err := each(p); err != nil {
			return err
		}
	}
	return nil
}

func decodePart(part []byte) (packet, error) {
	if len(part) == 0 || part[0] != binaryPrefix {
		return decodeText(part)
	}
	return decodeBase64(part[1:])
}

func decodeBase64(data []byte) (packet, error) {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(data)))
	n, err := base64.StdEncoding.Decode(raw, data)
	if err != nil {
		return packet{}, errBase64
	}
	return packet{kind: packetMessage, binary: true, data: raw[:n]}, nil
}

// payload is the answer to a poll.
type payload struct {
	body   []byte // nil to refuse the poll: the session has left polling
	binary bool   // not text; of protocol 3 alone
	noop   bool   // nothing is lost when it does not arrive
}

// encodePayload makes the payload of frames.
func encodePayload(frames []*Frame) payload {
	var body []byte
	for _, f := range frames {
		body = appendPart(body, f)
	}
	return payload{body: body}
}

// appendPart appends a frame to a polling payload.
func appendPart(dst []byte, f *Frame) []byte {
	if len(dst) > 0 {
		dst = append(dst, separator)
	}
	if !f.binary {
		return append(dst, f.body()...)
	}
	dst = append(dst, binaryPrefix)
	return base64.StdEncoding.AppendEncode(dst, f.body())
}
