package realtime

import (
	"context"
	"encoding/json"

	"github.com/parley-chat/parley/chat"
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

type syncReply struct {
	Conversations []convState       `json:"conversations"`
	Changed       []json.RawMessage `json:"changed"`
	More          bool              `json:"more"`
	Next          string            `json:"next,omitempty"`
}

type convState struct {
	Conv        chat.ConvID       `json:"conv"`
	With        chat.UserID       `json:"with"`
	Last        uint64            `json:"last"`
	At          int64             `json:"at"`
	Received    uint64            `json:"received"`
	Read        uint64            `json:"read"`
	Unread      int               `json:"unread"`
	Peer        marks             `json:"peer"`
	Change      uint64            `json:"change"`
	Message     json.RawMessage   `json:"message"`
	Messages    []json.RawMessage `json:"messages,omitempty"`
	More        bool              `json:"more,omitempty"`
	MoreChanges bool              `json:"moreChanges,omitempty"`
}

type marks struct {
	Received uint64 `json:"received"`
	Read     uint64 `json:"read"`
}

func syncDevice(ctx context.Context, s *session, r syncRequest) (syncReply, error) {
	after, err := chat.ParsePlace(r.After)
	if err != nil {
		return syncReply{}, err
	}
	answer, err := s.door.cfg.Syncs.Answer(ctx, s.userID(), chat.Sync{
		Cursors: r.Cursors, Changes: r.Changes, After: after, Limit: r.Limit,
	})
	if err != nil {
		return syncReply{}, err
	}
	reply := syncReply{
		Conversations: make([]convState, len(answer.Convs)), Changed: wireForms(answer.Changed),
		More: !answer.Next.IsZero(), Next: answer.Next.String(),
	}
	for i := range answer.Convs {
		c := &answer.Convs[i]
		reply.Conversations[i] = convState{
			Conv: c.Conv, With: c.With, Last: c.Newest.Seq, At: c.Newest.At.UnixMilli(), Received: c.Mine.Received, Read: c.Mine.Read,
			Unread: c.Unread, Peer: marks(c.Peer), Change: c.Change, Message: appendMessage(nil, &c.Newest, false),
			Messages: wireForms(c.Missed), More: c.More, MoreChanges: c.MoreChanges,
		}
	}
	return reply, nil
}
