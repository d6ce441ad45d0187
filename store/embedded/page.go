package embedded

import (
	"context"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// view is a conversation as a reader sees it at one moment.
type view struct {
	store *Store
	conv  chat.ConvID
	key   convKey
	it    *pebble.Iterator // over this conversation alone
	end   uint64           // numbers from here on are not durable yet
	doubt *pendingChange   // a change to this conversation that may not be durable yet; nil for none
}

func (s *Store) view(ctx context.Context, conv chat.ConvID) (*view, error) {
	k, err := parseConv(conv)
	if err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	v, err := s.viewFrom(k.message(0), conv, k)
	if err != nil {
		s.leave()
	}
	return v, err
}

// viewFrom makes a view whose iterator begins at lower, within a call that has entered.
func (s *Store) viewFrom(lower []byte, conv chat.ConvID, k convKey) (*view, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: k.message(math.MaxUint64)})
	if err != nil {
		return nil, broken(err)
	}
	return &view{store: s, conv: conv, key: k, it: it, end: s.numbering.end(k), doubt: s.changes.doubt(k)}, nil
}

func (v *view) close() {
	v.it.Close()
	v.store.leave()
}

// message reads what the iterator is at.
func (v *view) message() (chat.Message, error) {
	value, err := v.it.ValueAndErr()
	if err != nil {
		return chat.Message{}, broken(err)
	}
	m, err := decodeMessage(v.conv, seqOf(v.it.Key()), slices.Clone(value))
	if p := v.doubt; err == nil && p != nil && m.Seq == p.seq && m.Change == p.number {
		return decodeMessage(v.conv, m.Seq, slices.Clone(p.former))
	}
	return m, err
}

// Since implements chat.MessageStore.
func (s *Store) Since(ctx context.Context, conv chat.ConvID, after uint64, limit int) ([]chat.Message, error) {
	v, err := s.view(ctx, conv)
	if err != nil {
		return nil, err
	}
	defer v.close()
	if after >= v.end {
		return nil, nil
	}
	var page []chat.Message
	for ok := v.it.SeekGE(v.key.message(after + 1)); ok && len(page) < limit && seqOf(v.it.Key()) < v.end; {
		m, err := v.message()
		if err != nil {
			return nil, err
		}
		if page = append(page, m); len(page) < limit {
			ok = v.it.Next() // past every version of a message that was edited often: not done in vain
		}
	}
	return page, broken(v.it.Error())
}

// Before implements chat.MessageStore.
func (s *Store) Before(ctx context.Context, conv chat.ConvID, before uint64, limit int) ([]chat.Message, error) {
	v, err := s.view(ctx, conv)
	if err != nil {
		return nil, err
	}
	defer v.close()
	if before == 0 || before > v.end {
		before = v.end
	}
	var page []chat.Message
	for ok := v.it.SeekLT(v.key.message(before)); ok && len(page) < limit; ok = v.it.Prev() {
		m, err := v.message()
		if err != nil {
			return nil, err
		}
		page = append(page, m)
	}
	slices.Reverse(page)
	return page, broken(v.it.Error())
}

// Last implements chat.MessageStore.
func (s *Store) Last(ctx context.Context, convs []chat.ConvID) ([]uint64, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	it, err := s.messagesAndRefs()
	if err != nil {
		return nil, err
	}
	defer it.Close()
	last := make([]uint64, len(convs))
	for i, conv := range convs {
		k, err := parseConv(conv)
		if err != nil {
			return nil, err
		}
		if last[i], err = lastBelow(it, &k, s.numbering.end(k)); err != nil {
			return nil, err
		}
	}
	return last, nil
}

// Newest implements chat.MessageStore.
func (s *Store) Newest(ctx context.Context, convs []chat.ConvID) ([]chat.Receipt, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	it, err := s.messagesAndRefs()
	if err != nil {
		return nil, err
	}
	defer it.Close()
	newest := make([]chat.Receipt, len(convs))
	for i, conv := range convs {
		newest[i].Conv = conv
		k, err := parseConv(conv)
		if err != nil {
			return nil, err
		}
		seq, err := lastBelow(it, &k, s.numbering.end(k))
		if err != nil {
			return nil, err
		}
		if seq == 0 {
			continue
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, broken(err)
		}
		m, err := decodeMessage(conv, seq, value) // what of it lies in value is not kept
		if err != nil {
			return nil, err
		}
		newest[i].Seq, newest[i].At = seq, m.At
	}
	return newest, nil
}

// messagesAndRefs makes an iterator over all messages and refs.
func (s *Store) messagesAndRefs() (*pebble.Iterator, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound:   []byte{kindMessage},
		UpperBound:   []byte{kindRef + 1},
		UseL6Filters: true, // the lowest level's too: most refs that are sought are new
	})
	return it, broken(err)
}

// lastBelow finds the highest number of a conversation below end; 0 stands for none.
func lastBelow(it *pebble.Iterator, conv *convKey, end uint64) (uint64, error) {
	return lastBefore(it, conv.message(end))
}

// lastBefore finds the highest number before the one at the end of a key, in keys that are else the same; 0 stands for
// none.
func lastBefore(it *pebble.Iterator, place []byte) (uint64, error) {
	if !it.SeekLT(place) {
		return 0, broken(it.Error())
	}
	if found := it.Key(); sameButNumber(found, place) {
		return seqOf(found), nil
	}
	return 0, nil
}

func sameButNumber(a, b []byte) bool {
	return len(a) == len(b) && string(a[:len(a)-seqSize]) == string(b[:len(b)-seqSize])
}

// Conversations implements chat.MessageStore.
func (s *Store) Conversations(ctx context.Context, user chat.UserID) ([]chat.ConvID, error) {
	k, err := key(kindList, user)
	if err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	var convs []chat.ConvID
	err = s.each(k, func(other, _ []byte) error {
		convs = append(convs, chat.DirectConv(user, userOf(other)))
		return nil
	})
	return convs, err
}
