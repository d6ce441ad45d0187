package embedded

import (
	"context"
	"encoding/binary"

	"github.com/parley-chat/parley/chat"
)

// AdvanceCursors implements chat.CursorStore.
//
// A crash may undo moves, but no first cursor: those say where a new device begins, and without them it would be sent
// everything. They cost a sync only where a conversation is new to a device.
func (s *Store) AdvanceCursors(ctx context.Context, cursors []chat.Cursor) error {
	// The furthest of each, since the batch does not see its own writes.
	moves := make(map[string]uint64, len(cursors))
	for _, cur := range cursors {
		k, err := cursorsKey(cur.User, cur.Device)
		if err != nil {
			return err
		}
		conv, err := parseConv(cur.Conv)
		if err != nil {
			return err
		}
		k = append(k, conv.key()...)
		moves[string(k)] = max(moves[string(k)], cur.Seq)
	}
	return s.update(ctx, func(c *change) error {
		c.mayLose = true
		for k, seq := range moves {
			value, ok, err := s.get([]byte(k))
			if err != nil {
				return err
			}
			if former, _ := binary.Uvarint(value); ok && former >= seq {
				continue
			}
			c.mayLose = c.mayLose && ok
			if err := c.Set([]byte(k), binary.AppendUvarint(value[:0], seq), nil); err != nil {
				return broken(err)
			}
		}
		return nil
	})
}

// Cursors implements chat.CursorStore.
func (s *Store) Cursors(ctx context.Context, user chat.UserID, device chat.DeviceID) (map[chat.ConvID]uint64, error) {
	k, err := cursorsKey(user, device)
	if err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	cursors := make(map[chat.ConvID]uint64)
	err = s.each(k, func(rest, value []byte) error {
		conv, _, ok := readConv(rest)
		seq, n := binary.Uvarint(value)
		if !ok || n <= 0 {
			return unreadable("cursor")
		}
		cursors[conv.id()] = seq
		return nil
	})
	return cursors, err
}

func unreadable(what string) error {
	return chat.Errorf(chat.Internal, "a stored %s cannot be read", what)
}
