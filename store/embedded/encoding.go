package embedded

import (
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/parley-chat/parley/chat"
)

// The first byte of a message's value names its layout, so that another can follow without rewriting what is stored.
const (
	messageV1 = 1 // as it was sent, without files
	messageV2 = 2 // without mentions
	messageV3 = 3
)

// encodeMessage appends what the key does not say. The receiver, or the room, follows from conversation and sender.
//
//	layout (1 byte),
//	from messageV2 on: state (uvarint), change (uvarint), changed in milliseconds since 1970 (varint), the number of
//	files (uvarint) and their ids (each behind its length as uvarint),
//	in messageV3: twice the number of those it mentions, and 1 more if it mentions all (uvarint), and their ids (12 bytes
//	each),
//	sender (12 bytes), milliseconds since 1970 (varint),
//	device, ref, type (each behind its length as uvarint),
//	time (behind its length + 1, where 0 stands for none), body (the rest)
func encodeMessage(dst []byte, m *chat.Message) []byte {
	mentions := len(m.Mentions) > 0 || m.MentionsAll
	if m.State == chat.AsSent && m.Change == 0 && len(m.Files) == 0 && !mentions {
		dst = append(dst, messageV1)
	} else {
		layout := byte(messageV2)
		if mentions {
			layout = messageV3
		}
		dst = binary.AppendUvarint(append(dst, layout), uint64(m.State))
		dst = binary.AppendUvarint(dst, m.Change)
		dst = binary.AppendVarint(dst, m.Changed.UnixMilli())
		dst = binary.AppendUvarint(dst, uint64(len(m.Files)))
		for _, id := range m.Files {
			dst = appendText(dst, string(id))
		}
	}
	if mentions {
		dst = appendMentions(dst, m)
	}
	dst = appendID(dst, string(m.Sender))
	dst = binary.AppendVarint(dst, m.At.UnixMilli())
	dst = appendText(dst, string(m.Device))
	dst = appendText(dst, m.Ref)
	dst = appendText(dst, m.Type)
	if m.Time == nil {
		dst = append(dst, 0)
	} else {
		dst = append(binary.AppendUvarint(dst, uint64(len(m.Time))+1), m.Time...)
	}
	return append(dst, m.Body...)
}

func appendMentions(dst []byte, m *chat.Message) []byte {
	n := 2 * uint64(len(m.Mentions))
	if m.MentionsAll {
		n++
	}
	dst = binary.AppendUvarint(dst, n)
	for _, id := range m.Mentions {
		dst = appendID(dst, string(id))
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// decodeMessage reads a message. It keeps value: Time and Body lie in it.
func decodeMessage(conv chat.ConvID, seq uint64, value []byte) (chat.Message, error) {
	r := reader{rest: value, ok: true}
	m := chat.Message{Conv: conv, Seq: seq}
	switch layout := r.take(1); {
	case r.ok && layout[0] == messageV1:
	case r.ok && (layout[0] == messageV2 || layout[0] == messageV3):
		m.State, m.Change = chat.State(r.uvarint()), r.uvarint()
		if m.Changed = r.time(); m.Change == 0 {
			m.Changed = time.Time{}
		}
		for range min(r.uvarint(), uint64(len(r.rest))) {
			m.Files = append(m.Files, chat.FileID(r.text()))
		}
		if layout[0] == messageV3 {
			m.Mentions, m.MentionsAll = r.mentions()
		}
	default:
		return chat.Message{}, unreadable("message")
	}
	sender := r.take(idSize)
	m.At = r.time()
	m.Device = chat.DeviceID(r.text())
	m.Ref = string(r.text())
	m.Type = string(r.text())
	if n := r.uvarint(); n > 0 {
		m.Time = r.take(n - 1)
	}
	m.Body = r.rest
	if !r.ok {
		return chat.Message{}, unreadable("message")
	}
	if room, ok := conv.Room(); ok {
		m.Sender, m.Room = userOf(sender), room
		return m, nil
	}
	// The ids are parts of the conversation's name, so no new text is made for them.
	var digits [2 * idSize]byte
	hex.Encode(digits[:], sender)
	m.Sender, m.To, _ = conv.Users()
	if string(m.Sender) != string(digits[:]) {
		m.Sender, m.To = m.To, m.Sender
	}
	return m, nil
}

// encodeReceipt appends where a message is: conversation, number (uvarint), milliseconds since 1970 (varint).
func encodeReceipt(dst []byte, conv *convKey, seq uint64, at time.Time) []byte {
	dst = binary.AppendUvarint(append(dst, conv.key()...), seq)
	return binary.AppendVarint(dst, at.UnixMilli())
}

func decodeReceipt(value []byte) (chat.Receipt, error) {
	conv, rest, ok := readConv(value)
	r := reader{rest: rest, ok: ok}
	receipt := chat.Receipt{Conv: conv.id(), Seq: r.uvarint(), At: r.time()}
	if !r.ok {
		return receipt, unreadable("ref")
	}
	return receipt, nil
}

// reader takes parts off the front of a value. ok turns false at the first part that is not there.
type reader struct {
	rest []byte
	ok   bool
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.rest, r.ok = nil, false
		return nil
	}
	part := r.rest[:n:n]
	r.rest = r.rest[n:]
	return part
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.take(uint64(max(n, 0)))
	r.ok = r.ok && n > 0
	return v
}

func (r *reader) mentions() (users []chat.UserID, all bool) {
	n := r.uvarint()
	ids := r.take(min(n/2, uint64(len(r.rest))) * idSize) // of more there is no room
	for ; len(ids) > 0; ids = ids[idSize:] {
		users = append(users, userOf(ids[:idSize]))
	}
	return users, n&1 == 1
}

func (r *reader) text() []byte { return r.take(r.uvarint()) }

func (r *reader) time() time.Time {
	v, n := binary.Varint(r.rest)
	r.take(uint64(max(n, 0)))
	r.ok = r.ok && n > 0
	return time.UnixMilli(v).UTC()
}
