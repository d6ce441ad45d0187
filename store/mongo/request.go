package mongo

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// requestDoc is a document of requests; its _id is "to/from".
type requestDoc struct {
	ID   string      `bson:"_id"`
	From chat.UserID `bson:"from"`
	To   chat.UserID `bson:"to"`
	Note string      `bson:"note,omitempty"`
	At   time.Time   `bson:"at"`
}

func newRequestDoc(r chat.FriendRequest) requestDoc {
	return requestDoc{ID: pairID(r.To, r.From), From: r.From, To: r.To, Note: r.Note, At: r.At}
}

func requestsOf(docs []requestDoc) []chat.FriendRequest {
	requests := make([]chat.FriendRequest, len(docs))
	for i, d := range docs {
		requests[i] = chat.FriendRequest{From: d.From, To: d.To, Note: d.Note, At: d.At}
	}
	return requests
}

// PutRequest stores a request; added is false when there is one in that direction already.
func (s *Store) PutRequest(ctx context.Context, r chat.FriendRequest) (added bool, err error) {
	return insert(ctx, s.requests, newRequestDoc(r))
}

// TakeRequest removes a request and returns it. Of several takers one gets it: MongoDB finds and deletes as one, and
// FerretDB under the stripe.
func (s *Store) TakeRequest(ctx context.Context, from, to chat.UserID) (chat.FriendRequest, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	lock := s.stripe(string(to))
	lock.Lock()
	defer lock.Unlock()
	var d requestDoc
	err := s.requests.FindOneAndDelete(ctx, byID(pairID(to, from))).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return chat.FriendRequest{}, chat.Errorf(chat.NotFound, "no such request")
	}
	return chat.FriendRequest{From: d.From, To: d.To, Note: d.Note, At: d.At}, failure(err)
}

// Requests lists those that wait for a user's answer, oldest first.
func (s *Store) Requests(ctx context.Context, to chat.UserID) ([]chat.FriendRequest, error) {
	return s.findRequests(ctx, under(string(to)))
}

// Awaited tells, for each user, whether any request waits for her answer.
func (s *Store) Awaited(ctx context.Context, users []chat.UserID) ([]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	awaited := make([]bool, len(users))
	if len(users) == 0 {
		return awaited, nil
	}
	found, err := s.requests.Distinct(ctx, "to", bson.D{{Key: "to", Value: bson.D{{Key: "$in", Value: users}}}})
	if err != nil {
		return nil, failure(err)
	}
	for i, user := range users {
		awaited[i] = slices.Contains(found, any(string(user)))
	}
	return awaited, nil
}

// Asked lists those that a user has made, oldest first.
func (s *Store) Asked(ctx context.Context, from chat.UserID) ([]chat.FriendRequest, error) {
	return s.findRequests(ctx, bson.D{{Key: "from", Value: from}})
}

func (s *Store) findRequests(ctx context.Context, filter bson.D) ([]chat.FriendRequest, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []requestDoc
	if err := find(ctx, s.requests, filter, &docs, inOrder()); err != nil {
		return nil, err
	}
	return requestsOf(docs), nil
}
