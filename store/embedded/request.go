package embedded

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// request is the value of a request, under both of its keys.
type request struct {
	Note string    `json:"note,omitempty"`
	At   time.Time `json:"at"`
}

// requestKeys are the keys of a request: one for the list of who is asked, one for that of who asks.
func requestKeys(from, to chat.UserID) (keys [2][]byte, err error) {
	if keys[0], err = pairKey(kindRequest, to, from); err != nil {
		return keys, err
	}
	keys[1], err = pairKey(kindAsked, from, to)
	return keys, err
}

// PutRequest implements chat.RequestStore.
func (s *Store) PutRequest(ctx context.Context, r chat.FriendRequest) (added bool, err error) {
	keys, err := requestKeys(r.From, r.To)
	if err != nil {
		return false, err
	}
	err = s.update(ctx, func(c *change) error {
		_, known, err := s.get(keys[0])
		if err != nil || known {
			return err
		}
		added = true
		for _, k := range keys {
			if err := c.put(k, request{r.Note, r.At}); err != nil {
				return err
			}
		}
		return nil
	})
	return added && err == nil, err
}

// TakeRequest implements chat.RequestStore.
func (s *Store) TakeRequest(ctx context.Context, from, to chat.UserID) (chat.FriendRequest, error) {
	keys, err := requestKeys(from, to)
	if err != nil {
		return chat.FriendRequest{}, err
	}
	var v request
	err = s.update(ctx, func(c *change) error {
		known, err := s.load(keys[0], &v)
		if err != nil {
			return err
		}
		if !known {
			return chat.Errorf(chat.NotFound, "no such request")
		}
		for _, k := range keys {
			if err := c.Delete(k, nil); err != nil {
				return broken(err)
			}
		}
		return nil
	})
	if err != nil {
		return chat.FriendRequest{}, err
	}
	return chat.FriendRequest{From: from, To: to, Note: v.Note, At: v.At}, nil
}

// Requests implements chat.RequestStore.
func (s *Store) Requests(ctx context.Context, to chat.UserID) ([]chat.FriendRequest, error) {
	return s.requests(ctx, kindRequest, to, func(r *chat.FriendRequest, other chat.UserID) { r.From, r.To = other, to })
}

// Awaited implements chat.RequestStore. One iterator looks for all of them.
func (s *Store) Awaited(ctx context.Context, users []chat.UserID) ([]bool, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindRequest}, UpperBound: []byte{kindRequest + 1}})
	if err != nil {
		return nil, broken(err)
	}
	defer it.Close()
	awaited := make([]bool, len(users))
	for i, user := range users {
		k, err := key(kindRequest, user)
		if err != nil {
			return nil, err
		}
		awaited[i] = it.SeekGE(k) && bytes.HasPrefix(it.Key(), k)
	}
	return awaited, broken(it.Error())
}

// Asked implements chat.RequestStore.
func (s *Store) Asked(ctx context.Context, from chat.UserID) ([]chat.FriendRequest, error) {
	return s.requests(ctx, kindAsked, from, func(r *chat.FriendRequest, other chat.UserID) { r.From, r.To = from, other })
}

func (s *Store) requests(ctx context.Context, kind byte, of chat.UserID, name func(r *chat.FriendRequest, other chat.UserID)) ([]chat.FriendRequest, error) {
	var found []chat.FriendRequest
	err := s.between(ctx, kind, of, func(other chat.UserID, value []byte) error {
		var v request
		err := unpack(value, &v)
		r := chat.FriendRequest{Note: v.Note, At: v.At}
		name(&r, other)
		found = append(found, r)
		return err
	})
	slices.SortStableFunc(found, func(a, b chat.FriendRequest) int { return a.At.Compare(b.At) })
	return found, err
}
