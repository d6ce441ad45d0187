package socketio

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/parley-chat/parley/realtime/engineio"
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
	maxNamespace       = 256     // bytes of a namespace's name
	maxQuery           = 8 << 10 // bytes of the query behind it
	maxArgs            = 32
	maxAttachments     = 16
	maxAttachmentBytes = 8 << 20 // of all attachments of a packet
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

// noID stands for a packet without an ack id.
const noID = -1

// packet is one decoded packet; data is part of what it was decoded from.
type packet struct {
	kind        byte
	attachments int
	namespace   string
	query       []byte // behind the namespace: the auth of clients of protocols 3 and 4
	id          int64  // or noID
	data        []byte
}

// parse decodes <type>[<attachments>-][<namespace>,][<ack id>][<JSON>]. The JSON is not looked at.
func parse(data []byte) (p packet, err error) {
	p = packet{namespace: "/", id: noID}
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

// cutNamespace cuts "/name,", "/name?query,", or either without the comma at the end.
func cutNamespace(data []byte) (namespace string, query, rest []byte, err error) {
	data, rest, _ = bytes.Cut(data, []byte{','})
	name, query, _ := bytes.Cut(data, []byte{'?'})
	if len(name) > maxNamespace || len(query) > maxQuery {
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
		if p.id == noID {
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

// EventFrame makes the packet of an event with one argument, given as JSON.
func EventFrame(namespace, name string, argument []byte) *engineio.Frame {
	return engineio.NewText(len(namespace)+len(name)+len(argument)+8, func(dst []byte) []byte {
		dst = appendHead(dst, typeEvent, namespace)
		dst = append(dst, '[')
		dst = rawjson.AppendString(dst, name)
		dst = append(dst, ',')
		dst = append(dst, argument...)
		return append(dst, ']')
	})
}

// AckFrame makes the packet of an ack with one argument, given as JSON.
func AckFrame(namespace string, id int64, argument []byte) *engineio.Frame {
	return engineio.NewText(len(namespace)+len(argument)+24, func(dst []byte) []byte {
		dst = appendHead(dst, typeAck, namespace)
		dst = strconv.AppendInt(dst, id, 10)
		dst = append(dst, '[')
		dst = append(dst, argument...)
		return append(dst, ']')
	})
}

// EventFrames makes the packet of an event: its text, and the attachments that follow it. id is of the ack that is asked
// for, negative for none. Each argument is JSON; placeholders in them number the attachments.
func EventFrames(namespace string, id int64, name string, args, attachments [][]byte) []*engineio.Frame {
	named := make([][]byte, 0, 1+len(args))
	named = append(named, rawjson.AppendString(nil, name))
	return frames(typeEvent, namespace, id, append(named, args...), attachments)
}

// AckFrames makes the packet of an ack with any number of arguments, as EventFrames does.
func AckFrames(namespace string, id int64, args, attachments [][]byte) []*engineio.Frame {
	return frames(typeAck, namespace, id, args, attachments)
}

func frames(kind byte, namespace string, id int64, args, attachments [][]byte) []*engineio.Frame {
	size := len(namespace) + 32
	for _, arg := range args {
		size += 1 + len(arg)
	}
	all := make([]*engineio.Frame, 1, 1+len(attachments))
	all[0] = engineio.NewText(size, func(dst []byte) []byte {
		if len(attachments) == 0 {
			dst = append(dst, kind)
		} else {
			dst = append(dst, kind+typeBinaryEvent-typeEvent)
			dst = strconv.AppendInt(dst, int64(len(attachments)), 10)
			dst = append(dst, '-')
		}
		dst = appendNamespace(dst, namespace)
		if id >= 0 {
			dst = strconv.AppendInt(dst, id, 10)
		}
		dst = append(dst, '[')
		dst = append(dst, bytes.Join(args, []byte{','})...)
		return append(dst, ']')
	})
	for _, data := range attachments {
		all = append(all, engineio.NewBinary(data))
	}
	return all
}

// controlFrame makes a packet with a payload that is no array: CONNECT, CONNECT_ERROR, DISCONNECT.
func controlFrame(kind byte, namespace string, payload []byte) *engineio.Frame {
	return engineio.NewText(len(namespace)+len(payload)+2, func(dst []byte) []byte {
		return append(appendHead(dst, kind, namespace), payload...)
	})
}

func appendHead(dst []byte, kind byte, namespace string) []byte {
	return appendNamespace(append(dst, kind), namespace)
}

func appendNamespace(dst []byte, namespace string) []byte {
	if namespace != "/" {
		dst = append(dst, namespace...)
		dst = append(dst, ',')
	}
	return dst
}
