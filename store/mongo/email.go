package mongo

import (
	"context"
	"strings"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// AccountByEmail returns the account with this email address, or else one whose address it is in lower case: see
// chat.AccountStore. One command asks for both, so that nobody tells by the time which it was, or whether there is one.
func (s *Store) AccountByEmail(ctx context.Context, email string) (chat.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	if email == "" {
		return chat.Account{}, noSuchUser()
	}
	var docs []userDoc
	err := find(ctx, s.users, bson.D{{Key: "$or", Value: bson.A{
		bson.D{{Key: "email", Value: email}}, bson.D{{Key: "emailLower", Value: email}},
	}}}, &docs)
	if err != nil {
		return chat.Account{}, err
	}
	for i := range docs {
		if docs[i].Email == email {
			return docs[i].account(), nil
		}
	}
	if len(docs) == 0 {
		return chat.Account{}, noSuchUser()
	}
	return docs[0].account(), nil
}

// lowerOf is what emailLower has for an email; "" for nothing.
func lowerOf(email string) string {
	if lower := strings.ToLower(email); lower != email {
		return lower
	}
	return ""
}

// SetEmail replaces the email address if it still is old: see chat.AccountStore.
func (s *Store) SetEmail(ctx context.Context, id chat.UserID, old, new string) error {
	was := bson.E{Key: "email", Value: old}
	if old == "" {
		was = absent("email", "")
	}
	var fields, gone bson.D
	for _, f := range []struct{ name, value string }{{"email", new}, {"emailLower", lowerOf(new)}} {
		if f.value != "" {
			fields = append(fields, bson.E{Key: f.name, Value: f.value})
		} else {
			gone = append(gone, bson.E{Key: f.name, Value: ""})
		}
	}
	var update bson.D
	if len(fields) > 0 {
		update = set(fields)
	}
	if len(gone) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: gone})
	}
	changed, err := s.swap(ctx, id, update, was)
	if err == nil && !changed {
		err = chat.Errorf(chat.Conflict, "the email has changed meanwhile")
	}
	return s.takenBy(ctx, err, id, bson.E{Key: "email", Value: new})
}

// noteEmails gives emailLower to users of the Node server, who may write their address in lower case today. What the
// Node server wrote stays as it is.
func (s *Store) noteEmails(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, indexWait)
	defer cancel()
	// \p{Lu} is a capital letter of any script; the condition is answered from the index of email.
	unnoted := bson.D{{Key: "email", Value: bson.D{{Key: "$regex", Value: `\p{Lu}`}}}, absent("emailLower")}
	for {
		var docs []userDoc
		err := find(ctx, s.users, unnoted, &docs,
			options.Find().SetLimit(int64(s.most.updates)).SetProjection(bson.D{{Key: "email", Value: 1}}))
		if err != nil || len(docs) == 0 {
			return err
		}
		updates := make([]mongo.WriteModel, len(docs))
		for i, d := range docs {
			updates[i] = mongo.NewUpdateOneModel().
				SetFilter(append(byID(d.ID), bson.E{Key: "email", Value: d.Email})).
				SetUpdate(set(bson.D{{Key: "emailLower", Value: strings.ToLower(d.Email)}}))
		}
		if _, err := s.users.BulkWrite(ctx, updates, options.BulkWrite().SetOrdered(false)); err != nil {
			return failure(err)
		}
	}
}
