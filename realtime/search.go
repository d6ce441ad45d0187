package realtime

import (
	"context"
	"encoding/json"

	"github.com/parley-chat/parley/chat"
)

func searchEvents() map[string]event {
	return map[string]event{
		"message:search": {known, rule(messagesSearch)},
	}
}

type searchRequest struct {
	Q      string          `json:"q"`
	Conv   chat.ConvID     `json:"conv"`
	Before json.RawMessage `json:"before"` // next of a former answer; or, with conv, a number as in message:before
	Limit  int             `json:"limit"`
}

func messagesSearch(ctx context.Context, s *session, r searchRequest) (foundPage, error) {
	from, err := r.from()
	if err != nil {
		return foundPage{}, err
	}
	found, err := s.door.cfg.Searches.Find(ctx, s.userID(), chat.Search{Q: r.Q, Conv: r.Conv, Before: from, Limit: r.Limit})
	return foundPage{page{found.Messages, !found.Next.IsZero()}, found.Next}, err
}

func (r *searchRequest) from() (chat.Place, error) {
	var next string
	if r.Before == nil || json.Unmarshal(r.Before, &next) == nil { // null leaves it empty
		return chat.ParsePlace(next)
	}
	var seq uint64
	switch {
	case r.Conv == "" || json.Unmarshal(r.Before, &seq) != nil:
		return chat.Place{}, chat.Errorf(chat.Invalid, "before: the next of an answer, or with conv a number")
	case seq == 0:
		return chat.Place{}, nil
	}
	return chat.PlaceBelow(r.Conv, seq), nil
}
