package mongo

import (
	"context"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
)

// socketDoc is a document of sockets; its _id is "user/socket" with the socket escaped.
type socketDoc struct {
	ID     string        `bson:"_id"`
	User   chat.UserID   `bson:"user"`
	Socket chat.SocketID `bson:"socket"`
	Device chat.DeviceID `bson:"device"`
	Node   chat.NodeID   `bson:"node"`
	Since  time.Time     `bson:"since"`
}

// nodeDoc is a document of nodes: the node lives until then.
type nodeDoc struct {
	ID    chat.NodeID `bson:"_id"`
	Until time.Time   `bson:"until"`
}

func socketKey(user chat.UserID, id chat.SocketID) string {
	return string(user) + "/" + escape(string(id))
}

// PutSocket stores an entry, or replaces the one of the same user and id.
func (s *Store) PutSocket(ctx context.Context, k chat.Socket) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	doc := socketDoc{ID: socketKey(k.User, k.ID), User: k.User, Socket: k.ID, Device: k.Device, Node: k.Node, Since: k.Since}
	// Nearly every socket is a new one, so the insert comes first.
	if _, err := s.sockets.InsertOne(ctx, doc); !duplicate(err) {
		return failure(err)
	}
	_, err := put(ctx, s.sockets, doc.ID, doc,
		bson.D{{Key: "device", Value: doc.Device}, {Key: "node", Value: doc.Node}, {Key: "since", Value: doc.Since}})
	return err
}

// DeleteSocket removes an entry. A missing one is no error.
func (s *Store) DeleteSocket(ctx context.Context, user chat.UserID, id chat.SocketID) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	_, err := s.sockets.DeleteOne(ctx, byID(socketKey(user, id)))
	return failure(err)
}

// Sockets lists the sockets of some users on nodes that are alive at now, in no order.
func (s *Store) Sockets(ctx context.Context, users []chat.UserID, now time.Time) ([]chat.Socket, error) {
	if len(users) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	ranges := make(bson.A, len(users))
	for i, user := range users {
		ranges[i] = under(string(user))
	}
	var docs []socketDoc
	if err := find(ctx, s.sockets, bson.D{{Key: "$or", Value: ranges}}, &docs); err != nil || len(docs) == 0 {
		return nil, err
	}
	var living []nodeDoc
	if err := find(ctx, s.nodes, bson.D{{Key: "until", Value: bson.D{{Key: "$gt", Value: now}}}}, &living); err != nil {
		return nil, err
	}
	alive := make(map[chat.NodeID]bool, len(living))
	for _, n := range living {
		alive[n.ID] = true
	}
	sockets := make([]chat.Socket, 0, len(docs))
	for _, d := range docs {
		if alive[d.Node] {
			sockets = append(sockets, chat.Socket{ID: d.Socket, User: d.User, Device: d.Device, Node: d.Node, Since: d.Since})
		}
	}
	return sockets, nil
}

// Beat says that a node is alive until the given time.
func (s *Store) Beat(ctx context.Context, node chat.NodeID, until time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	_, err := put(ctx, s.nodes, node, nodeDoc{ID: node, Until: until}, bson.D{{Key: "until", Value: until}})
	return err
}

// SweepSockets removes the nodes that are dead at now and their entries, and says how many entries those were. The
// nodes go last, so that a sweep cut short is done again; a node that came back meanwhile stays.
func (s *Store) SweepSockets(ctx context.Context, now time.Time) (removed int, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	died := bson.E{Key: "until", Value: bson.D{{Key: "$lte", Value: now}}}
	var docs []nodeDoc
	if err := find(ctx, s.nodes, bson.D{died}, &docs); err != nil || len(docs) == 0 {
		return 0, err
	}
	dead := make(bson.A, len(docs))
	for i, d := range docs {
		dead[i] = d.ID
	}
	of := func(field string) bson.E { return bson.E{Key: field, Value: bson.D{{Key: "$in", Value: dead}}} }
	result, err := s.sockets.DeleteMany(ctx, bson.D{of("node")})
	if err != nil {
		return 0, failure(err)
	}
	_, err = s.nodes.DeleteMany(ctx, bson.D{of("_id"), died})
	return int(result.DeletedCount), failure(err)
}
