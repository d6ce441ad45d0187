package embedded

import (
	"context"
	"encoding/binary"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// Expire implements chat.RetentionStore. It runs beside Append, which only adds behind the newest message, and never
// beside a change.
func (s *Store) Expire(ctx context.Context, before time.Time, from chat.ConvID, limit int) (expired int, next chat.ConvID, err error) {
	place := []byte{kindMessage}
	if from != "" {
		k, err := parseConv(from)
		if err != nil {
			return 0, "", err
		}
		place = k.message(0)
	}
	if err := s.enter(ctx); err != nil {
		return 0, "", err
	}
	defer s.leave()
	s.changes.one.Lock()
	defer s.changes.one.Unlock()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindChange}, UpperBound: []byte{kindMessage + 1}})
	if err != nil {
		return 0, "", broken(err)
	}
	defer it.Close()
	e := expiry{it: it, batch: s.db.NewBatch(), before: before, left: limit}
	defer e.batch.Close()
	for it.SeekGE(place); it.Valid(); it.SeekGE(place) {
		conv, _, ok := readConv(it.Key()[1:])
		if !ok {
			return 0, "", unreadable("message")
		}
		if e.left <= 0 {
			next = conv.id()
			break
		}
		done, err := e.conversation(&conv, s.numbering.end(conv))
		if err != nil {
			return 0, "", err
		}
		if place = conv.message(0); done {
			place = conv.message(math.MaxUint64)
		}
	}
	if err := it.Error(); err != nil {
		return 0, "", broken(err)
	}
	if !e.batch.Empty() {
		err = s.commit(e.batch)
	}
	return e.expired, next, err
}

// expiry is one call of Expire.
type expiry struct {
	it      *pebble.Iterator // over changes and messages
	batch   *pebble.Batch
	before  time.Time
	left    int // messages that may still be looked at
	expired int
}

// conversation works off one conversation. The iterator is at its first message. Traces that stay are passed over
// without being counted, so that every call gets on.
func (e *expiry) conversation(conv *convKey, end uint64) (done bool, err error) {
	defer func(left int) { e.left = min(e.left, left-1) }(e.left)
	if m, err := e.message(conv); err != nil || !m.At.Before(e.before) {
		return true, err
	}
	last, err := lastBelow(e.it, conv, end)
	if err != nil {
		return false, err
	}
	changed, err := e.lastChanged(conv)
	if err != nil {
		return false, err
	}
	first := conv.message(0)
	for ok := e.it.SeekGE(first); ok && sameButNumber(e.it.Key(), first) && seqOf(e.it.Key()) <= last; ok = e.it.Next() {
		m, err := e.message(conv)
		if err != nil || !m.At.Before(e.before) {
			return true, err
		}
		stays := m.Seq == last || m.Seq == changed
		if stays && m.State == chat.Expired {
			continue
		}
		if e.left <= 0 {
			return false, nil
		}
		e.left--
		if stays {
			err = e.leaveTrace(conv, &m)
		} else {
			err = e.remove(conv, &m)
		}
		if err != nil {
			return false, err
		}
	}
	return true, broken(e.it.Error())
}

func (e *expiry) message(conv *convKey) (chat.Message, error) {
	value, err := e.it.ValueAndErr()
	if err != nil {
		return chat.Message{}, broken(err)
	}
	return decodeMessage(conv.id(), seqOf(e.it.Key()), value)
}

// lastChanged returns the number of the message that was changed last; 0 for none.
func (e *expiry) lastChanged(conv *convKey) (uint64, error) {
	place := conv.change(math.MaxUint64)
	if !e.it.SeekLT(place) || !sameButNumber(e.it.Key(), place) {
		return 0, broken(e.it.Error())
	}
	seq, n := binary.Uvarint(e.it.Value())
	if n <= 0 {
		return 0, unreadable("change")
	}
	return seq, nil
}

func (e *expiry) leaveTrace(conv *convKey, m *chat.Message) error {
	e.expired++
	if err := useFiles(e.batch, conv, m.Seq, m.Files, nil); err != nil {
		return err
	}
	m.State, m.Body, m.Files = chat.Expired, []byte("null"), nil
	m.Mentions, m.MentionsAll = nil, false
	return broken(e.batch.Set(conv.message(m.Seq), encodeMessage(nil, m), nil))
}

func (e *expiry) remove(conv *convKey, m *chat.Message) error {
	if m.State != chat.Expired {
		e.expired++
	}
	if err := useFiles(e.batch, conv, m.Seq, m.Files, nil); err != nil {
		return err
	}
	if m.Ref != "" {
		if err := e.batch.Delete(refKey(nil, m), nil); err != nil {
			return broken(err)
		}
	}
	if m.Change > 0 {
		if err := e.batch.Delete(conv.change(m.Change), nil); err != nil {
			return broken(err)
		}
	}
	return broken(e.batch.Delete(conv.message(m.Seq), nil))
}
