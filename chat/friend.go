package chat

import (
	"context"
	"slices"
	"time"
)

// MaxFriends bounds how many friends a user adds: they are listed in one answer, and all of them hear that she comes
// and goes. Of several added at once a few more may get in, and so may those of an archive.
const MaxFriends = 5000

// FriendStore keeps who counts whom as a friend, one way.
type FriendStore interface {
	// AddFriend stores that friend is a friend of owner; added is false when it was so already.
	AddFriend(ctx context.Context, owner, friend UserID, at time.Time) (added bool, err error)
	// Friends lists the friends of owner, first added first.
	Friends(ctx context.Context, owner UserID) ([]UserID, error)
	// Befriended tells, for each owner, whether she counts friend as a friend.
	Befriended(ctx context.Context, owners []UserID, friend UserID) ([]bool, error)
}

// Friends are the rules of friendship.
type Friends struct {
	Store    FriendStore
	Accounts AccountStore
	Now      func() time.Time
}

// Add makes friend a friend of owner, one way and at once; added is false when it was so already.
//
// Errors: Invalid for oneself or a malformed id, NotFound for an unknown user, TooLarge past MaxFriends.
func (s *Friends) Add(ctx context.Context, owner, friend UserID) (added bool, err error) {
	switch {
	case !friend.Valid():
		return false, Errorf(Invalid, "userID: not a user id")
	case friend == owner:
		return false, Errorf(Invalid, "userID: nobody befriends herself")
	}
	if _, err := s.Accounts.Account(ctx, friend); err != nil {
		return false, err
	}
	friends, err := s.Store.Friends(ctx, owner)
	switch {
	case err != nil:
		return false, err
	case len(friends) >= MaxFriends && !slices.Contains(friends, friend):
		return false, Errorf(TooLarge, "friends: at most %d", MaxFriends)
	}
	return s.Store.AddFriend(ctx, owner, friend, s.Now())
}

// List returns the accounts of owner's friends, first added first.
func (s *Friends) List(ctx context.Context, owner UserID) ([]Account, error) {
	ids, err := s.Store.Friends(ctx, owner)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return s.Accounts.Accounts(ctx, ids)
}
