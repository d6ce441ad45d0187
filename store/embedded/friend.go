package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
)

// friendship is the value of a friendship. Without a remark, and one way, it is the bare time, as it always was before
// there were such things.
type friendship struct {
	Since  time.Time `json:"since"`
	Remark string    `json:"remark,omitempty"`
	Agreed bool      `json:"agreed,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (f friendship) MarshalJSON() ([]byte, error) {
	if f.Remark == "" && !f.Agreed {
		return json.Marshal(f.Since)
	}
	type object friendship
	return json.Marshal(object(f))
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *friendship) UnmarshalJSON(value []byte) error {
	if bytes.HasPrefix(value, []byte(`"`)) {
		return json.Unmarshal(value, &f.Since)
	}
	type object friendship
	return json.Unmarshal(value, (*object)(f))
}

func (f friendship) of(owner, friend chat.UserID) chat.Friendship {
	return chat.Friendship{Owner: owner, Friend: friend, Since: f.Since, Remark: f.Remark, Agreed: f.Agreed}
}

func friendshipValue(f *chat.Friendship) friendship { return friendship{f.Since, f.Remark, f.Agreed} }

// pairKey is the key of something between two users, the first of whom it belongs to.
func pairKey(kind byte, first, second chat.UserID) ([]byte, error) {
	k, err := key(kind, first)
	if err == nil && !second.Valid() {
		err = chat.Errorf(chat.Invalid, "not a user id")
	}
	return appendID(k, string(second)), err
}

// AddFriend implements chat.FriendStore.
func (s *Store) AddFriend(ctx context.Context, owner, friend chat.UserID, at time.Time) (added bool, err error) {
	return s.putNew(ctx, kindFriend, owner, friend, friendship{Since: at})
}

// putNew stores a value between two users, unless there is one.
func (s *Store) putNew(ctx context.Context, kind byte, first, second chat.UserID, value any) (added bool, err error) {
	k, err := pairKey(kind, first, second)
	if err != nil {
		return false, err
	}
	return s.updateIf(ctx, k, false, func(c *change) error { return c.put(k, value) })
}

// remove deletes what is between two users, if there is something.
func (s *Store) remove(ctx context.Context, kind byte, first, second chat.UserID) (removed bool, err error) {
	k, err := pairKey(kind, first, second)
	if err != nil {
		return false, err
	}
	return s.updateIf(ctx, k, true, func(c *change) error { return broken(c.Delete(k, nil)) })
}

// Befriend implements chat.FriendStore. Both directions are stored together.
func (s *Store) Befriend(ctx context.Context, a, b chat.UserID, at time.Time) error {
	there, err := pairKey(kindFriend, a, b)
	if err != nil {
		return err
	}
	back, err := pairKey(kindFriend, b, a)
	if err != nil {
		return err
	}
	return s.update(ctx, func(c *change) error {
		for _, k := range [][]byte{there, back} {
			f := friendship{Since: at}
			if _, err := s.load(k, &f); err != nil {
				return err
			}
			if f.Agreed {
				continue
			}
			f.Agreed = true
			if err := c.put(k, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveFriend implements chat.FriendStore.
func (s *Store) RemoveFriend(ctx context.Context, owner, friend chat.UserID) (removed bool, err error) {
	return s.remove(ctx, kindFriend, owner, friend)
}

// SetRemark implements chat.FriendStore.
func (s *Store) SetRemark(ctx context.Context, owner, friend chat.UserID, remark string) error {
	k, err := pairKey(kindFriend, owner, friend)
	if err != nil {
		return err
	}
	return s.update(ctx, func(c *change) error {
		var f friendship
		switch known, err := s.load(k, &f); {
		case err != nil:
			return err
		case !known:
			return chat.Errorf(chat.NotFound, "no such friend")
		case f.Remark == remark:
			return nil
		}
		f.Remark = remark
		return c.put(k, f)
	})
}

// Friends implements chat.FriendStore.
func (s *Store) Friends(ctx context.Context, owner chat.UserID) ([]chat.UserID, error) {
	friends, err := s.Friendships(ctx, owner)
	ids := make([]chat.UserID, len(friends))
	for i, f := range friends {
		ids[i] = f.Friend
	}
	return ids, err
}

// Friendships implements chat.FriendStore.
func (s *Store) Friendships(ctx context.Context, owner chat.UserID) ([]chat.Friendship, error) {
	var found []chat.Friendship
	err := s.between(ctx, kindFriend, owner, func(friend chat.UserID, value []byte) error {
		var f friendship
		err := unpack(value, &f)
		found = append(found, f.of(owner, friend))
		return err
	})
	slices.SortStableFunc(found, func(a, b chat.Friendship) int { return a.Since.Compare(b.Since) })
	return found, err
}

// between calls f with everyone to whom a user has something of a kind, in the order of ids.
func (s *Store) between(ctx context.Context, kind byte, first chat.UserID, f func(second chat.UserID, value []byte) error) error {
	k, err := key(kind, first)
	if err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.each(k, func(rest, value []byte) error { return f(userOf(rest), value) })
}

// Befriended implements chat.FriendStore.
func (s *Store) Befriended(ctx context.Context, owners []chat.UserID, friend chat.UserID) ([]bool, error) {
	pairs := make([][2]chat.UserID, len(owners))
	for i, owner := range owners {
		pairs[i] = [2]chat.UserID{owner, friend}
	}
	return s.have(ctx, kindFriend, pairs)
}

// have tells, for each pair, whether there is something of a kind.
func (s *Store) have(ctx context.Context, kind byte, pairs [][2]chat.UserID) ([]bool, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	have := make([]bool, len(pairs))
	for i, pair := range pairs {
		k, err := pairKey(kind, pair[0], pair[1])
		if err != nil {
			return nil, err
		}
		if _, have[i], err = s.get(k); err != nil {
			return nil, err
		}
	}
	return have, nil
}

// RemoveRelations implements chat.FriendStore. All of it goes together.
func (s *Store) RemoveRelations(ctx context.Context, user chat.UserID) error {
	if _, err := key(kindFriend, user); err != nil {
		return err
	}
	return s.update(ctx, func(c *change) error {
		// Each kind, and the kind of what stands beside it under the other's id.
		for _, kinds := range [][]byte{
			{kindFriend, kindFriend}, {kindBlock}, {kindRequest, kindAsked}, {kindAsked, kindRequest},
		} {
			prefix := appendID(kinds[:1:1], string(user))
			err := s.each(prefix, func(other, _ []byte) error {
				err := c.Delete(append(prefix[:len(prefix):len(prefix)], other...), nil)
				if err == nil && len(kinds) > 1 {
					err = c.Delete(append(append([]byte{kinds[1]}, other...), prefix[1:]...), nil)
				}
				return broken(err)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
