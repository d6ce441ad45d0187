package chat

import "context"

// ChangeStore keeps what becomes of messages after they were sent. Each conversation numbers its changes.
type ChangeStore interface {
	// ChangeMessage replaces State, Body, Files, Type and Changed of the message at (m.Conv, m.Seq) if its Change still
	// is was, gives it the conversation's next change number (above every one given before in the conversation; gaps
	// are allowed), and returns the whole message when that is durable. Conflict if Change is not was, NotFound if there
	// is no such message; then nothing is changed.
	ChangeMessage(ctx context.Context, m Message, was uint64) (Message, error)
	// Changed returns at most limit messages of a conversation whose latest change is numbered above after, in the
	// order of those numbers. So one that was changed again stands in it once. Who sees a change sees all lower ones.
	Changed(ctx context.Context, conv ConvID, after uint64, limit int) ([]Message, error)
	// LastChanges returns the highest change number of each conversation, 0 where it has none.
	LastChanges(ctx context.Context, convs []ConvID) ([]uint64, error)
}
