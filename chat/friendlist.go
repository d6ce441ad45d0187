package chat

import (
	"context"
	"slices"
)

// seenAtOnce are the friends in one question of a list to the engine, whether they are there.
const seenAtOnce = 500

// Friend is one in a user's list.
type Friend struct {
	Account    Account
	Friendship Friendship
	// Seen says whether she is there. A friend who does not let the asker see that is not online, and was never seen.
	// Only List fills it.
	Seen Appearance
}

// FriendList is all that a user keeps about others.
type FriendList struct {
	Friends  []Friend
	Requests []Asking // that wait for her answer, oldest first
	Asked    []Asking // that she waits for, oldest first
	Blocked  []Account
}

// Friends returns the friends of a user, first added first, without saying who is there.
func (s *Friends) Friends(ctx context.Context, user UserID) ([]Friend, error) {
	made, err := s.Store.Friendships(ctx, user)
	if err != nil || len(made) == 0 {
		return nil, err
	}
	ids := make([]UserID, len(made))
	for i, f := range made {
		ids[i] = f.Friend
	}
	accounts, err := s.accounts(ctx, ids)
	friends := make([]Friend, 0, len(made))
	for _, f := range made {
		if a, ok := accounts[f.Friend]; ok { // else she has erased her account
			friends = append(friends, Friend{Account: a, Friendship: f, Seen: Appearance{User: f.Friend}})
		}
	}
	return friends, err
}

// accounts returns those of ids that exist.
func (s *Friends) accounts(ctx context.Context, ids []UserID) (map[UserID]Account, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	accounts, err := s.Accounts.Accounts(ctx, ids)
	byID := make(map[UserID]Account, len(accounts))
	for _, a := range accounts {
		byID[a.ID] = a
	}
	return byID, err
}

// List returns all that a user keeps about others.
func (s *Friends) List(ctx context.Context, user UserID) (FriendList, error) {
	var list FriendList
	var err error
	if list.Friends, err = s.Friends(ctx, user); err != nil {
		return list, err
	}
	if err := s.see(ctx, user, list.Friends); err != nil {
		return list, err
	}
	blocked, err := s.Store.Blocked(ctx, user)
	if err != nil {
		return list, err
	}
	requests, err := s.Store.Requests(ctx, user)
	if err != nil {
		return list, err
	}
	asked, err := s.Store.Asked(ctx, user)
	if err != nil {
		return list, err
	}
	requests = heard(requests, blocked)
	ids := slices.Clone(blocked)
	for _, r := range requests {
		ids = append(ids, r.From)
	}
	for _, r := range asked {
		ids = append(ids, r.To)
	}
	accounts, err := s.accounts(ctx, ids)
	list.Requests = askings(requests, accounts, func(r *FriendRequest) UserID { return r.From })
	list.Asked = askings(asked, accounts, func(r *FriendRequest) UserID { return r.To })
	for _, id := range blocked {
		if a, ok := accounts[id]; ok {
			list.Blocked = append(list.Blocked, a)
		}
	}
	return list, err
}

// see fills in who of a user's friends is there.
func (s *Friends) see(ctx context.Context, user UserID, friends []Friend) error {
	if s.Presence == nil {
		return nil
	}
	for part := range slices.Chunk(friends, seenAtOnce) {
		ids := make([]UserID, len(part))
		for i := range part {
			ids[i] = part[i].Account.ID
		}
		seen, err := s.Presence.of(ctx, user, ids)
		if err != nil {
			return err
		}
		for i := range part { // those of seen come in the order of ids
			if len(seen) > 0 && seen[0].User == ids[i] {
				part[i].Seen, seen = seen[0], seen[1:]
			}
		}
	}
	return nil
}
