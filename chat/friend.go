package chat

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Bounds of what a user keeps about others. MaxFriends are listed in one answer, and all of them hear that she comes and
// goes. Of several added at once a few more may get in, and so may those of an archive; the same holds for the others.
const (
	MaxFriends  = 5000
	MaxRequests = 500 // that wait for one user, and that one user has made
	MaxBlocks   = 5000
	maxNote     = 200 // runes
	maxRemark   = 64  // runes
)

// Friendship says that Friend is a friend of Owner, one way.
type Friendship struct {
	Owner, Friend UserID
	Since         time.Time
	Remark        string // what Owner calls her; "" for none
	Agreed        bool   // one asked and the other accepted: there is one in the other direction, and both end together
}

// FriendStore keeps who counts whom as a friend, one way, and what goes with it.
type FriendStore interface {
	// AddFriend stores that friend is a friend of owner; added is false when it was so already.
	AddFriend(ctx context.Context, owner, friend UserID, at time.Time) (added bool, err error)
	// Befriend stores that each of two is a friend of the other, agreed. What was so already keeps its time and remark.
	// On an error one of the two directions may be stored; calling it again completes it.
	Befriend(ctx context.Context, a, b UserID, at time.Time) error
	// RemoveFriend ends one direction; removed is false when there was none. Of several at once, one removes it.
	RemoveFriend(ctx context.Context, owner, friend UserID) (removed bool, err error)
	// SetRemark replaces what owner calls a friend, "" for nothing; NotFound when she is none.
	SetRemark(ctx context.Context, owner, friend UserID, remark string) error
	// Friends lists the friends of owner, first added first.
	Friends(ctx context.Context, owner UserID) ([]UserID, error)
	// Friendships lists the same as Friends, with all that is known of each.
	Friendships(ctx context.Context, owner UserID) ([]Friendship, error)
	// Befriended tells, for each owner, whether she counts friend as a friend.
	Befriended(ctx context.Context, owners []UserID, friend UserID) ([]bool, error)
	// RemoveRelations removes the friendships of a user, those in the other direction of them, whom she blocks, and the
	// requests to her and of hers. Who else counts her as a friend, or blocks her, goes on doing so. On an error some of
	// it may be gone; calling it again completes it.
	RemoveRelations(ctx context.Context, user UserID) error

	RequestStore
	BlockStore
}

// Bond is what stands between two users after one of them wished for it.
type Bond string

// The bonds that Add and Ask lead to.
const (
	NowFriends     Bond = "friends" // since this moment
	AlreadyFriends Bond = "already" // they were before
	NowAsked       Bond = "asked"   // the other has to answer
)

// FriendAudience hears what happens between users. Each door tells the sessions that it has, and does not wait for a client.
type FriendAudience interface {
	// FriendAsked says that from asks r.To.
	FriendAsked(r FriendRequest, from Account)
	// FriendAnswered says to who asked how by answered.
	FriendAnswered(to UserID, by Account, accepted bool)
	// FriendRemoved says that by ended a friendship that to and by had agreed on.
	FriendRemoved(to, by UserID)
}

// Friends are the rules of friendship, of asking for it, and of who may write to whom.
type Friends struct {
	Store    FriendStore
	Accounts AccountStore
	Now      func() time.Time

	// AskFirst makes Add ask instead.
	AskFirst bool
	// FriendsOnly says that only who is counted as a friend by the receiver may write to her.
	FriendsOnly bool
	// Asks paces the requests of each user; nil for no limit.
	Asks Limiter
	// Presence says who is there; nil when nobody does.
	Presence *Presence
	// Tell hears what happens. It is set before the first call.
	Tell []FriendAudience
	// Changed is told of two for whom MayWrite may answer otherwise from now on. It may be nil.
	Changed func(a, b UserID)

	making sync.Once
	turns  *turns // by pair: use pair
}

// pair lets one at a time change what is between two users, in this process. What follows from several reads and writes
// is therefore exact in one process; two may both do what one would have done.
func (s *Friends) pair(ctx context.Context, a, b UserID) (leave func(), err error) {
	s.making.Do(func() { s.turns = newTurns() })
	return s.turns.enter(ctx, DirectConv(a, b))
}

// Add makes friend a friend of owner, one way and at once; with AskFirst it asks her, without a note.
//
// Errors: Invalid for oneself or a malformed id, NotFound for an unknown user, Forbidden for one whom owner blocks,
// TooLarge past MaxFriends; those of Ask.
func (s *Friends) Add(ctx context.Context, owner, friend UserID) (Bond, error) {
	if err := s.known(ctx, "userID", owner, friend); err != nil {
		return "", err
	}
	if s.AskFirst {
		return s.ask(ctx, owner, friend, "")
	}
	leave, err := s.pair(ctx, owner, friend)
	if err != nil {
		return "", err
	}
	defer leave()
	added, err := s.add(ctx, owner, friend)
	switch {
	case err != nil:
		return "", err
	case !added:
		return AlreadyFriends, nil
	}
	s.changed(owner, friend)
	return NowFriends, nil
}

// known tells whether there is another user, named in a field.
func (s *Friends) known(ctx context.Context, field string, user, other UserID) error {
	switch {
	case !other.Valid():
		return Errorf(Invalid, "%s: not a user id", field)
	case other == user:
		return Errorf(Invalid, "%s: nobody befriends or blocks herself", field)
	}
	_, err := s.Accounts.Account(ctx, other)
	return err
}

// add stores one direction. The caller is the pair's only one.
func (s *Friends) add(ctx context.Context, owner, friend UserID) (added bool, err error) {
	blocks, err := s.Store.Blocks(ctx, [][2]UserID{{owner, friend}})
	switch {
	case err != nil:
		return false, err
	case blocks[0]:
		return false, errUnblockFirst()
	}
	friends, err := s.Store.Friends(ctx, owner)
	switch {
	case err != nil:
		return false, err
	case slices.Contains(friends, friend):
		return false, nil
	case len(friends) >= MaxFriends:
		return false, Errorf(TooLarge, "friends: at most %d", MaxFriends)
	}
	added, err = s.Store.AddFriend(ctx, owner, friend, s.Now())
	if err == nil {
		err = s.notBlocked(ctx, owner, friend)
	}
	return added, err
}

// notBlocked takes a friendship back that another process's Block came between: whom a user blocks is never in her list. It
// is asked behind the write, as Block removes behind its own, so that one of the two sees the other.
func (s *Friends) notBlocked(ctx context.Context, owner, friend UserID) error {
	blocks, err := s.Store.Blocks(ctx, [][2]UserID{{owner, friend}})
	if err != nil || !blocks[0] {
		return err
	}
	if _, err := s.Store.RemoveFriend(ctx, owner, friend); err != nil {
		return err
	}
	return errUnblockFirst()
}

// changed says that who of two may write to whom has to be asked again.
func (s *Friends) changed(a, b UserID) {
	if s.Changed != nil {
		s.Changed(a, b)
	}
}

// Remove ends a friendship of a user: one that was agreed on in both directions, and the other is told; one that she
// made by herself, with Add, in hers alone. A request of hers that waits is taken back instead, and nobody is told.
//
// Errors: Invalid, NotFound when there is neither.
func (s *Friends) Remove(ctx context.Context, user, friend UserID) error {
	if !friend.Valid() {
		return Errorf(Invalid, "user: not a user id")
	}
	leave, err := s.pair(ctx, user, friend)
	if err != nil {
		return err
	}
	defer leave()
	friends, err := s.Store.Friendships(ctx, user)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(friends, func(f Friendship) bool { return f.Friend == friend })
	if at < 0 {
		if _, err := s.Store.TakeRequest(ctx, user, friend); CodeOf(err) != NotFound {
			return err
		}
		return Errorf(NotFound, "user: not a friend of yours")
	}
	defer s.changed(user, friend)
	told := false
	if friends[at].Agreed { // the other direction first: what is left by a crash is mended by removing again
		if told, err = s.Store.RemoveFriend(ctx, friend, user); err != nil {
			return err
		}
	}
	if _, err := s.Store.RemoveFriend(ctx, user, friend); err != nil {
		return err
	}
	if told {
		for _, audience := range s.Tell {
			audience.FriendRemoved(friend, user)
		}
	}
	return nil
}

// Remark sets what a user calls a friend of hers, "" for nothing. Nobody else sees it.
//
// Errors: Invalid, NotFound when she is no friend.
func (s *Friends) Remark(ctx context.Context, user, friend UserID, remark string) error {
	if remark != "" {
		if err := checkText("remark", remark, maxRemark); err != nil {
			return err
		}
	}
	if !friend.Valid() {
		return Errorf(Invalid, "user: not a user id")
	}
	return s.Store.SetRemark(ctx, user, friend, remark)
}

// LeaveAll removes what a user who erases her account has with others. Who agreed to be her friend is told.
func (s *Friends) LeaveAll(ctx context.Context, user UserID) error {
	friends, err := s.Store.Friendships(ctx, user)
	if err != nil {
		return err
	}
	if err := s.Store.RemoveRelations(ctx, user); err != nil {
		return err
	}
	for _, f := range friends {
		s.changed(user, f.Friend)
		if f.Agreed {
			for _, audience := range s.Tell {
				audience.FriendRemoved(f.Friend, user)
			}
		}
	}
	return nil
}
