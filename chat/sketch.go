package chat

import (
	"context"
	"time"
)

// blockSize is how many messages of a conversation one sketch sums up.
const blockSize = 128

// blockOf is the number of a message's block: the first blockSize messages are block 0.
func blockOf(seq uint64) uint64 { return (seq - 1) / blockSize }

// Sketch sums up one block of a conversation, so that a search can tell without reading its messages that none of them
// matches. Searches make sketches as they go; nothing is lost with them but time.
type Sketch struct {
	Block  uint64
	Change uint64    // the conversation's last change before the block was read: of later ones the sketch knows nothing
	Oldest time.Time // the earliest time of a message in the block, in whole milliseconds
	Bits   []byte    // as Words.Sketch made it
}

// SketchStore keeps sketches.
type SketchStore interface {
	// PutSketches stores sketches of one conversation in place of former ones of the same blocks. A crash may undo it.
	PutSketches(ctx context.Context, conv ConvID, sketches []Sketch) error
	// Sketches returns those of the blocks from first up to, and without, end that have one, in order of their blocks.
	Sketches(ctx context.Context, conv ConvID, first, end uint64) ([]Sketch, error)
	// DropSketches deletes the sketches with a message older than before in them, of all conversations. It may miss one
	// that is stored meanwhile.
	DropSketches(ctx context.Context, before time.Time) error
}

// Words reads what messages say, in any language.
type Words interface {
	// Question reads what somebody searches for: one or several words, each a part of a text.
	Question(q string) (Question, error)
	// Sketch sums up the bodies of messages, for MayBeIn.
	Sketch(bodies [][]byte) []byte
	// Current tells whether a sketch was made as Sketch makes them now.
	Current(sketch []byte) bool
}

// Question is a search's words. It is for one goroutine.
type Question interface {
	// Answers tells whether a message's body has every word in its text.
	Answers(body []byte) bool
	// MayBeIn is false only if no body that was summed up answers the question.
	MayBeIn(sketch []byte) bool
}
