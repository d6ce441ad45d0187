package ferrettest

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	parley "github.com/parley-chat/parley/store/mongo"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

func TestTheNodeServersDatabaseIsReadAsItIs(t *testing.T) {
	uri := fresh(t, server(t))
	db := raw(t, uri)
	ann := nodeUser("ann", bson.E{Key: "imgUrl", Value: "http://192.0.2.8:3000/mongo/img/1.jpg"})
	bob := nodeUser("bob")
	for i := range bob {
		if bob[i].Key == "phoneNum" {
			bob[i].Value = int64(13800138000)
		}
	}
	odd := bson.D{{Key: "_id", Value: "17"}, {Key: "username", Value: bson.A{"not", "a", "name"}}}
	_, err := db.Collection("users").InsertMany(t.Context(), []any{ann, bob, odd})
	noError(t, err)
	bobID := bob[0].Value.(primitive.ObjectID)
	for _, d := range []bson.D{
		{{Key: "_id", Value: primitive.NewObjectIDFromTimestamp(noon())}, {Key: "username", Value: "ann"}, {Key: "friends", Value: bson.A{
			bson.D{{Key: "userID", Value: bobID.Hex()}, {Key: "userName", Value: "bob"}}, // what the client posted
			bson.D{{Key: "userID", Value: bobID}}, bson.D{}, "nobody",
		}}},
		{{Key: "username", Value: "bob"}},
	} {
		_, err := db.Collection("friends").InsertOne(t.Context(), d)
		noError(t, err)
	}
	_, err = db.Collection("idtoids").InsertOne(t.Context(), bson.D{{Key: "userid", Value: bobID.Hex()}, {Key: "socketid", Value: "x"}})
	noError(t, err)

	node, err := parley.OpenNode(t.Context(), uri, slog.New(slog.DiscardHandler))
	noError(t, err)
	defer node.Close()
	users := make(map[string]chat.NodeUser)
	noError(t, node.Users(t.Context(), func(u chat.NodeUser) error { users[u.Username] = u; return nil }))
	wantAnn := chat.NodeUser{
		ID: ann[0].Value.(primitive.ObjectID).Hex(), Username: "ann", Password: "14e1b600b1fd579f47433b88e8d85291",
		Email: "ann@Example.org", Phone: "138 ann", ImageURL: "http://192.0.2.8:3000/mongo/img/1.jpg",
		Created: noon().Truncate(time.Second),
	}
	if users["ann"] != wantAnn || users["bob"].Phone != "13800138000" || users[""].ID != "17" || len(users) != 3 {
		t.Errorf("users are %+v", users)
	}
	lists := make(map[string]chat.NodeFriends)
	noError(t, node.Friends(t.Context(), func(f chat.NodeFriends) error { lists[f.Owner] = f; return nil }))
	if got := lists["ann"]; !slices.Equal(got.Friends, []string{bobID.Hex(), bobID.Hex(), "", ""}) || !got.Since.Equal(noon().Truncate(time.Second)) {
		t.Errorf("Ann's friends are %+v", got)
	}
	if len(lists) != 2 || len(lists["bob"].Friends) != 0 {
		t.Errorf("friends are %+v", lists)
	}
	if n, err := node.Sockets(t.Context()); err != nil || n != 1 {
		t.Errorf("%d sockets, %v", n, err)
	}
	// Nothing of ours was written into it.
	names, err := db.ListCollectionNames(t.Context(), bson.D{})
	noError(t, err)
	slices.Sort(names)
	indexes, err := db.Collection("users").Indexes().ListSpecifications(t.Context())
	noError(t, err)
	if !slices.Equal(names, []string{"friends", "idtoids", "users"}) || len(indexes) != 1 {
		t.Errorf("the database now has %q and %d indexes", names, len(indexes))
	}
}
