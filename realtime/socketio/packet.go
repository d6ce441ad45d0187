package socketio

import (
	"bytes"
	"errors"
	"unicode"

	"github.com/parley-chat/parley/realtime/rawjson"
)

// Packet types, Socket.IO protocol 5, section "Packet encoding"; the same since protocol 3.
const (
	typeConnect      = '0'
	typeDisconnect   = '1'
	typeEvent        = '2'
	typeAck          = '3'
	typeConnectError = '4'
	typeBinaryEvent  = '5'
	typeBinaryAck    = '6'
)

// Bounds of a packet.
const (
	maxNamespace   = 256     // bytes of a namespace's name
	maxQuery       = 8 << 10 // bytes of the query behind it
	maxArgs        = 32
	maxAttachments = 1 << 20 // that can be announced; Config.MaxAttachments says how many are taken
)

var (
	errType        = errors.New("unknown packet type")
	errAttachments = errors.New("bad attachment count")
	errNamespace   = errors.New("bad namespace")
	errID          = errors.New("bad ack id")
	errPayload     = errors.New("a packet of this type has no payload, or an object")
	errAckID       = errors.New("an ack needs an id")
	errNoName      = errors.New("an event is an array that begins with its name")
	errReserved    = errors.New("reserved event name")
)

// NoAck is the id of a packet without an ack id.
const NoAck = -1

// packet is one decoded packet; data is part of what it was decoded from.
type packet struct {
	kind        byte
	attachments int
	namespace   string
	query       []byte // behind the namespace: the auth of clients of protocols 3 and 4
	id          int64  // or NoAck
	data        []byte
}

// parse decodes <type>[<attachments>-][<namespace>,][<ack id>][<JSON>]. The JSON is not looked at.
func parse(data []byte) (p packet, err error) {
	p = packet{namespace: "/", id: NoAck}
	if len(data) == 0 || data[0] < typeConnect || data[0] > typeBinaryAck || data[0] == typeConnectError {
		return p, errType
	}
	p.kind, data = data[0], data[1:]
	if p.kind == typeBinaryEvent || p.kind == typeBinaryAck {
		n, rest := number(data)
		if n < 0 || n > maxAttachments || len(rest) == 0 || rest[0] != '-' {
			return p, errAttachments
		}
		p.attachments, data = int(n), rest[1:]
	}
	if len(data) > 0 && data[0] == '/' {
		if p.namespace, p.query, data, err = cutNamespace(data); err != nil {
			return p, err
		}
	}
	if len(data) > 0 && data[0] >= '0' && data[0] <= '9' {
		if p.id, data = number(data); p.id < 0 {
			return p, errID
		}
	}
	p.data = data
	return p, nil
}

// cutNamespace cuts "/name,", "/name?query,", or either without the comma at the end. A control character would fall
// apart in a polling payload when the name is sent back.
func cutNamespace(data []byte) (namespace string, query, rest []byte, err error) {
	head, rest, _ := bytes.Cut(data, []byte(","))
	name, query, _ := bytes.Cut(head, []byte("?"))
	if len(name) > maxNamespace || len(query) > maxQuery || bytes.ContainsFunc(name, unicode.IsControl) {
		return "", nil, nil, errNamespace
	}
	return string(name), query, rest, nil
}

// number cuts a number without sign off the front; -1 when there is none or it is out of range.
func number(data []byte) (n int64, rest []byte) {
	i := 0
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	if i == 0 || i > 18 {
		return -1, data
	}
	for _, c := range data[:i] {
		n = n*10 + int64(c-'0')
	}
	return n, data[i:]
}

// arguments splits the array of an event or ack into dst.
func arguments(p packet, dst [][]byte) (name string, args [][]byte, err error) {
	args, err = rawjson.Elements(p.data, dst)
	if err != nil {
		return "", nil, err
	}
	if p.kind == typeAck || p.kind == typeBinaryAck {
		if p.id == NoAck {
			return "", nil, errAckID
		}
		return "", args, nil
	}
	if len(args) == 0 {
		return "", nil, errNoName
	}
	name, ok := rawjson.String(args[0])
	if !ok {
		return "", nil, errNoName
	}
	switch name {
	// Names that clients and servers of the official implementation use for themselves.
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return "", nil, errReserved
	}
	return name, args[1:], nil
}
