package mongo

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// To get the ends of many conversations by one command that does not read every message would take another index, to be
// written with each message. But where one ended a while ago is remembered: what stands there and behind is little, and
// one find brings it for many. The rest takes a find each, one step into the index of _id.
const (
	lastAtOnce = 16  // bounds the finds of one call that run at the same time
	endsInFind = 250 // conversations whose ends one find looks for
	readInFind = 2   // documents for each of those; where there are more, a find for each is cheaper
)

// Last returns the highest number of each conversation, 0 where it has none.
func (s *Store) Last(ctx context.Context, convs []chat.ConvID) ([]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	return s.lastNumbers(ctx, convs)
}

func (s *Store) lastNumbers(ctx context.Context, convs []chat.ConvID) ([]uint64, error) {
	ends, err := s.ends(ctx, convs)
	seqs := make([]uint64, len(ends))
	for i := range ends {
		seqs[i] = ends[i].Seq
	}
	return seqs, err
}

// Newest returns the place of the message with the highest number in each conversation; Seq is 0 where it has none.
func (s *Store) Newest(ctx context.Context, convs []chat.ConvID) ([]chat.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	return s.ends(ctx, convs)
}

// ends returns the places of the last messages, and remembers them.
func (s *Store) ends(ctx context.Context, convs []chat.ConvID) ([]chat.Receipt, error) {
	found, err := s.endsBehind(ctx, convs)
	if err != nil {
		return nil, err
	}
	unknown := slices.DeleteFunc(slices.Clone(convs), func(conv chat.ConvID) bool { _, ok := found[conv]; return ok })
	others, err := ofEach(ctx, unknown, s.end)
	if err != nil {
		return nil, err
	}
	for _, r := range others {
		found[r.Conv] = r
	}
	ends := make([]chat.Receipt, len(convs))
	for i, conv := range convs {
		ends[i] = found[conv]
		if ends[i].Seq > 0 {
			s.numbers.set(conv, ends[i].Seq)
		}
	}
	return ends, nil
}

// endsBehind finds the ends of conversations behind the numbers that are remembered of them. The last message of a
// conversation is never deleted, so a number without one, or behind it, says nothing and its conversation is left out.
func (s *Store) endsBehind(ctx context.Context, convs []chat.ConvID) (map[chat.ConvID]chat.Receipt, error) {
	ends := make(map[chat.ConvID]chat.Receipt, len(convs))
	var ranges bson.A
	for _, conv := range convs {
		if seq, ok := s.numbers.get(conv); ok {
			ranges = append(ranges, byID(bson.D{{Key: "$gte", Value: messageID(conv, seq)}, {Key: "$lt", Value: string(conv) + "0"}}))
		}
	}
	if len(ranges) < 2 {
		return ends, nil
	}
	for part := range slices.Chunk(ranges, endsInFind) {
		limit := readInFind * len(part)
		var docs []endDoc
		err := find(ctx, s.messages, bson.D{{Key: "$or", Value: part}}, &docs, options.Find().
			SetProjection(endFields()).SetLimit(int64(limit)).SetBatchSize(int32(limit)+1))
		if err != nil {
			return nil, err
		}
		if len(docs) == limit {
			continue // another process has written more than this one knows of: there may be more behind
		}
		for _, d := range docs {
			if r := d.receipt(); r.Seq > ends[r.Conv].Seq {
				ends[r.Conv] = r
			}
		}
	}
	return ends, nil
}

// endDoc is what is read of a last message.
type endDoc struct {
	Conv chat.ConvID `bson:"conv"`
	Seq  int64       `bson:"seq"`
	At   time.Time   `bson:"at"`
}

func endFields() bson.D {
	return bson.D{{Key: "conv", Value: 1}, {Key: "seq", Value: 1}, {Key: "at", Value: 1}}
}

func (d *endDoc) receipt() chat.Receipt {
	return chat.Receipt{Conv: d.Conv, Seq: uint64(d.Seq), At: d.At}
}

func (s *Store) end(ctx context.Context, conv chat.ConvID) (chat.Receipt, error) {
	d := endDoc{Conv: conv}
	err := s.messages.FindOne(ctx, under(string(conv)), options.FindOne().SetSort(byID(-1)).SetProjection(endFields())).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return chat.Receipt{Conv: conv}, nil
	}
	return d.receipt(), err
}

// ofEach asks for one thing of each conversation or room, lastAtOnce at a time.
func ofEach[K, T any](ctx context.Context, keys []K, ask func(context.Context, K) (T, error)) ([]T, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	found := make([]T, len(keys))
	next := make(chan int)
	var readers sync.WaitGroup
	for range min(lastAtOnce, len(keys)) {
		readers.Go(func() {
			for i := range next {
				var err error
				if found[i], err = ask(ctx, keys[i]); err != nil {
					cancel(err) // the first cause counts; the others end at once
				}
			}
		})
	}
	for i := range keys {
		next <- i
	}
	close(next)
	readers.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, failure(err)
	}
	return found, nil
}
