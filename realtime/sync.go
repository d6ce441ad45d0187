package realtime

import (
	"context"
	"strconv"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/rawjson"
)

func syncEvents() map[string]event {
	return map[string]event{
		"sync": {known, rule(syncDevice)},
	}
}

type syncRequest struct {
	Cursors map[chat.ConvID]uint64 `json:"cursors"`
	Changes map[chat.ConvID]uint64 `json:"changes"`
	Limit   int                    `json:"limit"`
	After   string                 `json:"after"` // next of a former answer
}

// syncReply is the answer: {conversations, changed, more, next?}.
type syncReply chat.Synced

func syncDevice(ctx context.Context, s *session, r syncRequest) (syncReply, error) {
	after, err := chat.ParsePlace(r.After)
	if err != nil {
		return syncReply{}, err
	}
	answer, err := s.door.cfg.Syncs.Answer(ctx, s.userID(), chat.Sync{
		Cursors: r.Cursors, Changes: r.Changes, After: after, Limit: r.Limit,
	})
	return syncReply(answer), err
}

func (r syncReply) wireSize() int {
	size := 64 + nextSize + messagesSize(r.Changed)
	for i := range r.Convs {
		c := &r.Convs[i]
		size += 320 + len(c.Name) + messageSize(&c.Newest) + messagesSize(c.Missed)
	}
	return size
}

func (r syncReply) appendMembers(b []byte) []byte {
	b = append(b, `"conversations":[`...)
	for i := range r.Convs {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendConvState(b, &r.Convs[i])
	}
	b = appendMessages(append(b, `],"changed":`...), r.Changed)
	b = strconv.AppendBool(append(b, `,"more":`...), !r.Next.IsZero())
	return appendNext(b, r.Next)
}

func appendConvState(b []byte, c *chat.ConvState) []byte {
	b = append(append(b, `{"conv":"`...), c.Conv...) // ids need no escapes, see appendMessage
	if c.Room == "" {
		b = append(append(append(b, `","with":"`...), c.With...), '"')
	} else {
		b = append(append(b, `","room":"`...), c.Room...)
		b = rawjson.AppendString(append(b, `","name":`...), c.Name)
		b = rawjson.AppendString(append(b, `,"role":`...), string(c.Role))
	}
	b = strconv.AppendUint(append(b, `,"last":`...), c.Newest.Seq, 10)
	b = strconv.AppendInt(append(b, `,"at":`...), c.Newest.At.UnixMilli(), 10)
	b = appendMarks(append(b, ','), c.Mine)
	b = strconv.AppendInt(append(b, `,"unread":`...), int64(c.Unread), 10)
	if c.Mention > 0 {
		b = strconv.AppendUint(append(b, `,"mentioned":true,"mention":`...), c.Mention, 10)
	}
	if c.Room == "" {
		b = append(appendMarks(append(b, `,"peer":{`...), c.Peer), '}')
	}
	b = strconv.AppendUint(append(b, `,"change":`...), c.Change, 10)
	b = appendMessage(append(b, `,"message":`...), &c.Newest, false)
	if len(c.Missed) > 0 {
		b = appendMessages(append(b, `,"messages":`...), c.Missed)
	}
	if c.More {
		b = append(b, `,"more":true`...)
	}
	if c.MoreChanges {
		b = append(b, `,"moreChanges":true`...)
	}
	return append(b, '}')
}

func appendMarks(b []byte, m chat.Marks) []byte {
	b = strconv.AppendUint(append(b, `"received":`...), m.Received, 10)
	return strconv.AppendUint(append(b, `,"read":`...), m.Read, 10)
}
