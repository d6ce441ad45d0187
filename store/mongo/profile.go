package mongo

import (
	"context"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
)

// absent is the condition that a document has no such field, or nothing in it: the Node server's may have either.
func absent(field string, empty ...any) bson.E {
	return bson.E{Key: field, Value: bson.D{{Key: "$in", Value: append(bson.A{nil}, empty...)}}}
}

// SetNumber gives a number to a user who has none: see chat.AccountStore.
func (s *Store) SetNumber(ctx context.Context, id chat.UserID, number uint64) error {
	changed, err := s.swap(ctx, id, set(bson.D{{Key: "number", Value: int64(number)}}), absent("number"))
	if err == nil && !changed {
		err = chat.Errorf(chat.Conflict, "the user has a number already")
	}
	return s.takenBy(ctx, err, id, bson.E{Key: "number", Value: int64(number)})
}

// takenBy makes a failed update a Conflict when another user has the value that it was to set. MongoDB says so itself;
// FerretDB keeps the unique index too, and does not say that this was the reason.
func (s *Store) takenBy(ctx context.Context, err error, id chat.UserID, value bson.E) error {
	if chat.CodeOf(err) != chat.Internal {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var others []userDoc
	if findErr := find(ctx, s.users, bson.D{value}, &others); findErr != nil {
		return findErr
	}
	for _, d := range others {
		if d.ID.Hex() != string(id) {
			return chat.Errorf(chat.Conflict, "the %s is taken", value.Key)
		}
	}
	return err
}

// SetProfile replaces the fields of the profile that change names; NotFound without such an account.
func (s *Store) SetProfile(ctx context.Context, id chat.UserID, change chat.ProfileChange) error {
	var fields bson.D
	for _, f := range []struct {
		name string
		text *string
	}{{"nickname", change.Nickname}, {"description", change.Description}, {"icon", change.Icon}} {
		if f.text != nil {
			fields = append(fields, bson.E{Key: f.name, Value: *f.text})
		}
	}
	if change.Sex != nil {
		fields = append(fields, bson.E{Key: "sex", Value: *change.Sex})
	}
	if len(fields) == 0 {
		_, err := s.Account(ctx, id)
		return err
	}
	_, err := s.swap(ctx, id, set(fields))
	return err
}
