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
}

// newUserDoc returns the document of an account; ok is false when its id is none.
func newUserDoc(a *chat.Account) (d userDoc, ok bool) {
	id, ok := objectID(a.ID)
	return userDoc{
		ID: id, Username: a.Username, Password: a.Password, Email: a.Email, PhoneNum: a.Phone, ImgURL: a.Picture,
		Created: a.Created, Revoked: tokenTexts(a.Revoked),
	}, ok
}

func (d *userDoc) account() chat.Account {
	a := chat.Account{
		ID: chat.UserID(d.ID.Hex()), Username: d.Username, Email: d.Email, Phone: d.PhoneNum, Password: d.Password,
		Picture: d.ImgURL, Created: d.Created, Revoked: tokensOf(d.Revoked),
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

// CreateAccount stores a new account: see chat.AccountStore. One insert against four unique indexes settles any race.
func (s *Store) CreateAccount(ctx context.Context, a chat.Account) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	doc, ok := newUserDoc(&a)
	if !ok {
		return chat.Errorf(chat.Invalid, "not a user id")
	}
	_, err := s.users.InsertOne(ctx, doc)
	if duplicate(err) {
		return chat.Wrap(chat.Conflict, "username, email or phone number is taken", err)
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

func (s *Store) account(ctx context.Context, field string, value any) (chat.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var d userDoc
	err := s.users.FindOne(ctx, bson.D{{Key: field, Value: value}}).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
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
		a := docs[i].account()
		found[a.ID] = a
	}
	accounts := make([]chat.Account, 0, len(docs))
	for _, id := range ids {
		if a, ok := found[id]; ok {
			accounts = append(accounts, a)
		}
	}
	return accounts, nil
}

// SetPassword replaces the password if it still is old: see chat.AccountStore. MongoDB compares and swaps in one
// atomic step, whoever else tries; see stripe for FerretDB.
func (s *Store) SetPassword(ctx context.Context, id chat.UserID, old, new string) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	oid, ok := objectID(id)
	if !ok {
		return noSuchUser()
	}
	lock := s.stripe(string(id))
	lock.Lock()
	defer lock.Unlock()
	filter := bson.D{{Key: "_id", Value: oid}, {Key: "password", Value: old}}
	result, err := s.users.UpdateOne(ctx, filter, set(bson.D{{Key: "password", Value: new}}))
	if err != nil {
		return failure(err)
	}
	if result.MatchedCount > 0 {
		return nil
	}
	if _, err := s.Account(ctx, id); err != nil {
		return err
	}
	return chat.Errorf(chat.Conflict, "the password has changed meanwhile")
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
	err = s.users.FindOneAndUpdate(ctx, byID(oid), set(bson.D{{Key: "imgUrl", Value: name}}),
		options.FindOneAndUpdate().SetReturnDocument(options.Before)).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return "", noSuchUser()
	}
	return d.ImgURL, failure(err)
}
