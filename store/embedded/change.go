package embedded

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// changes lets one stored message at a time be rewritten, and keeps that from readers until it is durable: Pebble shows
// it to them before. A reader who finds the change under way reads what stood there before, and that is durable, since
// there is never a second one under way.
type changes struct {
	one      sync.Mutex // held while a stored message is rewritten and made durable; taken after the gate
	underway atomic.Pointer[pendingChange]
}

// pendingChange is a change on its way to the disk.
type pendingChange struct {
	conv         convKey
	seq, number  uint64
	former       []byte // the message as it is durable
	formerChange uint64 // its latest change; 0 for none
	formerFiles  []chat.FileID
}

// doubt returns the change to a conversation that is under way. A reader asks after it has made its iterator: what that
// one sees of a change is by then durable, or of this one.
func (c *changes) doubt(conv convKey) *pendingChange {
	if p := c.underway.Load(); p != nil && p.conv == conv {
		return p
	}
	return nil
}

// ChangeMessage implements chat.ChangeStore.
func (s *Store) ChangeMessage(ctx context.Context, m chat.Message, was uint64) (chat.Message, error) {
	k, err := parseConv(m.Conv)
	if err != nil {
		return chat.Message{}, err
	}
	if err := s.enter(ctx); err != nil {
		return chat.Message{}, err
	}
	defer s.leave()
	s.changes.one.Lock()
	defer s.changes.one.Unlock()
	if err := s.whole(); err != nil {
		return chat.Message{}, err // the change before failed
	}

	changed, p, err := s.planChange(m, was, k)
	if err != nil {
		return chat.Message{}, err
	}
	batch := s.db.NewBatch()
	defer batch.Close()
	err = batch.Set(k.message(p.seq), encodeMessage(nil, &changed), nil)
	if err == nil {
		err = batch.Set(k.change(p.number), binary.AppendUvarint(nil, p.seq), nil)
	}
	if err == nil && p.formerChange != 0 {
		err = batch.Delete(k.change(p.formerChange), nil)
	}
	if err == nil {
		err = useFiles(batch, &k, p.seq, p.formerFiles, changed.Files)
	}
	if err != nil {
		return chat.Message{}, broken(err)
	}
	s.changes.underway.Store(p)
	if err := s.commit(batch); err != nil {
		s.doubts.add(func(b *pebble.Batch) error { return p.undo(b, changed.Files) })
		return chat.Message{}, err // and readers are held until the database is opened again
	}
	s.changes.underway.Store(nil)
	return changed, nil
}

// undo puts back what stood there before.
func (p *pendingChange) undo(b *pebble.Batch, files []chat.FileID) error {
	err := b.Set(p.conv.message(p.seq), p.former, nil)
	if err == nil {
		err = b.Delete(p.conv.change(p.number), nil)
	}
	if err == nil && p.formerChange != 0 {
		err = b.Set(p.conv.change(p.formerChange), binary.AppendUvarint(nil, p.seq), nil)
	}
	if err == nil {
		err = useFiles(b, &p.conv, p.seq, files, p.formerFiles)
	}
	return broken(err)
}

// planChange reads what ChangeMessage builds upon.
func (s *Store) planChange(m chat.Message, was uint64, k convKey) (changed chat.Message, p *pendingChange, err error) {
	v, err := s.viewFrom(k.change(0), m.Conv, k)
	if err != nil {
		return changed, nil, err
	}
	defer v.it.Close()
	if changed, err = v.messageAt(m.Seq); err != nil {
		return changed, nil, err
	}
	if changed.Change != was {
		return changed, nil, chat.Errorf(chat.Conflict, "the message was changed meanwhile")
	}
	former, files := slices.Clone(v.it.Value()), changed.Files
	last, err := lastBefore(v.it, k.change(math.MaxUint64))
	if err != nil {
		return changed, nil, err
	}
	changed.State, changed.Body, changed.Files, changed.Type = m.State, m.Body, m.Files, m.Type
	changed.Mentions, changed.MentionsAll = m.Mentions, m.MentionsAll
	changed.Change, changed.Changed = last+1, m.Changed
	return changed, &pendingChange{conv: k, seq: m.Seq, number: last + 1, former: former, formerChange: was, formerFiles: files}, nil
}

// messageAt reads one message, or answers NotFound. The iterator stays at it.
func (v *view) messageAt(seq uint64) (chat.Message, error) {
	place := v.key.message(seq)
	if seq >= v.end || !v.it.SeekGE(place) || string(v.it.Key()) != string(place) {
		if err := v.it.Error(); err != nil {
			return chat.Message{}, broken(err)
		}
		return chat.Message{}, chat.Errorf(chat.NotFound, "no such message")
	}
	return v.message()
}

// Changed implements chat.ChangeStore.
func (s *Store) Changed(ctx context.Context, conv chat.ConvID, after uint64, limit int) ([]chat.Message, error) {
	k, err := parseConv(conv)
	if err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if after == math.MaxUint64 || limit <= 0 {
		return nil, nil
	}
	v, err := s.viewFrom(k.change(0), conv, k)
	if err != nil {
		return nil, err
	}
	defer v.it.Close()
	seqs, err := v.changedSince(after, limit)
	if err != nil {
		return nil, err
	}
	var page []chat.Message
	for _, seq := range seqs {
		m, err := v.messageAt(seq)
		if err != nil {
			return nil, err
		}
		page = append(page, m)
	}
	return page, nil
}

// changedSince returns the numbers of the messages that were changed, in the order of their latest durable changes.
func (v *view) changedSince(after uint64, limit int) ([]uint64, error) {
	p := v.doubt
	if p != nil {
		if place := v.key.change(p.number); !v.it.SeekGE(place) || string(v.it.Key()) != string(place) {
			p = nil // the iterator is older than this change
		}
	}
	var seqs []uint64
	held := p == nil || p.formerChange <= after // that all of p that is to be in seqs is
	first := v.key.change(after + 1)
	for ok := v.it.SeekGE(first); ok && len(seqs) < limit && sameButNumber(v.it.Key(), first); ok = v.it.Next() {
		number := seqOf(v.it.Key())
		if !held && number > p.formerChange {
			seqs, held = append(seqs, p.seq), true
			if len(seqs) == limit {
				break
			}
		}
		if p != nil && number == p.number {
			break // it is the last
		}
		seq, n := binary.Uvarint(v.it.Value())
		if n <= 0 {
			return nil, unreadable("change")
		}
		seqs = append(seqs, seq)
	}
	return seqs, broken(v.it.Error())
}

// LastChanges implements chat.ChangeStore.
func (s *Store) LastChanges(ctx context.Context, convs []chat.ConvID) ([]uint64, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindChange}, UpperBound: []byte{kindChange + 1}})
	if err != nil {
		return nil, broken(err)
	}
	defer it.Close()
	last := make([]uint64, len(convs))
	for i, conv := range convs {
		k, err := parseConv(conv)
		if err != nil {
			return nil, err
		}
		p := s.changes.doubt(k)
		if last[i], err = lastBefore(it, k.change(math.MaxUint64)); err == nil && p != nil && last[i] == p.number {
			last[i], err = lastBefore(it, k.change(p.number))
			last[i] = max(last[i], p.formerChange)
		}
		if err != nil {
			return nil, err
		}
	}
	return last, nil
}
