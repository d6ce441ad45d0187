package embedded

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// appendSketch is the key of a block's sketch.
func (k *convKey) appendSketch(dst []byte, block uint64) []byte {
	return binary.BigEndian.AppendUint64(append(append(dst, kindSketch), k.key()...), block)
}

// encodeSketch appends what the key does not say: change (uvarint), oldest in milliseconds since 1970 (varint), bits
// (the rest).
func encodeSketch(dst []byte, s *chat.Sketch) []byte {
	dst = binary.AppendUvarint(dst, s.Change)
	dst = binary.AppendVarint(dst, s.Oldest.UnixMilli())
	return append(dst, s.Bits...)
}

// PutSketches implements chat.SketchStore.
func (s *Store) PutSketches(ctx context.Context, conv chat.ConvID, sketches []chat.Sketch) error {
	k, err := parseConv(conv)
	if err != nil {
		return err
	}
	return s.update(ctx, func(c *change) error {
		c.mayLose = true
		for i := range sketches {
			if err := c.Set(k.appendSketch(nil, sketches[i].Block), encodeSketch(nil, &sketches[i]), nil); err != nil {
				return broken(err)
			}
		}
		return nil
	})
}

// Sketches implements chat.SketchStore.
func (s *Store) Sketches(ctx context.Context, conv chat.ConvID, first, end uint64) ([]chat.Sketch, error) {
	k, err := parseConv(conv)
	if err != nil || first >= end {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: k.appendSketch(nil, first), UpperBound: k.appendSketch(nil, end)})
	if err != nil {
		return nil, broken(err)
	}
	defer it.Close()
	var sketches []chat.Sketch
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, broken(err)
		}
		r := reader{rest: slices.Clone(value), ok: true}
		sketch := chat.Sketch{Block: seqOf(it.Key()), Change: r.uvarint(), Oldest: r.time(), Bits: r.rest}
		if !r.ok {
			return nil, unreadable("sketch")
		}
		sketches = append(sketches, sketch)
	}
	return sketches, broken(it.Error())
}

// DropSketches implements chat.SketchStore.
func (s *Store) DropSketches(ctx context.Context, before time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	batch := s.db.NewBatch()
	defer batch.Close()
	err := s.each([]byte{kindSketch}, func(rest, value []byte) error {
		r := reader{rest: value, ok: true}
		if r.uvarint(); r.time().Before(before) || !r.ok {
			return broken(batch.Delete(append([]byte{kindSketch}, rest...), nil))
		}
		return nil
	})
	if err != nil || batch.Empty() {
		return err
	}
	return s.commit(batch)
}
