package mongo

import (
	"context"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// friendDoc is a document of friendships; its _id is "owner/friend".
type friendDoc struct {
	ID     string      `bson:"_id"`
	Owner  chat.UserID `bson:"owner"`
	Friend chat.UserID `bson:"friend"`
	At     time.Time   `bson:"at"`
	Remark string      `bson:"remark,omitempty"`
	Agreed bool        `bson:"agreed,omitempty"`
}

func newFriendDoc(f chat.Friendship) friendDoc {
	return friendDoc{
		ID: pairID(f.Owner, f.Friend), Owner: f.Owner, Friend: f.Friend, At: f.Since, Remark: f.Remark, Agreed: f.Agreed,
	}
}

func (d *friendDoc) friendship() chat.Friendship {
	return chat.Friendship{Owner: d.Owner, Friend: d.Friend, Since: d.At, Remark: d.Remark, Agreed: d.Agreed}
}

// pairID is the _id of something between two users, the first of whom it belongs to.
func pairID(first, second chat.UserID) string { return string(first) + "/" + string(second) }

// inOrder sorts by time, and what is of one millisecond by _id.
func inOrder() *options.FindOptions {
	return options.Find().SetSort(bson.D{{Key: "at", Value: 1}, {Key: "_id", Value: 1}})
}

// AddFriend stores that friend is a friend of owner; added is false when it was so already.
func (s *Store) AddFriend(ctx context.Context, owner, friend chat.UserID, at time.Time) (added bool, err error) {
	return insert(ctx, s.friendships, newFriendDoc(chat.Friendship{Owner: owner, Friend: friend, Since: at}))
}

// insert stores a document, unless one has its id.
func insert(ctx context.Context, in *mongo.Collection, doc any) (added bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	if _, err = in.InsertOne(ctx, doc); duplicate(err) {
		return false, nil
	}
	return err == nil, failure(err)
}

// Befriend stores that each of two is a friend of the other, agreed.
func (s *Store) Befriend(ctx context.Context, a, b chat.UserID, at time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	for _, f := range []chat.Friendship{{Owner: a, Friend: b, Since: at, Agreed: true}, {Owner: b, Friend: a, Since: at, Agreed: true}} {
		if err := s.befriend(ctx, newFriendDoc(f)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) befriend(ctx context.Context, d friendDoc) error {
	lock := s.stripe(string(d.Owner))
	lock.Lock()
	defer lock.Unlock()
	_, err := put(ctx, s.friendships, d.ID, d, bson.D{{Key: "agreed", Value: true}})
	return err
}

// RemoveFriend ends one direction; removed is false when there was none.
func (s *Store) RemoveFriend(ctx context.Context, owner, friend chat.UserID) (removed bool, err error) {
	lock := s.stripe(string(owner))
	lock.Lock()
	defer lock.Unlock()
	return remove(ctx, s.friendships, pairID(owner, friend))
}

// remove deletes the document with this id; removed is false when there was none.
func remove(ctx context.Context, in *mongo.Collection, id string) (removed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	result, err := in.DeleteOne(ctx, byID(id))
	if err != nil {
		return false, failure(err)
	}
	return result.DeletedCount > 0, nil
}

// SetRemark replaces what owner calls a friend; NotFound when she is none.
func (s *Store) SetRemark(ctx context.Context, owner, friend chat.UserID, remark string) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	lock := s.stripe(string(owner))
	lock.Lock()
	defer lock.Unlock()
	change := set(bson.D{{Key: "remark", Value: remark}})
	if remark == "" {
		change = bson.D{{Key: "$unset", Value: bson.D{{Key: "remark", Value: ""}}}}
	}
	result, err := s.friendships.UpdateOne(ctx, byID(pairID(owner, friend)), change)
	if err != nil {
		return failure(err)
	}
	if result.MatchedCount == 0 {
		return chat.Errorf(chat.NotFound, "no such friend")
	}
	return nil
}

// Friends lists the friends of owner, first added first. Those of one millisecond come in the order of their ids.
func (s *Store) Friends(ctx context.Context, owner chat.UserID) ([]chat.UserID, error) {
	friendships, err := s.Friendships(ctx, owner)
	friends := make([]chat.UserID, len(friendships))
	for i, f := range friendships {
		friends[i] = f.Friend
	}
	return friends, err
}

// Friendships lists the same, with all that is known of each.
func (s *Store) Friendships(ctx context.Context, owner chat.UserID) ([]chat.Friendship, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []friendDoc
	if err := find(ctx, s.friendships, under(string(owner)), &docs, inOrder()); err != nil {
		return nil, err
	}
	friendships := make([]chat.Friendship, len(docs))
	for i := range docs {
		friendships[i] = docs[i].friendship()
	}
	return friendships, nil
}

// Befriended tells, for each owner, whether she counts friend as a friend.
func (s *Store) Befriended(ctx context.Context, owners []chat.UserID, friend chat.UserID) ([]bool, error) {
	pairs := make([][2]chat.UserID, len(owners))
	for i, owner := range owners {
		pairs[i] = [2]chat.UserID{owner, friend}
	}
	return s.have(ctx, s.friendships, pairs)
}

// have tells, for each pair, whether there is a document between the two.
func (s *Store) have(ctx context.Context, in *mongo.Collection, pairs [][2]chat.UserID) ([]bool, error) {
	have := make([]bool, len(pairs))
	if len(pairs) == 0 {
		return have, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	ids := make(bson.A, len(pairs))
	for i, pair := range pairs {
		ids[i] = pairID(pair[0], pair[1])
	}
	var docs []struct {
		ID string `bson:"_id"`
	}
	err := find(ctx, in, byID(bson.D{{Key: "$in", Value: ids}}), &docs, options.Find().SetProjection(byID(1)))
	if err != nil {
		return nil, err
	}
	found := make(map[string]bool, len(docs))
	for _, d := range docs {
		found[d.ID] = true
	}
	for i := range pairs {
		have[i] = found[ids[i].(string)]
	}
	return have, nil
}

// RemoveRelations removes what there is between a user and others: see chat.FriendStore. What names the friends goes
// last, so that a call after a crash still finds the other directions.
func (s *Store) RemoveRelations(ctx context.Context, user chat.UserID) error {
	friends, err := s.Friends(ctx, user)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	back := make(bson.A, len(friends))
	for i, friend := range friends {
		back[i] = pairID(friend, user)
	}
	for _, part := range []struct {
		of     *mongo.Collection
		filter bson.D
	}{
		{s.blocks, under(string(user))},
		{s.requests, under(string(user))},
		{s.requests, bson.D{{Key: "from", Value: user}}},
		{s.friendships, byID(bson.D{{Key: "$in", Value: back}})},
		{s.friendships, under(string(user))},
	} {
		if _, err := part.of.DeleteMany(ctx, part.filter); err != nil {
			return failure(err)
		}
	}
	return nil
}
