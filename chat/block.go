package chat

import (
	"context"
	"slices"
	"time"
)

// Block says that Owner wants nothing to do with Other.
type Block struct {
	Owner, Other UserID
	At           time.Time
}

// BlockStore keeps who blocks whom.
type BlockStore interface {
	// Block stores that owner blocks other; changed is false when she did already.
	Block(ctx context.Context, owner, other UserID, at time.Time) (changed bool, err error)
	// Unblock ends it; changed is false when she did not block her.
	Unblock(ctx context.Context, owner, other UserID) (changed bool, err error)
	// Blocked lists whom owner blocks, first blocked first.
	Blocked(ctx context.Context, owner UserID) ([]UserID, error)
	// Blocks tells, for each pair, whether the first blocks the second.
	Blocks(ctx context.Context, pairs [][2]UserID) ([]bool, error)
}

// Block makes user want nothing to do with other: neither writes to the other from now on, other is no friend of hers any
// more, what she asked of other is taken back, and what other asks of her she does not hear of. Other is told nothing:
// her own list stays as it is, and what she asks seems to wait. Blocking again changes nothing, and completes what a crash
// left.
//
// Errors: Invalid, NotFound for an unknown user, TooLarge past MaxBlocks.
func (s *Friends) Block(ctx context.Context, user, other UserID) error {
	if err := s.known(ctx, "user", user, other); err != nil {
		return err
	}
	leave, err := s.pair(ctx, user, other)
	if err != nil {
		return err
	}
	defer leave()
	blocked, err := s.Store.Blocked(ctx, user)
	switch {
	case err != nil:
		return err
	case len(blocked) >= MaxBlocks && !slices.Contains(blocked, other):
		return Errorf(TooLarge, "blocked: at most %d", MaxBlocks)
	}
	defer s.changed(user, other) // also on an error: the engine may have done it
	if _, err := s.Store.Block(ctx, user, other, s.Now()); err != nil {
		return err
	}
	if _, err := s.Store.RemoveFriend(ctx, user, other); err != nil {
		return err
	}
	if _, err = s.Store.TakeRequest(ctx, user, other); CodeOf(err) != NotFound {
		return err
	}
	return nil
}

// Unblock ends it. They are not friends again by that. Unblocking who is not blocked changes nothing.
//
// Errors: Invalid.
func (s *Friends) Unblock(ctx context.Context, user, other UserID) error {
	if !other.Valid() {
		return Errorf(Invalid, "user: not a user id")
	}
	leave, err := s.pair(ctx, user, other)
	if err != nil {
		return err
	}
	defer leave()
	defer s.changed(user, other)
	_, err = s.Store.Unblock(ctx, user, other)
	return err
}

// MayWrite tells whether a user may write to another, who exists. What the receiver thinks of the sender is not told: a
// block and a stranger's door are refused in the same words.
//
// Errors: Forbidden.
func (s *Friends) MayWrite(ctx context.Context, from, to UserID) error {
	if from == to {
		return nil
	}
	blocks, err := s.Store.Blocks(ctx, [][2]UserID{{from, to}, {to, from}})
	switch {
	case err != nil:
		return err
	case blocks[0]:
		return errUnblockFirst()
	case blocks[1]:
		return errNotTaken()
	}
	if !s.FriendsOnly {
		return nil
	}
	befriended, err := s.Store.Befriended(ctx, []UserID{to}, from)
	if err == nil && !befriended[0] {
		err = errNotTaken()
	}
	return err
}

func errUnblockFirst() error { return Errorf(Forbidden, "you have blocked this user: unblock first") }

func errNotTaken() error { return Errorf(Forbidden, "this user does not take messages from you") }
