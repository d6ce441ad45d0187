package chat

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// UserID is 24 lower-case hex digits: an ObjectID where MongoDB keeps it.
type UserID string

// RoomID is 24 lower-case hex digits.
type RoomID string

// DeviceID names one device of one user: what the client called it, or else the id of the token it came with.
type DeviceID string

// TokenID names a token: its jti (RFC 7519, section 4.1.7).
type TokenID string

// SocketID names one Socket.IO connection to one namespace.
type SocketID string

// NodeID names one running server process.
type NodeID string

// ConvID names a conversation: "a|b" with the two user ids sorted, or "r:<room>".
type ConvID string

// FileID names an uploaded file: 24 characters of URL-safe base64, which nobody can guess.
type FileID string

// NewUserID makes an id that sorts by the second of its birth; the rest is random.
func NewUserID(now time.Time) UserID { return UserID(newObjectID(now)) }

func newObjectID(now time.Time) string {
	var b [12]byte
	binary.BigEndian.PutUint32(b[:4], uint32(now.Unix()))
	rand.Read(b[4:]) // crypto/rand.Read never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// RandomID returns n random bytes as URL-safe text without padding.
func RandomID(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Valid tells whether id has the form of a user id. It says nothing of whether such a user exists.
func (id UserID) Valid() bool { return isObjectID(string(id)) }

// Valid tells whether id has the form of a room id.
func (id RoomID) Valid() bool { return isObjectID(string(id)) }

const fileIDBytes = 18

// NewFileID makes an id that nobody can guess.
func NewFileID() FileID { return FileID(RandomID(fileIDBytes)) }

// Valid tells whether id has the form of a file id.
func (id FileID) Valid() bool {
	b, err := base64.RawURLEncoding.DecodeString(string(id))
	return err == nil && len(b) == fileIDBytes
}

func isObjectID(s string) bool {
	if len(s) != 24 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// DirectConv names the conversation of two users, the same whoever asks.
func DirectConv(a, b UserID) ConvID {
	if b < a {
		a, b = b, a
	}
	return ConvID(a + "|" + b)
}

// RoomConv names the conversation of a room.
func RoomConv(room RoomID) ConvID { return ConvID("r:" + room) }

// Users returns the two users of a direct conversation; ok is false for a room or a malformed id.
func (c ConvID) Users() (a, b UserID, ok bool) {
	left, right, found := strings.Cut(string(c), "|")
	a, b = UserID(left), UserID(right)
	return a, b, found && a.Valid() && b.Valid() && a <= b
}

// Other returns who else is in a direct conversation of a user, which is the user in the one with herself; ok is false for
// any other conversation.
func (c ConvID) Other(user UserID) (other UserID, ok bool) {
	a, b, ok := c.Users()
	switch {
	case !ok:
	case user == a:
		return b, true
	case user == b:
		return a, true
	}
	return "", false
}

// Room returns the room of a room's conversation; ok is false for any other.
func (c ConvID) Room() (room RoomID, ok bool) {
	rest, found := strings.CutPrefix(string(c), "r:")
	room = RoomID(rest)
	return room, found && room.Valid()
}

// MessageID names a message on the wire: the conversation and the number in it, which no other message has.
func MessageID(conv ConvID, seq uint64) string {
	return string(conv) + "/" + strconv.FormatUint(seq, 10)
}
