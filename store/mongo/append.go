package mongo

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// Append numbers messages and stores them: see chat.MessageStore.
//
// A batch of n new messages takes n/1000 inserts, rounded up, and nothing else while this node alone writes to its
// conversations. To that come one find for each conversation whose last number is not remembered, lastAtOnce at a
// time; and if some are new, a find for the refs sent to them and an insert that enters them into the lists.
//
// Two unique indexes, _id (conversation and number) and key (sender and ref, or nonce), settle all races, with Append in
// other processes as well, and with what is left of a former try. An insert that hits either stops there; then the
// numbers, refs and nonces of the rest are read, and the rest goes on from those: that is one find for the refs and
// nonces, one per conversation, and the insert again.
//
// There is no gap: a number is given only to follow one that a majority has, or one that stands before it in the same
// ordered insert.
func (s *Store) Append(ctx context.Context, batch []chat.Message) ([]chat.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, appendWait)
	defer cancel()
	select {
	case s.appending <- struct{}{}:
		defer func() { <-s.appending }()
	case <-ctx.Done():
		return nil, failure(ctx.Err())
	}
	a := appender{
		Store:  s,
		rest:   batch,
		last:   make(map[chat.ConvID]uint64),
		places: make(map[string]stored),
	}
	for collisions := 0; len(a.rest) > 0; {
		before := len(a.rest)
		err := a.advance(ctx)
		if duplicate(err) {
			collisions++
			if len(a.rest) < before {
				collisions = 1
			}
			err = a.relearn(ctx, collisions)
		}
		if err != nil {
			a.forget() // what became of the last insert is unknown
			return a.receipts, failure(err)
		}
	}
	return a.receipts, nil
}

// appender is one Append under way.
type appender struct {
	*Store
	receipts []chat.Receipt         // of the messages that are durable
	rest     []chat.Message         // the messages that follow those
	last     map[chat.ConvID]uint64 // the last number of each conversation as far as known, own ones included
	places   map[string]stored      // by messageKey: where messages are that may come again
}

// stored is where a message is, and the nonce it was submitted with.
type stored struct {
	chat.Receipt
	nonce string
}

// receiptOf is the receipt of a message that is found in this place: its own of a former try, or a repeat of another.
func (p stored) receiptOf(m *chat.Message) chat.Receipt {
	r := p.Receipt
	r.Repeat = m.Nonce == "" || m.Nonce != p.nonce
	return r
}

// advance stores the next messages, at most one insert's worth, and moves them from rest to receipts. On a duplicate it
// does so with those before it.
func (a *appender) advance(ctx context.Context) error {
	if err := a.learn(ctx); err != nil {
		return err
	}
	receipts, docs, at := a.plan()
	stored := len(docs)
	var err error
	if stored > 0 {
		var result mongo.BulkWriteException
		_, err = a.messages.InsertMany(ctx, docs)
		switch {
		case duplicate(err) && errors.As(err, &result):
			stored = result.WriteErrors[0].Index // the insert is ordered: those before it are stored, none behind it
		case err != nil:
			return err
		}
	}
	durable := len(receipts)
	if stored < len(docs) {
		durable = at[stored]
	}
	for _, i := range at {
		if i >= durable {
			delete(a.places, messageKey(&a.rest[i], ""))
			continue
		}
		r := receipts[i]
		a.last[r.Conv] = r.Seq
		a.numbers.set(r.Conv, r.Seq)
	}
	a.receipts = append(a.receipts, receipts[:durable]...)
	a.rest = a.rest[durable:]
	return err
}

// plan gives the next messages their places: receipts of the first messages of rest, the documents to insert for them,
// and for each document the index of its message.
func (a *appender) plan() (receipts []chat.Receipt, docs []any, at []int) {
	given := make(map[chat.ConvID]uint64)
	for i := range a.rest {
		m := &a.rest[i]
		key := messageKey(m, "")
		if place, ok := a.places[key]; ok {
			receipts = append(receipts, place.receiptOf(m))
			continue
		}
		if len(docs) == a.most.inserts {
			break
		}
		given[m.Conv]++
		doc := newMessageDoc(m, a.last[m.Conv]+given[m.Conv])
		r := chat.Receipt{Conv: m.Conv, Seq: uint64(doc.Seq), At: m.At}
		receipts, docs, at = append(receipts, r), append(docs, doc), append(at, i)
		if m.Ref != "" {
			a.places[key] = stored{r, m.Nonce}
		}
	}
	return receipts, docs, at
}

// fresh returns the messages of rest that will be stored as far as known: no repeats of each other or of places.
func (a *appender) fresh() []*chat.Message {
	fresh := make([]*chat.Message, 0, len(a.rest))
	seen := make(map[string]bool)
	for i := range a.rest {
		m := &a.rest[i]
		key := messageKey(m, "")
		if _, ok := a.places[key]; ok || seen[key] {
			continue
		}
		seen[key] = key != ""
		fresh = append(fresh, m)
	}
	return fresh
}

// learn finds out the last number of every conversation that rest writes to, and enters new ones into the lists.
func (a *appender) learn(ctx context.Context) error {
	fresh := a.fresh()
	var unread []chat.ConvID
	for _, m := range fresh {
		if _, ok := a.last[m.Conv]; ok {
			continue
		}
		seq, ok := a.numbers.get(m.Conv)
		if !ok {
			unread = append(unread, m.Conv)
		}
		a.last[m.Conv] = seq
	}
	if len(unread) == 0 {
		return nil
	}
	seqs, err := a.lastNumbers(ctx, unread)
	if err != nil {
		return err
	}
	empty := make(map[chat.ConvID]bool)
	for i, conv := range unread {
		a.last[conv] = seqs[i]
		empty[conv] = seqs[i] == 0
	}
	return a.open(ctx, fresh, empty)
}

// open enters the empty conversations that fresh messages go to into the lists, before their first message: an entry
// without messages harms nobody, a missing one would hide messages. Repeats open nothing, so they are looked for first.
func (a *appender) open(ctx context.Context, fresh []*chat.Message, empty map[chat.ConvID]bool) error {
	first := slices.DeleteFunc(fresh, func(m *chat.Message) bool { return !empty[m.Conv] })
	withRef := slices.DeleteFunc(slices.Clone(first), func(m *chat.Message) bool { return m.Ref == "" })
	if err := a.locate(ctx, withRef); err != nil {
		return err
	}
	var convs []chat.ConvID
	for _, m := range first {
		if _, ok := a.places[messageKey(m, "")]; !ok && empty[m.Conv] {
			convs = append(convs, m.Conv)
			empty[m.Conv] = false
		}
	}
	return a.enter(ctx, convs)
}

// relearn prepares for another try after a duplicate: another process took a number or stored a ref of rest, or a ref
// of rest was stored long ago. MongoDB answers a duplicate when a majority has what is duplicated, so it is seen now.
func (a *appender) relearn(ctx context.Context, collisions int) error {
	if err := fallOutOfStep(ctx, collisions-1); err != nil {
		return err
	}
	a.forget()
	return a.locate(ctx, a.fresh())
}

// fallOutOfStep waits a moment, longer after more collisions: processes that write to one conversation at the same
// pace collide again and again.
func fallOutOfStep(ctx context.Context, collisions int) error {
	if collisions <= 0 {
		return nil
	}
	select {
	case <-time.After(rand.N(time.Duration(min(collisions+1, 20)) * 2 * time.Millisecond)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// locate looks up which of the messages are stored already, by their refs and nonces, and notes their places.
func (a *appender) locate(ctx context.Context, messages []*chat.Message) error {
	var keys []string
	for _, m := range messages {
		if key := messageKey(m, ""); key != "" {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	var docs []messageDoc
	err := find(ctx, a.messages, bson.D{{Key: "key", Value: bson.D{{Key: "$in", Value: keys}}}}, &docs,
		options.Find().SetProjection(bson.D{{Key: "body", Value: 0}, {Key: "time", Value: 0}}))
	for _, d := range docs {
		a.places[d.Key] = stored{chat.Receipt{Conv: d.Conv, Seq: uint64(d.Seq), At: d.At}, d.nonce()}
	}
	return err
}

// forget drops the numbers of rest, here and in the memory of the engine.
func (a *appender) forget() {
	clear(a.last)
	for i := range a.rest {
		a.numbers.forget(a.rest[i].Conv)
	}
}

// enter writes conversations into the lists of their users. Rooms have lists of their own.
func (s *Store) enter(ctx context.Context, convs []chat.ConvID) error {
	entries := make([]any, 0, 2*len(convs))
	for _, conv := range convs {
		a, b, ok := conv.Users()
		if !ok {
			continue
		}
		entries = append(entries, conversationDoc{ID: string(a) + "/" + string(conv), User: a, Conv: conv})
		if a != b {
			entries = append(entries, conversationDoc{ID: string(b) + "/" + string(conv), User: b, Conv: conv})
		}
	}
	for len(entries) > 0 {
		n := min(len(entries), s.most.inserts)
		_, err := s.conversations.InsertMany(ctx, entries[:n], options.InsertMany().SetOrdered(false))
		if err != nil && !duplicate(err) {
			return err
		}
		entries = entries[n:]
	}
	return nil
}
