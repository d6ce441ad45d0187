package embedded

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
)

// Block implements chat.BlockStore.
func (s *Store) Block(ctx context.Context, owner, other chat.UserID, at time.Time) (changed bool, err error) {
	return s.putNew(ctx, kindBlock, owner, other, at)
}

// Unblock implements chat.BlockStore.
func (s *Store) Unblock(ctx context.Context, owner, other chat.UserID) (changed bool, err error) {
	return s.remove(ctx, kindBlock, owner, other)
}

// Blocked implements chat.BlockStore.
func (s *Store) Blocked(ctx context.Context, owner chat.UserID) ([]chat.UserID, error) {
	var found []chat.Block
	err := s.between(ctx, kindBlock, owner, func(other chat.UserID, value []byte) error {
		b := chat.Block{Other: other}
		err := unpack(value, &b.At)
		found = append(found, b)
		return err
	})
	slices.SortStableFunc(found, func(a, b chat.Block) int { return a.At.Compare(b.At) })
	ids := make([]chat.UserID, len(found))
	for i, b := range found {
		ids[i] = b.Other
	}
	return ids, err
}

// Blocks implements chat.BlockStore.
func (s *Store) Blocks(ctx context.Context, pairs [][2]chat.UserID) ([]bool, error) {
	return s.have(ctx, kindBlock, pairs)
}
