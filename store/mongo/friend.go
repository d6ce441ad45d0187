package mongo

import (
	"context"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// friendDoc is a document of friendships; its _id is "owner/friend".
type friendDoc struct {
	ID     string      `bson:"_id"`
	Owner  chat.UserID `bson:"owner"`
	Friend chat.UserID `bson:"friend"`
	At     time.Time   `bson:"at"`
}

func newFriendDoc(f chat.Friendship) friendDoc {
	return friendDoc{ID: string(f.Owner) + "/" + string(f.Friend), Owner: f.Owner, Friend: f.Friend, At: f.Since}
}

// AddFriend stores that friend is a friend of owner; added is false when it was so already.
func (s *Store) AddFriend(ctx context.Context, owner, friend chat.UserID, at time.Time) (added bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	_, err = s.friendships.InsertOne(ctx, newFriendDoc(chat.Friendship{Owner: owner, Friend: friend, Since: at}))
	if duplicate(err) {
		return false, nil
	}
	return err == nil, failure(err)
}

// Friends lists the friends of owner, first added first. Those of one millisecond come in the order of their ids.
func (s *Store) Friends(ctx context.Context, owner chat.UserID) ([]chat.UserID, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []friendDoc
	err := find(ctx, s.friendships, under(string(owner)), &docs,
		options.Find().SetSort(bson.D{{Key: "at", Value: 1}, {Key: "_id", Value: 1}}))
	if err != nil {
		return nil, err
	}
	friends := make([]chat.UserID, len(docs))
	for i, d := range docs {
		friends[i] = d.Friend
	}
	return friends, nil
}

// Befriended tells, for each owner, whether she counts friend as a friend.
func (s *Store) Befriended(ctx context.Context, owners []chat.UserID, friend chat.UserID) ([]bool, error) {
	befriended := make([]bool, len(owners))
	if len(owners) == 0 {
		return befriended, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	ids := make(bson.A, len(owners))
	for i, owner := range owners {
		ids[i] = string(owner) + "/" + string(friend)
	}
	var docs []friendDoc
	if err := find(ctx, s.friendships, byID(bson.D{{Key: "$in", Value: ids}}), &docs); err != nil {
		return nil, err
	}
	yes := make(map[chat.UserID]bool, len(docs))
	for _, d := range docs {
		yes[d.Owner] = true
	}
	for i, owner := range owners {
		befriended[i] = yes[owner]
	}
	return befriended, nil
}
