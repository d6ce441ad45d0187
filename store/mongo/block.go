package mongo

import (
	"context"
	"time"

	"github.com/parley-chat/parley/chat"
)

// blockDoc is a document of blocks; its _id is "owner/other".
type blockDoc struct {
	ID    string      `bson:"_id"`
	Owner chat.UserID `bson:"owner"`
	Other chat.UserID `bson:"other"`
	At    time.Time   `bson:"at"`
}

func newBlockDoc(b chat.Block) blockDoc {
	return blockDoc{ID: pairID(b.Owner, b.Other), Owner: b.Owner, Other: b.Other, At: b.At}
}

// Block stores that owner blocks other; changed is false when she did already.
func (s *Store) Block(ctx context.Context, owner, other chat.UserID, at time.Time) (changed bool, err error) {
	return insert(ctx, s.blocks, newBlockDoc(chat.Block{Owner: owner, Other: other, At: at}))
}

// Unblock ends it; changed is false when she did not block her.
func (s *Store) Unblock(ctx context.Context, owner, other chat.UserID) (changed bool, err error) {
	return remove(ctx, s.blocks, pairID(owner, other))
}

// Blocked lists whom owner blocks, first blocked first.
func (s *Store) Blocked(ctx context.Context, owner chat.UserID) ([]chat.UserID, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []blockDoc
	if err := find(ctx, s.blocks, under(string(owner)), &docs, inOrder()); err != nil {
		return nil, err
	}
	blocked := make([]chat.UserID, len(docs))
	for i, d := range docs {
		blocked[i] = d.Other
	}
	return blocked, nil
}

// Blocks tells, for each pair, whether the first blocks the second.
func (s *Store) Blocks(ctx context.Context, pairs [][2]chat.UserID) ([]bool, error) {
	return s.have(ctx, s.blocks, pairs)
}
