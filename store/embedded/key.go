package embedded

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/parley-chat/parley/chat"
)

// Key layout. A key begins with one byte that names its kind. Ids are the 12 bytes behind their 24 hex digits, so that
// a message's key is 34 bytes long and sorts by conversation, then number. What is of free length stands last in its
// key, or behind its own length, so that no name can reach into another's keys.
//
//	kind  rest of the key                       value
//	v                                           schema version: uvarint
//	a     user                                  account: JSON
//	u     username                              its user
//	e     email                                 its user
//	p     phone                                 its user
//	C     purpose (behind length), email        email code: JSON
//	E     email in lower case                   its user, where the email has capitals
//	N     number (8 bytes, big endian)          its user, also when she was erased
//	f     owner, friend                         friendship: JSON
//	t     owner, other                          since when owner blocks other: JSON
//	z     to, from                              request: JSON
//	Z     from, to                              the same request
//	m     conv, seq (8 bytes, big endian)       message: see encodeMessage
//	r     sender, ref                           receipt of the message with this ref: see encodeReceipt
//	h     conv, change (8 bytes, big endian)    number of the message whose latest change this is: uvarint
//	l     user, other                           empty: the two have a direct conversation
//	c     user, device (behind length), conv    delivered cursor: uvarint
//	d     user, device                          device: JSON
//	o     user                                  seen last: milliseconds since 1970 (varint)
//	s, n                                        of former versions, see dropSockets
//	w     conv, block (8 bytes, big endian)     sketch: see encodeSketch
//	b     file (24 characters)                  file: JSON
//	k     file                                  empty: the file is loose, that is not kept
//	q     user                                  what the user's files weigh together: uvarint
//	x     file, conv, seq                       empty: that message names the file
//	g     room                                  room: JSON
//	i     code                                  its room
//	I     number (8 bytes, big endian)          its room
//	j     room, user                            member: see encodeMember
//	y     user, room                            empty: she is a member
//
// conv is 'd' and two users, or 'r' and a room.
const (
	kindVersion  = 'v'
	kindAccount  = 'a'
	kindUsername = 'u'
	kindEmail    = 'e'
	kindPhone    = 'p'
	kindCode     = 'C'
	kindLower    = 'E'
	kindNumber   = 'N'
	kindFriend   = 'f'
	kindBlock    = 't'
	kindRequest  = 'z'
	kindAsked    = 'Z'
	kindMessage  = 'm'
	kindRef      = 'r'
	kindChange   = 'h'
	kindList     = 'l'
	kindCursor   = 'c'
	kindDevice   = 'd'
	kindSeen     = 'o'
	kindSocket   = 's'
	kindNode     = 'n'
	kindSketch   = 'w'
	kindFile     = 'b'
	kindLoose    = 'k'
	kindWeight   = 'q'
	kindUse      = 'x'
	kindRoom     = 'g'
	kindOpens    = 'i'
	kindNumbered = 'I'
	kindMember   = 'j'
	kindMembered = 'y'
)

const (
	idSize     = 12
	directSize = 1 + 2*idSize
	roomSize   = 1 + idSize
	seqSize    = 8
)

// key begins a key with its kind and one user.
func key(kind byte, user chat.UserID) ([]byte, error) {
	if !user.Valid() {
		return nil, chat.Errorf(chat.Invalid, "not a user id")
	}
	return appendID([]byte{kind}, string(user)), nil
}

// named is the key of something that a text alone names.
func named(kind byte, name string) []byte { return append([]byte{kind}, name...) }

// numberKey is the key of a user's number.
func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{kindNumber}, n) }

// appendID appends the bytes behind the digits of a valid id.
func appendID(dst []byte, id string) []byte {
	dst, _ = hex.AppendDecode(dst, []byte(id))
	return dst
}

func userOf(id []byte) chat.UserID { return chat.UserID(hex.EncodeToString(id)) }

// convKey is a conversation as keys hold it. It is comparable and holds no pointer, for the maps of the numbering.
type convKey struct {
	bytes [directSize]byte
	size  uint8
}

func parseConv(conv chat.ConvID) (k convKey, err error) {
	dst := k.bytes[:0]
	if a, b, ok := conv.Users(); ok {
		dst = appendID(appendID(append(dst, 'd'), string(a)), string(b))
	} else if room, ok := conv.Room(); ok {
		dst = appendID(append(dst, 'r'), string(room))
	} else {
		return k, chat.Errorf(chat.Invalid, "not a conversation id")
	}
	k.size = uint8(len(dst))
	return k, nil
}

// readConv takes a conversation off the front of b; ok is false when there is none.
func readConv(b []byte) (k convKey, rest []byte, ok bool) {
	switch {
	case len(b) >= directSize && b[0] == 'd':
		k.size = directSize
	case len(b) >= roomSize && b[0] == 'r':
		k.size = roomSize
	default:
		return k, b, false
	}
	copy(k.bytes[:], b[:k.size])
	return k, b[k.size:], true
}

func (k *convKey) key() []byte { return k.bytes[:k.size] }

func (k *convKey) id() chat.ConvID {
	if k.size == roomSize {
		return chat.RoomConv(chat.RoomID(hex.EncodeToString(k.bytes[1:roomSize])))
	}
	return chat.DirectConv(userOf(k.bytes[1:1+idSize]), userOf(k.bytes[1+idSize:]))
}

// message is the key of a message, or with number 0 the place before the first.
func (k *convKey) message(seq uint64) []byte {
	return k.appendMessage(make([]byte, 0, 1+directSize+seqSize), seq)
}

func (k *convKey) appendMessage(dst []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(append(dst, kindMessage), k.key()...), seq)
}

// change is the key of a change.
func (k *convKey) change(number uint64) []byte {
	dst := make([]byte, 0, 1+directSize+seqSize)
	return binary.BigEndian.AppendUint64(append(append(dst, kindChange), k.key()...), number)
}

// seqOf returns the number at the end of the key of a message or a change.
func seqOf(key []byte) uint64 {
	return binary.BigEndian.Uint64(key[len(key)-seqSize:])
}

// cursorsKey is what the keys of all cursors of a device begin with.
func cursorsKey(user chat.UserID, device chat.DeviceID) ([]byte, error) {
	k, err := key(kindCursor, user)
	k = binary.AppendUvarint(k, uint64(len(device)))
	return append(k, device...), err
}

// behind is the first key that does not begin with prefix.
func behind(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil // prefix is all 0xff: there is no such key
}
