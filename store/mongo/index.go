package mongo

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// makeIndexes makes what is missing, one at a time: FerretDB may drop the connection when asked for several of which
// one exists.
func (s *Store) makeIndexes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, indexWait)
	defer cancel()
	for _, index := range []struct {
		in             *mongo.Collection
		field          string
		unique, sparse bool // sparse: a document without the field is not in the index
	}{
		// The Node server's users may lack a field, and two who do must not count as equal.
		{s.users, "username", true, true},
		{s.users, "email", true, true},
		{s.users, "phoneNum", true, true},
		{s.users, "number", true, true},
		{s.users, "emailLower", false, true},
		{s.messages, "key", true, true},
		{s.messages, "changeKey", true, true},
		{s.messages, "files", false, true},
		{s.requests, "from", false, false},
		{s.requests, "to", false, false},
		{s.files, "owner", false, false},
		{s.files, "loose", false, true},
		{s.sockets, "node", false, false},
		{s.rooms, "number", true, false},
		{s.rooms, "code", true, true},
		{s.members, "user", false, false},
	} {
		if err := s.makeIndex(ctx, index.in, index.field, index.unique, index.sparse); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) makeIndex(ctx context.Context, in *mongo.Collection, field string, unique, sparse bool) error {
	present, err := in.Indexes().ListSpecifications(ctx)
	if err != nil {
		return failure(err)
	}
	for _, index := range present {
		keys, err := index.KeysDocument.Elements()
		if err != nil || len(keys) != 1 || keys[0].Key() != field {
			continue
		}
		if unique && (index.Unique == nil || !*index.Unique) {
			return chat.Errorf(chat.Conflict, "the index %s of %s is not unique: drop it, then start again", index.Name, in.Name())
		}
		return nil
	}
	_, err = in.Indexes().CreateOne(ctx, mongo.IndexModel{
		Keys:    bson.D{{Key: field, Value: 1}},
		Options: options.Index().SetUnique(unique).SetSparse(sparse),
	})
	if err == nil {
		s.log.Info("index made", "collection", in.Name(), "field", field, "unique", unique)
		return nil
	}
	if unique && !away(err) {
		// FerretDB does not say which value is at fault, or even that one is. So the data is asked.
		if double := findDouble(ctx, in, field); double != nil {
			return double
		}
	}
	return failure(err)
}

// findDouble returns the Conflict that names a value which stands in several documents, or nil if there is none.
func findDouble(ctx context.Context, in *mongo.Collection, field string) error {
	doubles, err := in.Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: bson.D{{Key: field, Value: bson.D{{Key: "$exists", Value: true}}}}}},
		{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$" + field}, {Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}}}},
		{{Key: "$match", Value: bson.D{{Key: "n", Value: bson.D{{Key: "$gt", Value: 1}}}}}},
		{{Key: "$limit", Value: 1}},
	})
	if err != nil {
		return failure(err)
	}
	var found []struct {
		Value any `bson:"_id"`
		N     int `bson:"n"`
	}
	if err := doubles.All(ctx, &found); err != nil {
		return failure(err)
	}
	if len(found) == 0 {
		return nil
	}
	value := fmt.Sprint(found[0].Value)
	if text, ok := found[0].Value.(string); ok {
		value = fmt.Sprintf("%q", text)
	}
	return chat.Errorf(chat.Conflict, "%d documents of %s have the %s %s, which must be unique: change all but one, then start again",
		found[0].N, in.Name(), field, value)
}
