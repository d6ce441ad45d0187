package chat

import (
	"context"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"
)

// Message is one message of a conversation. To is set for a direct conversation, Room for a room's.
type Message struct {
	Conv   ConvID
	Seq    uint64 // 1, 2, 3, … in its conversation, without gap
	Sender UserID
	Device DeviceID // the sender's device; "" when it is not known. A device is not sent again what it sent itself
	To     UserID
	Room   RoomID
	Ref    string    // the sender's own name for this message; unique per sender; "" for none
	Type   string    // "text" unless the sender says otherwise
	Time   []byte    // the sender's time as the JSON it sent; nil for none
	Body   []byte    // JSON; null when State says that it is gone
	At     time.Time // when the server took it, in whole milliseconds
	Files  []FileID  // the uploaded files that Body names
	Nonce  string    // one per submission, for Append alone: engines do not return it. "" for none

	Mentions    []UserID // whom it calls, see Draft; they stay as an edit finds them, and go with what it said
	MentionsAll bool     // it calls everyone in the room

	State   State
	Change  uint64    // the conversation's number of the latest change to this message; 0 while it is as it was sent
	Changed time.Time // when that was, in whole milliseconds
}

// State says what became of a message since it was sent.
type State uint8

// The states. Their numbers are stored.
const (
	AsSent   State = iota
	Edited         // Body is not the first one
	Recalled       // its sender took it back: the place remains, Body and Files are gone
	Expired        // its time was over: the place remains because numbers count from it
)

// ID names the message on the wire.
func (m *Message) ID() string { return MessageID(m.Conv, m.Seq) }

// Receipt says where a message ended up.
type Receipt struct {
	Conv   ConvID
	Seq    uint64
	At     time.Time
	Repeat bool // the sender's ref was known: this is the first message's place and nothing new was stored
}

// MessageStore keeps messages.
type MessageStore interface {
	// Append numbers messages and stores them in the order given, and returns when they are durable. A conversation's
	// numbers have no gap, whoever else appends to it. A message whose (Sender, Ref) is known, from the store or from
	// earlier in this batch, stores nothing and is answered with the first one's receipt. The Seq of the arguments is
	// ignored. The first message of a direct conversation enters it into the lists of both users.
	//
	// On an error the receipts are those of the messages that are stored for certain, a prefix of the batch; the
	// others may be stored or not. Appending them again, the same messages with the same Nonces, finds out: each is
	// stored once, and its receipt is a Repeat only where another message had its Ref before. Unavailable means that
	// trying again may help; with another code the engine will not take one of the batch.
	Append(ctx context.Context, batch []Message) ([]Receipt, error)
	// Since returns at most limit messages numbered above after, oldest first.
	Since(ctx context.Context, conv ConvID, after uint64, limit int) ([]Message, error)
	// Before returns at most limit messages numbered below before, the newest of those, oldest first. 0 is above all.
	Before(ctx context.Context, conv ConvID, before uint64, limit int) ([]Message, error)
	// Last returns the highest number of each conversation, 0 where it has none.
	Last(ctx context.Context, convs []ConvID) ([]uint64, error)
	// Newest returns the place of the message with the highest number in each conversation; Seq is 0 where it has none.
	Newest(ctx context.Context, convs []ConvID) ([]Receipt, error)
	// Conversations lists the direct conversations of a user, in no order.
	Conversations(ctx context.Context, user UserID) ([]ConvID, error)

	ChangeStore
}

// Draft is a request to send a message.
type Draft struct {
	Sender UserID
	Device DeviceID
	To     UserID
	Room   RoomID
	Ref    string
	Type   string
	Time   []byte // JSON
	Body   []byte // JSON

	// Whom it calls by a flag in their lists: at most MaxMentions members of the room, or all of them. Others are dropped,
	// and in a direct conversation everyone: there each message is the other's anyway.
	Mentions    []UserID
	MentionsAll bool
}

// Bounds of a message.
const (
	MaxBody  = 256 << 10 // bytes of JSON
	MaxRef   = 128       // bytes
	maxType  = 32
	maxTime  = 64
	MaxPage  = 200 // messages in one answer
	pageSize = 50  // when the asker names none
	partSize = 64  // messages of a page that are read at once

	// maxPageBytes bounds the bodies of a page, if it has more than one message: an answer must fit into what may wait
	// for a client.
	maxPageBytes = 1 << 20
)

// Outcome is the end of one submitted draft. Err is nil when Message is stored (Repeat: was stored before).
type Outcome struct {
	Message *Message
	Repeat  bool
	lane    uint16 // the committer's own
	Err     *Error
	Origin  any // what came with Submit
}

// Door carries outcomes to the people behind it. Deliver changes neither the slice nor its messages, which other doors get
// as well, must not keep the slice, and should not wait for a client. It copies what it needs of a message for long: a
// message that is kept keeps its whole batch in memory. Outcomes of one conversation come in the order of their numbers; a
// door is called by several goroutines, each with conversations of its own.
type Door interface {
	Deliver(batch []Outcome)
}

// Messages are the rules of sending and reading. Make it with NewMessages.
type Messages struct {
	// ChangeTime is how long after it was sent a message may be edited and recalled; 0 stands for never. It is set
	// before Start.
	ChangeTime time.Duration

	store     MessageStore
	accounts  AccountStore
	now       func() time.Time
	committer *committer
	changing  *turns
	passages  recent[passage, verdict] // see mayWrite

	// Gate says whether a user may write to another, who exists: Forbidden if not. It is not asked again for every message:
	// see Forget. Nil means that everybody may. It is set before Start.
	Gate func(ctx context.Context, from, to UserID) error

	// Cursors keeps who was mentioned; nil forgets it. It is set before Start.
	Cursors *Cursors

	// Files is asked about the files that messages name. Nil means that there are none. It is set before Start.
	Files FileStore
	// Rooms says who writes and reads in which room. Nil means that there are none. It is set before Start.
	Rooms *Rooms
	// RoomBacklog is how many messages of a room, the newest, a login sends at the most; 0 for all. It is set before Start.
	RoomBacklog int
}

// NewMessages returns the rules over an engine. Outcomes go to the doors given to Start.
func NewMessages(store MessageStore, accounts AccountStore, now func() time.Time) *Messages {
	return &Messages{store: store, accounts: accounts, now: now, committer: newCommitter(store), changing: newTurns()}
}

// LogTo says where it is told that the engine is away, and that it is back. It is called before Start.
func (s *Messages) LogTo(log *slog.Logger) { s.committer.log = log }

// Start begins to commit and deliver.
func (s *Messages) Start(doors ...Door) {
	s.committer.start(append(slices.Clip(doors), ownDoor{s.Cursors}))
}

// Close refuses what comes from now on, commits and delivers what was taken, and returns when that is done or ctx ends.
func (s *Messages) Close(ctx context.Context) error { return s.committer.close(ctx) }

// Submit checks a draft and takes it. After nil, every door hears exactly one Outcome with this origin, as soon as
// the message is durable or known not to be. Submit waits while the committer's queue is full, but not for long, and
// refuses at once while the engine is away.
//
// Errors: Invalid, TooLarge, NotFound for an unknown receiver, a room that the sender is not in, or a file that is about to
// be deleted, Forbidden while she is muted, or for a receiver who does not take it, Unavailable.
func (s *Messages) Submit(ctx context.Context, d Draft, origin any) error {
	if err := d.check(); err != nil {
		return err
	}
	conv, err := s.address(ctx, &d)
	if err != nil {
		return err
	}
	if d.Mentions != nil || d.MentionsAll {
		if err := d.settleMentions(ctx, s.Rooms); err != nil {
			return err
		}
	}
	files, err := s.references(ctx, d.Body)
	if err != nil {
		return err
	}
	if d.Type == "" {
		d.Type = "text"
	}
	return s.committer.submit(ctx, &Message{
		Conv: conv, Sender: d.Sender, Device: d.Device, To: d.To, Room: d.Room, Ref: d.Ref, Type: d.Type, Time: d.Time, Body: d.Body,
		At: s.now().Truncate(time.Millisecond), Files: files, Mentions: d.Mentions, MentionsAll: d.MentionsAll,
	}, origin)
}

// address returns the conversation of a draft, if its sender may write there.
func (s *Messages) address(ctx context.Context, d *Draft) (ConvID, error) {
	if d.Room != "" {
		if s.committer.isAway() {
			return "", errRefused()
		}
		return RoomConv(d.Room), s.Rooms.MayWrite(ctx, d.Sender, d.Room)
	}
	conv := DirectConv(d.Sender, d.To)
	return conv, s.mayWrite(ctx, conv, d.Sender, d.To)
}

func (d *Draft) check() error {
	switch {
	case d.To == "" && d.Room == "":
		return Errorf(Invalid, "toUserid: missing (or room)")
	case d.To != "" && d.Room != "":
		return Errorf(Invalid, "toUserid and room exclude each other")
	case d.To != "" && !d.To.Valid():
		return Errorf(Invalid, "toUserid: not a user id")
	case d.Room != "" && !d.Room.Valid():
		return Errorf(Invalid, "room: not a room id")
	case len(d.Ref) > MaxRef || !utf8.ValidString(d.Ref):
		return Errorf(Invalid, "ref: at most %d bytes of UTF-8", MaxRef)
	case d.Type == systemType || d.Type == "bot":
		return Errorf(Invalid, "type: %s is the server's own", d.Type)
	case len(d.Type) > maxType || !utf8.ValidString(d.Type):
		return Errorf(Invalid, "type: at most %d bytes of UTF-8", maxType)
	case len(d.Mentions) > MaxMentions:
		return Errorf(Invalid, "mentions: at most %d users", MaxMentions)
	case len(d.Time) > maxTime:
		return Errorf(Invalid, "time: at most %d bytes", maxTime)
	}
	return checkBody(d.Body)
}

func checkBody(body []byte) error {
	switch {
	case len(body) == 0 || string(body) == "null" || string(body) == `""`:
		return Errorf(Invalid, "message: missing or empty")
	case len(body) > MaxBody:
		return Errorf(TooLarge, "message: over %d bytes", MaxBody)
	}
	return nil
}
