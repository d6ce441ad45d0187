package embedded

import (
	"context"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// Append implements chat.MessageStore. A batch is one write to the log and one sync, whatever is in it.
func (s *Store) Append(ctx context.Context, batch []chat.Message) ([]chat.Receipt, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	n := &s.numbering
	n.appending.Lock()
	defer n.appending.Unlock()
	if err := s.whole(); err != nil {
		return nil, err // the batch before failed
	}

	a := appending{store: s, batch: s.db.NewBatch(), tallies: n.begin()}
	defer a.close()
	receipts := make([]chat.Receipt, len(batch))
	for i := range batch {
		r, err := a.add(&batch[i])
		if err != nil {
			return nil, err
		}
		receipts[i] = r
	}
	if a.batch.Empty() {
		return receipts, nil
	}
	n.hold(a.tallies)
	if err := s.commit(a.batch); err != nil {
		s.doubts.add(func(b *pebble.Batch) error { return remove(b, batch, receipts) })
		return nil, err
	}
	n.remember(a.tallies)
	n.release(a.tallies)
	return receipts, nil
}

// remove deletes what a batch of messages wrote. All its keys were new.
func remove(b *pebble.Batch, batch []chat.Message, receipts []chat.Receipt) error {
	for i, r := range receipts {
		if r.Repeat {
			continue
		}
		m := &batch[i]
		conv, err := parseConv(m.Conv)
		if err != nil {
			return err
		}
		keys := [][]byte{conv.message(r.Seq)}
		if m.Ref != "" {
			keys = append(keys, refKey(nil, m))
		}
		if r.Seq == 1 {
			keys = append(keys, listKeys(&conv)...)
		}
		for _, key := range keys {
			if err := b.Delete(key, nil); err != nil {
				return broken(err)
			}
		}
		if err := useFiles(b, &conv, r.Seq, m.Files, nil); err != nil {
			return err
		}
	}
	return nil
}

// appending is one batch on its way into the engine.
type appending struct {
	store    *Store
	batch    *pebble.Batch
	tallies  tallies
	refs     map[senderRef]chat.Receipt // of this batch
	stored   *pebble.Iterator           // what was there before this batch; made when first asked
	key, val []byte                     // reused
}

type senderRef struct {
	sender chat.UserID
	ref    string
}

func (a *appending) close() {
	if a.stored != nil {
		a.stored.Close()
	}
	a.batch.Close()
}

// add puts one message into the batch, or finds where it is already.
func (a *appending) add(m *chat.Message) (chat.Receipt, error) {
	conv, err := parseConv(m.Conv)
	if err != nil {
		return chat.Receipt{}, err
	}
	if !m.Sender.Valid() {
		return chat.Receipt{}, chat.Errorf(chat.Invalid, "not a user id")
	}
	if m.Ref != "" {
		a.key = refKey(a.key[:0], m)
		if r, known, err := a.repeat(m); err != nil || known {
			return r, err
		}
	}
	seq, err := a.number(conv)
	if err != nil {
		return chat.Receipt{}, err
	}
	r := chat.Receipt{Conv: m.Conv, Seq: seq, At: m.At}
	if m.Ref != "" {
		if a.refs == nil {
			a.refs = make(map[senderRef]chat.Receipt)
		}
		a.refs[senderRef{m.Sender, m.Ref}] = r
		a.val = encodeReceipt(a.val[:0], &conv, r.Seq, r.At)
		if err := a.batch.Set(a.key, a.val, nil); err != nil {
			return r, broken(err)
		}
	}
	if r.Seq == 1 {
		if err := enlist(a.batch, &conv); err != nil {
			return r, err
		}
	}
	if len(m.Files) > 0 {
		if err := useFiles(a.batch, &conv, r.Seq, nil, m.Files); err != nil {
			return r, err
		}
	}
	a.val = encodeMessage(a.val[:0], m)
	a.key = conv.appendMessage(a.key[:0], r.Seq)
	return r, broken(a.batch.Set(a.key, a.val, nil))
}

// repeat finds the first message with the sender's ref. The ref's key is in a.key.
func (a *appending) repeat(m *chat.Message) (r chat.Receipt, known bool, err error) {
	if r, known = a.refs[senderRef{m.Sender, m.Ref}]; !known {
		if err := a.look(); err != nil {
			return r, false, err
		}
		if !a.stored.SeekPrefixGE(a.key) {
			return r, false, broken(a.stored.Error())
		}
		value, err := a.stored.ValueAndErr()
		if err != nil {
			return r, false, broken(err)
		}
		if r, err = decodeReceipt(value); err != nil {
			return r, false, err
		}
	}
	r.Repeat = true
	return r, true, nil
}

// number gives the next number of a conversation, whose first one follows the stored messages.
func (a *appending) number(conv convKey) (uint64, error) {
	t, counted := a.tallies[conv]
	if !counted {
		last, known := a.store.numbering.recall(conv)
		if !known {
			if err := a.look(); err != nil {
				return 0, err
			}
			var err error
			if last, err = lastBelow(a.stored, &conv, math.MaxUint64); err != nil {
				return 0, err
			}
		}
		t = tally{first: last + 1, last: last}
	}
	t.last++
	a.tallies[conv] = t
	return t.last, nil
}

func (a *appending) look() (err error) {
	if a.stored == nil {
		a.stored, err = a.store.messagesAndRefs()
	}
	return err
}

func refKey(dst []byte, m *chat.Message) []byte {
	return append(appendID(append(dst, kindRef), string(m.Sender)), m.Ref...)
}

// enlist enters a direct conversation into the lists of both users.
func enlist(batch *pebble.Batch, conv *convKey) error {
	for _, k := range listKeys(conv) {
		if err := batch.Set(k, nil, nil); err != nil {
			return broken(err)
		}
	}
	return nil
}

func listKeys(conv *convKey) [][]byte {
	if conv.size != directSize {
		return nil
	}
	users := conv.key()[1:]
	left, right := users[:idSize], users[idSize:]
	return [][]byte{slices.Concat([]byte{kindList}, left, right), slices.Concat([]byte{kindList}, right, left)}
}
