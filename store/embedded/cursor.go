package embedded

import (
	"context"
	"encoding/binary"

	"github.com/parley-chat/parley/chat"
)

// AdvanceCursors implements chat.CursorStore.
func (s *Store) AdvanceCursors(ctx context.Context, cursors []chat.Cursor) error {
	// The furthest of each, since the batch does not see its own writes.
	moves := make(map[string]uint64, len(cursors))
	for _, cur := range cursors {
		k, err := cursorKey(cur)
		if err != nil {
			return err
		}
		moves[string(k)] = max(moves[string(k)], cur.Seq)
	}
	return s.update(ctx, func(c *change) error {
		for k, seq := range moves {
			value, ok, err := s.get([]byte(k))
			if err != nil {
				return err
			}
			if former, _ := binary.Uvarint(value); ok && former >= seq {
				continue
			}
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

// CursorsAt implements chat.CursorStore.
func (s *Store) CursorsAt(ctx context.Context, cursors []chat.Cursor) ([]uint64, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	at := make([]uint64, len(cursors))
	for i, cur := range cursors {
		k, err := cursorKey(cur)
		if err != nil {
			return nil, err
		}
		value, ok, err := s.get(k)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		var n int
		if at[i], n = binary.Uvarint(value); n <= 0 {
			return nil, unreadable("cursor")
		}
	}
	return at, nil
}

func cursorKey(c chat.Cursor) ([]byte, error) {
	k, err := cursorsKey(c.User, c.Device)
	if err != nil {
		return nil, err
	}
	conv, err := parseConv(c.Conv)
	return append(k, conv.key()...), err
}

func unreadable(what string) error {
	return chat.Errorf(chat.Internal, "a stored %s cannot be read", what)
}
