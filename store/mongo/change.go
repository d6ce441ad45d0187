package mongo

import (
	"context"
	"errors"
	"slices"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// A message that was changed has a changeKey, "conv/number" with the number padded as in an _id: unique, so that two
// never get the same one, and in the order of changes. Messages as they were sent have none.
func changeKey(conv chat.ConvID, number uint64) string { return messageID(conv, number) }

func changeKeyIs(condition any) bson.D { return bson.D{{Key: "changeKey", Value: condition}} }

// changesOf is the filter for the changes of a conversation past a number.
func changesOf(conv chat.ConvID, after uint64) bson.D {
	return changeKeyIs(bson.D{{Key: "$gt", Value: changeKey(conv, after)}, {Key: "$lt", Value: string(conv) + "0"}})
}

// ChangeMessage replaces what a message says: see chat.ChangeStore. It takes a find of the message, one of the last
// change, and an update that is atomic and finds the message only while its Change is was. A number that another
// process took meanwhile is a duplicate; then the next one is tried.
func (s *Store) ChangeMessage(ctx context.Context, m chat.Message, was uint64) (chat.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	lock := s.stripe(string(m.Conv))
	lock.Lock()
	defer lock.Unlock()
	for collisions := 0; ; collisions++ {
		if err := fallOutOfStep(ctx, collisions); err != nil {
			return chat.Message{}, failure(err)
		}
		changed, done, err := s.tryChange(ctx, m, was)
		if err != nil || done {
			return changed, failure(err)
		}
	}
}

// tryChange is one try; done is false when another process came first, with this message or with the number.
func (s *Store) tryChange(ctx context.Context, m chat.Message, was uint64) (changed chat.Message, done bool, err error) {
	id := messageID(m.Conv, m.Seq)
	var d messageDoc
	switch err := s.messages.FindOne(ctx, byID(id)).Decode(&d); {
	case errors.Is(err, mongo.ErrNoDocuments):
		return changed, false, chat.Errorf(chat.NotFound, "no such message")
	case err != nil:
		return changed, false, err
	case uint64(d.Change) != was:
		return changed, false, chat.Errorf(chat.Conflict, "the message was changed meanwhile")
	}
	last, err := s.lastChange(ctx, m.Conv)
	if err != nil {
		return changed, false, err
	}
	changed = d.message()
	changed.State, changed.Body, changed.Files, changed.Type = m.State, m.Body, m.Files, m.Type
	changed.Mentions, changed.MentionsAll = m.Mentions, m.MentionsAll
	changed.Change, changed.Changed = last+1, m.Changed

	filter := append(byID(id), bson.E{Key: "change", Value: int64(was)})
	if was == 0 {
		filter[1].Value = bson.D{{Key: "$exists", Value: false}}
	}
	fields := bson.D{
		{Key: "state", Value: m.State}, {Key: "body", Value: text(m.Body)}, {Key: "type", Value: m.Type},
		{Key: "change", Value: int64(changed.Change)}, {Key: "changed", Value: m.Changed},
		{Key: "changeKey", Value: changeKey(m.Conv, changed.Change)},
	}
	var gone bson.D
	for _, field := range []struct {
		bson.E
		is bool
	}{
		{bson.E{Key: "files", Value: m.Files}, len(m.Files) > 0},
		{bson.E{Key: "mentions", Value: m.Mentions}, len(m.Mentions) > 0},
		{bson.E{Key: "mentionsAll", Value: true}, m.MentionsAll},
	} {
		if field.is {
			fields = append(fields, field.E)
		} else {
			gone = append(gone, bson.E{Key: field.Key, Value: ""})
		}
	}
	update := set(fields)
	if len(gone) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: gone})
	}
	result, err := s.messages.UpdateOne(ctx, filter, update)
	switch {
	case duplicate(err):
		return changed, false, nil
	case err != nil:
		return changed, false, err
	}
	return changed, result.MatchedCount > 0, nil
}

// Changed returns messages in the order of their latest changes: see chat.ChangeStore.
func (s *Store) Changed(ctx context.Context, conv chat.ConvID, after uint64, limit int) ([]chat.Message, error) {
	if limit <= 0 {
		return nil, nil // MongoDB takes 0 for no limit
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []messageDoc
	err := find(ctx, s.messages, changesOf(conv, after), &docs,
		options.Find().SetSort(changeKeyIs(1)).SetLimit(int64(limit)).SetBatchSize(int32(min(limit, 1<<16)+1)))
	if err != nil {
		return nil, err
	}
	// A find is no snapshot: a message that is changed meanwhile may be met at both of its places.
	latest := make(map[int64]int64, len(docs))
	for i := range docs {
		latest[docs[i].Seq] = docs[i].Change
	}
	var page []chat.Message
	for i := range docs {
		if latest[docs[i].Seq] == docs[i].Change {
			page = append(page, docs[i].message())
		}
	}
	return page, nil
}

// changesAtOnce bounds the changes that LastChanges reads of many conversations in one find.
const changesAtOnce = 1000

// LastChanges returns the highest change number of each conversation, 0 where it has none. Most conversations have few
// changes or none, so one find brings those of many. Where they have more, it is a find each.
func (s *Store) LastChanges(ctx context.Context, convs []chat.ConvID) ([]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	last := make([]uint64, 0, len(convs))
	for part := range slices.Chunk(convs, endsInFind) {
		found, err := s.lastChanges(ctx, part)
		if err != nil {
			return nil, failure(err)
		}
		last = append(last, found...)
	}
	return last, nil
}

func (s *Store) lastChanges(ctx context.Context, convs []chat.ConvID) ([]uint64, error) {
	ranges := make(bson.A, len(convs))
	for i, conv := range convs {
		ranges[i] = changesOf(conv, 0)
	}
	var docs []struct {
		Conv   chat.ConvID `bson:"conv"`
		Change int64       `bson:"change"`
	}
	if len(convs) > 1 {
		err := find(ctx, s.messages, bson.D{{Key: "$or", Value: ranges}}, &docs, options.Find().
			SetProjection(bson.D{{Key: "conv", Value: 1}, {Key: "change", Value: 1}}).
			SetLimit(changesAtOnce).SetBatchSize(changesAtOnce+1))
		if err != nil {
			return nil, err
		}
	}
	if len(convs) == 1 || len(docs) == changesAtOnce {
		return ofEach(ctx, convs, s.lastChange)
	}
	highest := make(map[chat.ConvID]uint64, len(docs))
	for _, d := range docs {
		highest[d.Conv] = max(highest[d.Conv], uint64(d.Change))
	}
	last := make([]uint64, len(convs))
	for i, conv := range convs {
		last[i] = highest[conv]
	}
	return last, nil
}

func (s *Store) lastChange(ctx context.Context, conv chat.ConvID) (uint64, error) {
	var d struct {
		Change int64 `bson:"change"`
	}
	err := s.messages.FindOne(ctx, changesOf(conv, 0),
		options.FindOne().SetSort(changeKeyIs(-1)).SetProjection(bson.D{{Key: "change", Value: 1}})).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	return uint64(d.Change), err
}
