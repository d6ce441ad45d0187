package mongo

import (
	"context"
	"slices"
	"strings"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// cursorDoc is a document of cursors; its _id is "user/device/conv" with the device escaped.
type cursorDoc struct {
	ID  string `bson:"_id"`
	Seq int64  `bson:"seq"`
}

func cursorID(c chat.Cursor) string { return deviceKey(c.User, c.Device) + "/" + string(c.Conv) }

// AdvanceCursors moves each cursor forward, never back, and returns when that is durable. MongoDB applies each $max
// atomically, whoever else moves the same cursor; FerretDB does not, so this process makes one call after the other.
func (s *Store) AdvanceCursors(ctx context.Context, cursors []chat.Cursor) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	s.advancing.Lock()
	defer s.advancing.Unlock()
	moves := make([]mongo.WriteModel, len(cursors))
	for i, c := range cursors {
		moves[i] = mongo.NewUpdateOneModel().SetUpsert(true).
			SetFilter(byID(cursorID(c))).
			SetUpdate(bson.D{{Key: "$max", Value: bson.D{{Key: "seq", Value: int64(c.Seq)}}}})
	}
	return s.move(ctx, s.cursors, moves)
}

// Cursors returns the cursors of one device of a user.
func (s *Store) Cursors(ctx context.Context, user chat.UserID, device chat.DeviceID) (map[chat.ConvID]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	key := deviceKey(user, device)
	var docs []cursorDoc
	if err := find(ctx, s.cursors, under(key), &docs); err != nil {
		return nil, err
	}
	cursors := make(map[chat.ConvID]uint64, len(docs))
	for _, d := range docs {
		cursors[chat.ConvID(strings.TrimPrefix(d.ID, key+"/"))] = uint64(d.Seq)
	}
	return cursors, nil
}

// cursorsAtOnce is how many ids one find of CursorsAt names.
const cursorsAtOnce = 500

// CursorsAt returns the number of each cursor, in the order asked, 0 for none.
func (s *Store) CursorsAt(ctx context.Context, cursors []chat.Cursor) ([]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	at := make([]uint64, 0, len(cursors))
	for part := range slices.Chunk(cursors, cursorsAtOnce) {
		ids := make([]string, len(part))
		for i, c := range part {
			ids[i] = cursorID(c)
		}
		var docs []cursorDoc
		if err := find(ctx, s.cursors, byID(bson.D{{Key: "$in", Value: ids}}), &docs); err != nil {
			return nil, err
		}
		found := make(map[string]int64, len(docs))
		for _, d := range docs {
			found[d.ID] = d.Seq
		}
		for _, id := range ids {
			at = append(at, uint64(found[id]))
		}
	}
	return at, nil
}
