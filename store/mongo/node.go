package mongo

import (
	"context"
	"errors"
	"log/slog"
	"strconv"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// Node is the database of the Node server, read only: no index is made in it. It implements chat.NodeSource.
type Node struct {
	store *Store
}

// OpenNode connects to the database of the Node server at uri, which names it: mongodb://host/ws_demo.
//
// Errors: those of Open, but for conflicts.
func OpenNode(ctx context.Context, uri string, log *slog.Logger) (*Node, error) {
	s, hosts, err := connect(ctx, uri, log)
	if err != nil {
		return nil, err
	}
	if err := s.meet(ctx, hosts); err != nil {
		s.Close()
		return nil, err
	}
	return &Node{s}, nil
}

// Close lets go of the connections.
func (n *Node) Close() error { return n.store.Close() }

// Users calls emit with every user, oldest first: an ObjectID begins with the second of its birth.
func (n *Node) Users(ctx context.Context, emit func(chat.NodeUser) error) error {
	return each(ctx, n.store.users, func(d bson.Raw) error {
		id, _ := d.Lookup("_id").ObjectIDOK()
		return emit(chat.NodeUser{
			ID: words(d.Lookup("_id")), Created: id.Timestamp(), Username: words(d.Lookup("username")), Password: words(d.Lookup("password")),
			Email: words(d.Lookup("email")), Phone: words(d.Lookup("phoneNum")), ImageURL: words(d.Lookup("imgUrl")),
		})
	})
}

// Friends calls emit with every document of friends, which mongoose keeps as {username, friends: [{userID, …}]}: what
// the client posted, so that userID may be anything.
func (n *Node) Friends(ctx context.Context, emit func(chat.NodeFriends) error) error {
	return each(ctx, n.store.users.Database().Collection("friends"), func(d bson.Raw) error {
		f := chat.NodeFriends{Owner: words(d.Lookup("username"))}
		id, _ := d.Lookup("_id").ObjectIDOK()
		f.Since = id.Timestamp()
		list, ok := d.Lookup("friends").ArrayOK()
		if !ok {
			return emit(f)
		}
		items, err := list.Values()
		if err != nil {
			return emit(f)
		}
		for _, item := range items {
			one, _ := item.DocumentOK()
			f.Friends = append(f.Friends, words(one.Lookup("userID")))
		}
		return emit(f)
	})
}

// HasUser implements chat.NodeSource.
func (n *Node) HasUser(ctx context.Context, id chat.UserID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	oid, _ := objectID(id)
	either := bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: bson.A{oid, string(id)}}}}} // Users takes both for an id
	err := n.store.users.FindOne(ctx, either, options.FindOne().SetProjection(byID(1))).Err()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, failure(err)
}

// Sockets counts idtoids: where the Node server last saw each user.
func (n *Node) Sockets(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	count, err := n.store.users.Database().Collection("idtoids").CountDocuments(ctx, bson.D{})
	return int(count), failure(err)
}

// nodeBatch is how many documents come at once. MongoDB gives up a cursor that it was not asked about for 10 minutes, and
// users whose pictures are made anew take a while.
const nodeBatch = 20

// each calls f with every document of a collection, in the order of _id.
func each(ctx context.Context, in *mongo.Collection, f func(bson.Raw) error) error {
	cursor, err := in.Find(ctx, bson.D{}, options.Find().SetSort(byID(1)).SetBatchSize(nodeBatch))
	if err != nil {
		return failure(err)
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	for cursor.Next(ctx) {
		if err := f(cursor.Current); err != nil {
			return err
		}
	}
	return failure(cursor.Err())
}

// words is what a value says when it is written down: texts, ids, and numbers, as which some clients sent phone numbers.
func words(v bson.RawValue) string {
	switch v.Type {
	case bson.TypeString:
		return v.StringValue()
	case bson.TypeObjectID:
		return v.ObjectID().Hex()
	case bson.TypeInt32, bson.TypeInt64:
		return strconv.FormatInt(v.AsInt64(), 10)
	case bson.TypeDouble:
		return strconv.FormatFloat(v.Double(), 'f', -1, 64)
	default:
		return ""
	}
}
