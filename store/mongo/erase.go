package mongo

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// erasedDoc is what is left of a user's document: the number keeps its place in the unique index.
type erasedDoc struct {
	ID     primitive.ObjectID `bson:"_id"`
	Number int64              `bson:"number,omitempty"`
	Erased time.Time          `bson:"erased"`
}

// EraseAccount leaves of an account its id, its number and the time: see chat.AccountStore. One replacement of the
// document frees all that was unique in it.
func (s *Store) EraseAccount(ctx context.Context, id chat.UserID, at time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	oid, ok := objectID(id)
	if !ok {
		return noSuchUser()
	}
	lock := s.stripe(string(id))
	lock.Lock()
	defer lock.Unlock()
	for {
		var d userDoc
		err := s.users.FindOne(ctx, byID(oid)).Decode(&d)
		switch {
		case errors.Is(err, mongo.ErrNoDocuments):
			return noSuchUser()
		case err != nil:
			return failure(err)
		case !d.Erased.IsZero():
			return nil
		}
		// Another process may give her a number meanwhile: then it is read again.
		was := bson.E{Key: "number", Value: d.Number}
		if d.Number == 0 {
			was = absent("number")
		}
		result, err := s.users.ReplaceOne(ctx, append(alive(oid), was), erasedDoc{oid, d.Number, at})
		if err != nil || result.MatchedCount > 0 {
			return failure(err)
		}
	}
}

// Erased returns when each of the users was erased, the zero time for who was not.
func (s *Store) Erased(ctx context.Context, ids []chat.UserID) ([]time.Time, error) {
	erased := make([]time.Time, len(ids))
	wanted := make(bson.A, 0, len(ids))
	for _, id := range ids {
		if oid, ok := objectID(id); ok {
			wanted = append(wanted, oid)
		}
	}
	if len(wanted) == 0 {
		return erased, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []userDoc
	err := find(ctx, s.users, byID(bson.D{{Key: "$in", Value: wanted}}), &docs,
		options.Find().SetProjection(bson.D{{Key: "erased", Value: 1}}))
	if err != nil {
		return nil, err
	}
	when := make(map[chat.UserID]time.Time, len(docs))
	for i := range docs {
		when[chat.UserID(docs[i].ID.Hex())] = docs[i].Erased
	}
	for i, id := range ids {
		erased[i] = when[id]
	}
	return erased, nil
}
