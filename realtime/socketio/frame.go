package socketio

import (
	"strconv"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/rawjson"
)

// This file encodes what goes to clients. Arguments are given as JSON, and stay what they are.

// EventFrame makes the packet of an event with one argument.
func EventFrame(namespace, name string, argument []byte) *engineio.Frame {
	return textFrame(typeEvent, 0, namespace, NoAck, name, argument)
}

// AckFrame makes the packet of an ack with one argument.
func AckFrame(namespace string, id int64, argument []byte) *engineio.Frame {
	return textFrame(typeAck, 0, namespace, id, "", argument)
}

// WriteEventFrame is EventFrame for an argument that write appends, of about size bytes: it is written once, where it
// is sent from.
func WriteEventFrame(namespace, name string, size int, write func(dst []byte) []byte) *engineio.Frame {
	return engineio.NewText(len(namespace)+len(name)+frameRoom+size, func(dst []byte) []byte {
		dst = append(appendHead(dst, typeEvent, 0, namespace), '[')
		dst = append(rawjson.AppendString(dst, name), ',')
		return append(write(dst), ']')
	})
}

// WriteAckFrame is AckFrame likewise.
func WriteAckFrame(namespace string, id int64, size int, write func(dst []byte) []byte) *engineio.Frame {
	return engineio.NewText(len(namespace)+frameRoom+size, func(dst []byte) []byte {
		dst = strconv.AppendInt(appendHead(dst, typeAck, 0, namespace), id, 10)
		return append(write(append(dst, '[')), ']')
	})
}

// frameRoom is room for what is in every frame: types, an ack id, quotes, brackets.
const frameRoom = 32

// EventFrames makes the packet of an event. An id that is not negative asks the client for an ack, see AckHandler.
//
// Where an attachment belongs, the arguments have {"_placeholder":true,"num":i}. The frames of a packet belong together:
// they go to a connection in one call of Send or Enqueue.
func EventFrames(namespace, name string, id int64, args, attachments [][]byte) []*engineio.Frame {
	kind := byte(typeEvent)
	if len(attachments) > 0 {
		kind = typeBinaryEvent
	}
	return withAttachments(textFrame(kind, len(attachments), namespace, id, name, args...), attachments)
}

// AckFrames makes the packet of an ack, with attachments as in EventFrames.
func AckFrames(namespace string, id int64, args, attachments [][]byte) []*engineio.Frame {
	kind := byte(typeAck)
	if len(attachments) > 0 {
		kind = typeBinaryAck
	}
	return withAttachments(textFrame(kind, len(attachments), namespace, id, "", args...), attachments)
}

func withAttachments(text *engineio.Frame, attachments [][]byte) []*engineio.Frame {
	frames := append(make([]*engineio.Frame, 0, 1+len(attachments)), text)
	for _, data := range attachments {
		frames = append(frames, engineio.NewBinary(data))
	}
	return frames
}

// textFrame makes the text of an event or ack; an ack has no name.
func textFrame(kind byte, attachments int, namespace string, id int64, name string, args ...[]byte) *engineio.Frame {
	size := len(namespace) + len(name) + frameRoom
	for _, arg := range args {
		size += len(arg) + 1
	}
	return engineio.NewText(size, func(dst []byte) []byte {
		dst = appendHead(dst, kind, attachments, namespace)
		if id >= 0 {
			dst = strconv.AppendInt(dst, id, 10)
		}
		dst = append(dst, '[')
		if kind == typeEvent || kind == typeBinaryEvent {
			dst = rawjson.AppendString(dst, name)
			if len(args) > 0 {
				dst = append(dst, ',')
			}
		}
		for i, arg := range args {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, arg...)
		}
		return append(dst, ']')
	})
}

// controlFrame makes a packet with a payload that is no array: CONNECT, CONNECT_ERROR, DISCONNECT.
func controlFrame(kind byte, namespace string, payload []byte) *engineio.Frame {
	return engineio.NewText(len(namespace)+len(payload)+2, func(dst []byte) []byte {
		return append(appendHead(dst, kind, 0, namespace), payload...)
	})
}

// appendHead appends <type>[<attachments>-][<namespace>,].
func appendHead(dst []byte, kind byte, attachments int, namespace string) []byte {
	dst = append(dst, kind)
	if attachments > 0 {
		dst = append(strconv.AppendInt(dst, int64(attachments), 10), '-')
	}
	if namespace != "/" {
		dst = append(dst, namespace...)
		dst = append(dst, ',')
	}
	return dst
}
