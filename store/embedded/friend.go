package embedded

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
)

// AddFriend implements chat.FriendStore.
func (s *Store) AddFriend(ctx context.Context, owner, friend chat.UserID, at time.Time) (added bool, err error) {
	k, err := key(kindFriend, owner)
	if err != nil {
		return false, err
	}
	if !friend.Valid() {
		return false, chat.Errorf(chat.Invalid, "not a user id")
	}
	k = appendID(k, string(friend))
	err = s.update(ctx, func(c *change) error {
		_, known, err := s.get(k)
		if err != nil || known {
			return err
		}
		added = true
		return c.put(k, at)
	})
	return added && err == nil, err
}

// Friends implements chat.FriendStore.
func (s *Store) Friends(ctx context.Context, owner chat.UserID) ([]chat.UserID, error) {
	k, err := key(kindFriend, owner)
	if err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	type friend struct {
		id    chat.UserID
		since time.Time
	}
	var found []friend
	err = s.each(k, func(rest, value []byte) error {
		f := friend{id: userOf(rest)}
		found = append(found, f)
		return unpack(value, &found[len(found)-1].since)
	})
	slices.SortStableFunc(found, func(a, b friend) int { return a.since.Compare(b.since) })
	ids := make([]chat.UserID, len(found))
	for i, f := range found {
		ids[i] = f.id
	}
	return ids, err
}

// Befriended implements chat.FriendStore.
func (s *Store) Befriended(ctx context.Context, owners []chat.UserID, friend chat.UserID) ([]bool, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	befriended := make([]bool, len(owners))
	for i, owner := range owners {
		k, err := key(kindFriend, owner)
		if err != nil {
			return nil, err
		}
		if _, befriended[i], err = s.get(appendID(k, string(friend))); err != nil {
			return nil, err
		}
	}
	return befriended, nil
}
