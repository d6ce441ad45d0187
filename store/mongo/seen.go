package mongo

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// seenDoc is a document of seen; its _id is the user.
type seenDoc struct {
	ID chat.UserID `bson:"_id"`
	At time.Time   `bson:"at"`
}

// See moves forward when users and devices were seen last: see chat.DeviceStore. MongoDB decides in one atomic step
// whether a move is one forward; FerretDB does not, so there this process makes one call after the other, and none
// beside PutDevice.
func (s *Store) See(ctx context.Context, sightings []chat.Sighting) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	if s.ferret {
		for i := range s.stripes {
			s.stripes[i].Lock()
			defer s.stripes[i].Unlock()
		}
	}
	last := make(map[chat.UserID]time.Time, len(sightings))
	moves := make([]mongo.WriteModel, 0, len(sightings))
	for _, seen := range sightings {
		if last[seen.User].Before(seen.At) {
			last[seen.User] = seen.At
		}
		older := append(byID(deviceKey(seen.User, seen.Device)), bson.E{Key: "seen", Value: bson.D{{Key: "$lt", Value: seen.At}}})
		moves = append(moves, mongo.NewUpdateOneModel().SetFilter(older).
			SetUpdate(set(bson.D{{Key: "address", Value: seen.Address}, {Key: "seen", Value: seen.At}})))
	}
	if err := s.move(ctx, s.devices, moves); err != nil {
		return err
	}
	moves = moves[:0]
	for user, at := range last {
		moves = append(moves, mongo.NewUpdateOneModel().SetUpsert(true).SetFilter(byID(user)).
			SetUpdate(bson.D{{Key: "$max", Value: bson.D{{Key: "at", Value: at}}}}))
	}
	return s.move(ctx, s.seen, moves)
}

// LastSeen returns when See last had each of the users, the zero time for never.
func (s *Store) LastSeen(ctx context.Context, users []chat.UserID) ([]time.Time, error) {
	last := make([]time.Time, len(users))
	if len(users) == 0 {
		return last, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []seenDoc
	if err := find(ctx, s.seen, byID(bson.D{{Key: "$in", Value: users}}), &docs); err != nil {
		return nil, err
	}
	at := make(map[chat.UserID]time.Time, len(docs))
	for _, d := range docs {
		at[d.ID] = d.At
	}
	for i, user := range users {
		last[i] = at[user]
	}
	return last, nil
}

// move makes updates that may be made twice, in whichever order.
func (s *Store) move(ctx context.Context, in *mongo.Collection, moves []mongo.WriteModel) error {
	for part := range slices.Chunk(moves, s.most.updates) {
		_, err := in.BulkWrite(ctx, part, options.BulkWrite().SetOrdered(false))
		if duplicate(err) {
			// Of two upserts of one new _id, one may fail on the other's insert. To move forward twice is to move once.
			_, err = in.BulkWrite(ctx, part, options.BulkWrite().SetOrdered(false))
		}
		if err != nil {
			return failure(err)
		}
	}
	return nil
}
