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

// userDoc is a document of users. The names are the Node server's, whose documents are read as they are: they have no
// created, a double MD5 as password, and as imgUrl nothing, null, "" or an absolute URL.
type userDoc struct {
	ID       primitive.ObjectID `bson:"_id"`
	Username string             `bson:"username,omitempty"`
	Password string             `bson:"password"`
	Email    string             `bson:"email,omitempty"`
	PhoneNum string             `bson:"phoneNum,omitempty"`
	ImgURL   string             `bson:"imgUrl"`
	Created  time.Time          `bson:"created,omitempty"`
	Revoked  []string           `bson:"revoked,omitempty"` // see tokenText
	Number   int64              `bson:"number,omitempty"`
	Profile  profile            `bson:",inline"`
	Erased   time.Time          `bson:"erased,omitempty"` // then all but _id and number is gone

	// EmailLower is the email in lower case where it has capitals, as the Node server kept them: see noteEmails.
	EmailLower string `bson:"emailLower,omitempty"`
}

// profile is the part of a user's document that is hers to write.
type profile struct {
	Nickname    string `bson:"nickname,omitempty"`
	Description string `bson:"description,omitempty"`
	Sex         int    `bson:"sex,omitempty"`
	Icon        string `bson:"icon,omitempty"`
}

// newUserDoc returns the document of an account; ok is false when its id is none.
func newUserDoc(a *chat.Account) (d userDoc, ok bool) {
	id, ok := objectID(a.ID)
	return userDoc{
		ID: id, Username: a.Username, Password: a.Password, Email: a.Email, PhoneNum: a.Phone, ImgURL: a.Picture,
		Created: a.Created, Revoked: tokenTexts(a.Revoked), Number: int64(a.Number), Profile: profile(a.Profile),
		EmailLower: lowerOf(a.Email),
	}, ok
}

func (d *userDoc) account() chat.Account {
	a := chat.Account{
		ID: chat.UserID(d.ID.Hex()), Username: d.Username, Email: d.Email, Phone: d.PhoneNum, Password: d.Password,
		Picture: d.ImgURL, Created: d.Created, Revoked: tokensOf(d.Revoked),
		Number: uint64(d.Number), Profile: chat.Profile(d.Profile),
	}
	if a.Created.IsZero() {
		a.Created = d.ID.Timestamp()
	}
	return a
}

// objectID returns the _id of a user; ok is false for what is no user id.
func objectID(id chat.UserID) (oid primitive.ObjectID, ok bool) {
	if !id.Valid() {
		return oid, false
	}
	oid, err := primitive.ObjectIDFromHex(string(id))
	return oid, err == nil
}

func noSuchUser() error { return chat.Errorf(chat.NotFound, "no such user") }

// CreateAccount stores a new account: see chat.AccountStore. One insert against five unique indexes settles any race.
func (s *Store) CreateAccount(ctx context.Context, a chat.Account) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	doc, ok := newUserDoc(&a)
	if !ok {
		return chat.Errorf(chat.Invalid, "not a user id")
	}
	_, err := s.users.InsertOne(ctx, doc)
	if duplicate(err) {
		return chat.Wrap(chat.Conflict, "username, email, phone number or number is taken", err)
	}
	return failure(err)
}

// Account returns the account with this id, or NotFound.
func (s *Store) Account(ctx context.Context, id chat.UserID) (chat.Account, error) {
	oid, ok := objectID(id)
	if !ok {
		return chat.Account{}, noSuchUser()
	}
	return s.account(ctx, "_id", oid)
}

// AccountByUsername returns the account of this name, or NotFound.
func (s *Store) AccountByUsername(ctx context.Context, username string) (chat.Account, error) {
	return s.account(ctx, "username", username)
}

// AccountByPhone returns the account with this phone number, or NotFound.
func (s *Store) AccountByPhone(ctx context.Context, phone string) (chat.Account, error) {
	return s.account(ctx, "phoneNum", phone)
}

// AccountByNumber returns the account with this number, or NotFound.
func (s *Store) AccountByNumber(ctx context.Context, number uint64) (chat.Account, error) {
	return s.account(ctx, "number", int64(number))
}

func (s *Store) account(ctx context.Context, field string, value any) (chat.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	if value == "" || value == int64(0) { // a user of the Node server may have nothing in a field
		return chat.Account{}, noSuchUser()
	}
	var d userDoc
	err := s.users.FindOne(ctx, bson.D{{Key: field, Value: value}}).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) || err == nil && !d.Erased.IsZero() {
		return chat.Account{}, noSuchUser()
	}
	if err != nil {
		return chat.Account{}, failure(err)
	}
	return d.account(), nil
}

// Accounts returns those of ids that exist, in the order of ids.
func (s *Store) Accounts(ctx context.Context, ids []chat.UserID) ([]chat.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	wanted := make(bson.A, 0, len(ids))
	for _, id := range ids {
		if oid, ok := objectID(id); ok {
			wanted = append(wanted, oid)
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	var docs []userDoc
	if err := find(ctx, s.users, byID(bson.D{{Key: "$in", Value: wanted}}), &docs); err != nil {
		return nil, err
	}
	found := make(map[chat.UserID]chat.Account, len(docs))
	for i := range docs {
		if a := docs[i].account(); docs[i].Erased.IsZero() {
			found[a.ID] = a
		}
	}
	accounts := make([]chat.Account, 0, len(docs))
	for _, id := range ids {
		if a, ok := found[id]; ok {
			accounts = append(accounts, a)
		}
	}
	return accounts, nil
}

// SetPassword replaces the password if it still is old: see chat.AccountStore.
func (s *Store) SetPassword(ctx context.Context, id chat.UserID, old, new string) error {
	changed, err := s.swap(ctx, id, set(bson.D{{Key: "password", Value: new}}), bson.E{Key: "password", Value: old})
	if err == nil && !changed {
		err = chat.Errorf(chat.Conflict, "the password has changed meanwhile")
	}
	return err
}

// swap makes an update of a user of whom was is still true; changed is false when it is not. NotFound without such a
// user. MongoDB compares and swaps in one atomic step, whoever else tries; see stripe for FerretDB.
func (s *Store) swap(ctx context.Context, id chat.UserID, update bson.D, was ...bson.E) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	oid, ok := objectID(id)
	if !ok {
		return false, noSuchUser()
	}
	lock := s.stripe(string(id))
	lock.Lock()
	defer lock.Unlock()
	result, err := s.users.UpdateOne(ctx, append(alive(oid), was...), update)
	if err != nil {
		return false, failure(err)
	}
	if result.MatchedCount == 0 {
		_, err = s.Account(ctx, id)
	}
	return result.MatchedCount > 0, err
}

// alive is the filter for a user who was not erased.
func alive(id primitive.ObjectID) bson.D {
	return append(byID(id), bson.E{Key: "erased", Value: bson.D{{Key: "$exists", Value: false}}})
}

// SetPicture replaces the picture and returns the former one; NotFound without such an account. MongoDB does both in
// one atomic step; see stripe for FerretDB.
func (s *Store) SetPicture(ctx context.Context, id chat.UserID, name string) (former string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	oid, ok := objectID(id)
	if !ok {
		return "", noSuchUser()
	}
	lock := s.stripe(string(id))
	lock.Lock()
	defer lock.Unlock()
	var d userDoc
	err = s.users.FindOneAndUpdate(ctx, alive(oid), set(bson.D{{Key: "imgUrl", Value: name}}),
		options.FindOneAndUpdate().SetReturnDocument(options.Before)).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return "", noSuchUser()
	}
	return d.ImgURL, failure(err)
}
