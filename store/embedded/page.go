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
}

func (s *Store) view(ctx context.Context, conv chat.ConvID) (*view, error) {
	k, err := parseConv(conv)
	if err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: k.message(0), UpperBound: k.message(math.MaxUint64)})
	if err != nil {
		s.leave()
		return nil, broken(err)
	}
	return &view{store: s, conv: conv, key: k, it: it, end: s.numbering.end(k)}, nil
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
	return decodeMessage(v.conv, seqOf(v.it.Key()), slices.Clone(value))
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
	for ok := v.it.SeekGE(v.key.message(after + 1)); ok && len(page) < limit && seqOf(v.it.Key()) < v.end; ok = v.it.Next() {
		m, err := v.message()
		if err != nil {
			return nil, err
		}
		page = append(page, m)
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
	place := conv.message(end)
	if !it.SeekLT(place) {
		return 0, broken(it.Error())
	}
	found := it.Key()
	if len(found) != len(place) || string(found[:len(found)-seqSize]) != string(place[:len(place)-seqSize]) {
		return 0, nil // a message of another conversation
	}
	return seqOf(found), nil
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
