package mongo

import (
	"context"
	"crypto/hmac"
	"errors"
	"strconv"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// codeDoc is a document of codes. A code's _id is "purpose/email" with the email escaped. What was done with it has a
// document each, with no hash: "purpose/email/issue/n" is its n-th try, "purpose/email/issue/used" its use. Their inserts
// settle all races, between processes too: an _id is taken once.
type codeDoc struct {
	ID      string    `bson:"_id"`
	Issue   string    `bson:"issue,omitempty"` // tells this code from the one before
	Hash    []byte    `bson:"hash,omitempty"`
	Expires time.Time `bson:"expires"`
}

func codeID(email string, purpose chat.Purpose) string { return string(purpose) + "/" + escape(email) }

func noCode() error { return chat.Errorf(chat.NotFound, "no such code") }

// PutCode stores a code in the place of the former one: see chat.CodeStore. Its tries are counted under a new name.
func (s *Store) PutCode(ctx context.Context, c chat.EmailCode) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	d := codeDoc{ID: codeID(c.Email, c.Purpose), Issue: chat.RandomID(9), Hash: c.Hash, Expires: c.Expires}
	lock := s.stripe(d.ID)
	lock.Lock()
	defer lock.Unlock()
	_, err := put(ctx, s.codes, d.ID, d, bson.D{
		{Key: "issue", Value: d.Issue}, {Key: "hash", Value: d.Hash}, {Key: "expires", Value: d.Expires},
	})
	return err
}

// TryCode takes one of a code's tries: see chat.CodeStore. The try is stored before hash is looked at.
func (s *Store) TryCode(ctx context.Context, email string, purpose chat.Purpose, hash []byte, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var d codeDoc
	err := s.codes.FindOne(ctx, byID(codeID(email, purpose))).Decode(&d)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return noCode()
	case err != nil:
		return failure(err)
	case !now.Before(d.Expires):
		return noCode()
	}
	tried := false
	for n := 1; n <= chat.MaxTries && !tried; n++ {
		if tried, err = s.mark(ctx, &d, strconv.Itoa(n)); err != nil {
			return err
		}
	}
	switch {
	case !tried:
		return noCode()
	case !hmac.Equal(d.Hash, hash):
		return chat.Errorf(chat.Forbidden, "another code")
	}
	if used, err := s.mark(ctx, &d, "used"); err != nil {
		return err
	} else if !used {
		return noCode()
	}
	lock := s.stripe(d.ID)
	lock.Lock()
	defer lock.Unlock()
	// Without this, what is tried later would be told to be wrong, not to be gone; it is as little of use.
	_, err = s.codes.DeleteOne(ctx, bson.D{{Key: "_id", Value: d.ID}, {Key: "issue", Value: d.Issue}})
	return failure(err)
}

// mark stores that something was done with a code; first is false when it was done before.
func (s *Store) mark(ctx context.Context, d *codeDoc, what string) (first bool, err error) {
	_, err = s.codes.InsertOne(ctx, codeDoc{ID: d.ID + "/" + d.Issue + "/" + what, Expires: d.Expires})
	if duplicate(err) {
		return false, nil
	}
	return err == nil, failure(err)
}

// SweepCodes removes codes and what was done with them: see chat.CodeStore. It reads them all: those of a day are few.
func (s *Store) SweepCodes(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	_, err := s.codes.DeleteMany(ctx, bson.D{{Key: "expires", Value: bson.D{{Key: "$lte", Value: now}}}})
	return failure(err)
}
