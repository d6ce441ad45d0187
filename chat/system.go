package chat

import (
	"context"
	"time"
)

// systemType is the type of messages that the server itself puts into a room.
const systemType = "system"

// System puts a message of the server's own into a room: its type is "system", its sender the one who did what it tells
// of. It is numbered, stored and delivered like any other, and returned when every door has been given it. Whether the
// sender may write there, the caller knows.
//
// Errors: Unavailable, and after a cancelled ctx the message may be stored all the same.
func (s *Messages) System(ctx context.Context, room RoomID, by UserID, body []byte) (Message, error) {
	w := &waiting{ended: make(chan struct{})}
	err := s.committer.submit(ctx, &Message{
		Conv: RoomConv(room), Sender: by, Room: room, Type: systemType, Body: body, At: s.now().Truncate(time.Millisecond),
	}, w)
	if err != nil {
		return Message{}, err
	}
	select {
	case <-w.ended:
	case <-ctx.Done():
		return Message{}, Wrap(Unavailable, "cancelled", ctx.Err())
	}
	if w.err != nil {
		return Message{}, w.err
	}
	return w.message, nil
}

// waiting is the origin of a message that a rule waits for.
type waiting struct {
	ended   chan struct{} // closed when message and err are there
	message Message
	err     *Error
}

// ownDoor is the rules' own, behind all others: what it does about a message, it does when the people's doors have it.
type ownDoor struct{ cursors *Cursors }

func (d ownDoor) Deliver(batch []Outcome) {
	for i := range batch {
		o := &batch[i]
		if w, ok := o.Origin.(*waiting); ok {
			if w.err = o.Err; w.err == nil {
				w.message = *o.Message
			}
			close(w.ended)
		}
		if m := o.Message; d.cursors != nil && o.Err == nil && !o.Repeat && (len(m.Mentions) > 0 || m.MentionsAll) {
			d.cursors.noteMentions(m)
		}
	}
}
