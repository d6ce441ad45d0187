package mongo

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// sketchDoc is a document of sketches. Its _id is "conv/block", padded like a message's.
type sketchDoc struct {
	ID     string    `bson:"_id"`
	Block  int64     `bson:"block"`
	Change int64     `bson:"change"`
	Oldest time.Time `bson:"oldest"`
	Bits   []byte    `bson:"bits"`
}

// PutSketches stores sketches of one conversation in place of former ones of the same blocks. Each update replaces all
// that a sketch says, so of two processes that store one, either's is whole.
func (s *Store) PutSketches(ctx context.Context, conv chat.ConvID, sketches []chat.Sketch) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	for part := range slices.Chunk(sketches, s.most.updates) {
		puts := make([]mongo.WriteModel, len(part))
		for i, sketch := range part {
			puts[i] = mongo.NewUpdateOneModel().SetUpsert(true).
				SetFilter(byID(messageID(conv, sketch.Block))).
				SetUpdate(set(bson.D{
					{Key: "block", Value: int64(sketch.Block)}, {Key: "change", Value: int64(sketch.Change)},
					{Key: "oldest", Value: sketch.Oldest}, {Key: "bits", Value: sketch.Bits},
				}))
		}
		// Of two upserts of one new _id, one may fail on the other's insert: the other's sketch is as good.
		_, err := s.sketches.BulkWrite(ctx, puts, options.BulkWrite().SetOrdered(false))
		if err != nil && !duplicate(err) {
			return failure(err)
		}
	}
	return nil
}

// Sketches returns those of the blocks from first up to, and without, end that have one, in order of their blocks.
func (s *Store) Sketches(ctx context.Context, conv chat.ConvID, first, end uint64) ([]chat.Sketch, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []sketchDoc
	err := find(ctx, s.sketches,
		byID(bson.D{{Key: "$gte", Value: messageID(conv, first)}, {Key: "$lt", Value: messageID(conv, end)}}), &docs,
		options.Find().SetSort(byID(1)))
	if err != nil {
		return nil, err
	}
	sketches := make([]chat.Sketch, len(docs))
	for i, d := range docs {
		sketches[i] = chat.Sketch{Block: uint64(d.Block), Change: uint64(d.Change), Oldest: d.Oldest.UTC(), Bits: d.Bits}
	}
	return sketches, nil
}

// DropSketches deletes the sketches with a message older than before in them. It reads all sketches: an index would be
// written with each, for what happens once an hour.
func (s *Store) DropSketches(ctx context.Context, before time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, appendWait)
	defer cancel()
	_, err := s.sketches.DeleteMany(ctx, bson.D{{Key: "oldest", Value: bson.D{{Key: "$lt", Value: before}}}})
	return failure(err)
}
