package mongo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/x/bsonx/bsoncore"
)

// messageDoc is a document of messages. Its _id is "conv/seq" with the number padded to 20 digits, the most a uint64
// has, so that the order of ids is the order of numbers.
type messageDoc struct {
	ID     string        `bson:"_id"`
	Key    string        `bson:"key"` // see messageKey
	Conv   chat.ConvID   `bson:"conv"`
	Seq    int64         `bson:"seq"`
	Sender chat.UserID   `bson:"sender"`
	Device chat.DeviceID `bson:"device,omitempty"`
	To     chat.UserID   `bson:"to,omitempty"`
	Room   chat.RoomID   `bson:"room,omitempty"`
	Ref    string        `bson:"ref,omitempty"`
	Nonce  string        `bson:"nonce,omitempty"` // where Key does not hold it
	Type   string        `bson:"type,omitempty"`
	Time   text          `bson:"time,omitempty"`
	Body   text          `bson:"body"`
	At     time.Time     `bson:"at"`
	Files  []chat.FileID `bson:"files,omitempty"`

	State     chat.State `bson:"state,omitempty"`
	Change    int64      `bson:"change,omitempty"`
	Changed   time.Time  `bson:"changed,omitempty"`
	ChangeKey string     `bson:"changeKey,omitempty"` // see changeKey

	Mentions    []chat.UserID `bson:"mentions,omitempty"`
	MentionsAll bool          `bson:"mentionsAll,omitempty"`
}

func newMessageDoc(m *chat.Message, seq uint64) messageDoc {
	id := messageID(m.Conv, seq)
	nonce := m.Nonce
	if m.Ref == "" {
		nonce = ""
	}
	return messageDoc{
		ID: id, Key: messageKey(m, id), Conv: m.Conv, Seq: int64(seq), Sender: m.Sender, Device: m.Device, To: m.To,
		Room: m.Room, Ref: m.Ref, Nonce: nonce, Type: m.Type, Time: m.Time, Body: m.Body, At: m.At,
		Files: m.Files, State: m.State, Change: int64(m.Change), Changed: m.Changed,
		Mentions: m.Mentions, MentionsAll: m.MentionsAll,
	}
}

func (d *messageDoc) message() chat.Message {
	return chat.Message{
		Conv: d.Conv, Seq: uint64(d.Seq), Sender: d.Sender, Device: d.Device, To: d.To, Room: d.Room, Ref: d.Ref,
		Type: d.Type, Time: d.Time, Body: d.Body, At: d.At, Files: d.Files,
		State: d.State, Change: uint64(d.Change), Changed: d.Changed, Mentions: d.Mentions, MentionsAll: d.MentionsAll,
	}
}

func messageID(conv chat.ConvID, seq uint64) string { return fmt.Sprintf("%s/%020d", conv, seq) }

const noncePrefix = "n/"

// nonce is the nonce with which the message was submitted; "" for none.
func (d *messageDoc) nonce() string {
	if nonce, ok := strings.CutPrefix(d.Key, noncePrefix); ok {
		return nonce
	}
	return d.Nonce
}

// messageKey is what the unique index stands on: "sender/ref", or without a ref "n/nonce", which is no sender's, or
// without either the message's own id, which no other message has. A partial index would do without the latter, but
// FerretDB has none.
func messageKey(m *chat.Message, id string) string {
	switch {
	case m.Ref != "":
		return string(m.Sender) + "/" + m.Ref
	case m.Nonce != "":
		return noncePrefix + m.Nonce
	default:
		return id
	}
}

// conversationDoc is a document of conversations, the lists of who talks with whom; its _id is "user/conv".
type conversationDoc struct {
	ID   string      `bson:"_id"`
	User chat.UserID `bson:"user"`
	Conv chat.ConvID `bson:"conv"`
}

// text is kept as a string, so that people can read the database, unless it is not UTF-8.
type text []byte

func (t text) MarshalBSONValue() (bsontype.Type, []byte, error) {
	if utf8.Valid(t) {
		return bson.TypeString, bsoncore.AppendString(nil, string(t)), nil
	}
	return bson.TypeBinary, bsoncore.AppendBinary(nil, bson.TypeBinaryGeneric, t), nil
}

func (t *text) UnmarshalBSONValue(kind bsontype.Type, data []byte) error {
	v := bsoncore.Value{Type: kind, Data: data}
	if s, ok := v.StringValueOK(); ok {
		*t = text(s)
		return nil
	}
	if _, b, ok := v.BinaryOK(); ok {
		*t = slices.Clone(b)
		return nil
	}
	return fmt.Errorf("a body or time of BSON type %s", kind)
}

// Since returns at most limit messages numbered above after, oldest first.
func (s *Store) Since(ctx context.Context, conv chat.ConvID, after uint64, limit int) ([]chat.Message, error) {
	return s.page(ctx, messageID(conv, after), string(conv)+"0", 1, limit)
}

// Before returns at most limit messages numbered below before, the newest of those, oldest first. 0 is above all.
func (s *Store) Before(ctx context.Context, conv chat.ConvID, before uint64, limit int) ([]chat.Message, error) {
	end := string(conv) + "0"
	if before > 0 {
		end = messageID(conv, before)
	}
	page, err := s.page(ctx, string(conv)+"/", end, -1, limit)
	slices.Reverse(page)
	return page, err
}

// page reads the messages with ids between two ids, exclusive, in the given order.
func (s *Store) page(ctx context.Context, above, below string, order, limit int) ([]chat.Message, error) {
	if limit <= 0 {
		return nil, nil // MongoDB takes 0 for no limit
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []messageDoc
	err := find(ctx, s.messages, between(above, below), &docs,
		options.Find().SetSort(byID(order)).SetLimit(int64(limit)).SetBatchSize(int32(min(limit, 1<<16)+1)))
	if err != nil {
		return nil, err
	}
	page := make([]chat.Message, len(docs))
	for i := range docs {
		page[i] = docs[i].message()
	}
	return page, nil
}

// Conversations lists the direct conversations of a user, in no order.
func (s *Store) Conversations(ctx context.Context, user chat.UserID) ([]chat.ConvID, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []conversationDoc
	if err := find(ctx, s.conversations, under(string(user)), &docs); err != nil {
		return nil, err
	}
	convs := make([]chat.ConvID, len(docs))
	for i, d := range docs {
		convs[i] = d.Conv
	}
	return convs, nil
}
