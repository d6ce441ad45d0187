package mongo

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// deviceDoc is a document of devices; its _id is "user/device" with the device escaped.
type deviceDoc struct {
	ID      string        `bson:"_id"`
	User    chat.UserID   `bson:"user"`
	Device  chat.DeviceID `bson:"device"`
	Address string        `bson:"address"`
	Seen    time.Time     `bson:"seen"`
	Tokens  []string      `bson:"tokens,omitempty"` // see tokenText
}

func newDeviceDoc(d *chat.Device) deviceDoc {
	return deviceDoc{ID: deviceKey(d.User, d.ID), User: d.User, Device: d.ID, Address: d.Address, Seen: d.Seen,
		Tokens: tokenTexts(d.Tokens)}
}

func (d *deviceDoc) device() chat.Device {
	return chat.Device{User: d.User, ID: d.Device, Address: d.Address, Seen: d.Seen, Tokens: tokensOf(d.Tokens)}
}

func deviceKey(user chat.UserID, device chat.DeviceID) string {
	return string(user) + "/" + escape(string(device))
}

// PutDevice stores the device, or adds its tokens; created is true the first time. As in put, the insert decides who
// created it. MongoDB makes each update atomic; see stripe for FerretDB.
func (s *Store) PutDevice(ctx context.Context, d chat.Device) (created bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	lock := s.stripe(string(d.User))
	lock.Lock()
	defer lock.Unlock()
	tokens := chat.KeptTokens(d.Tokens, d.Seen)
	d.Tokens = tokens
	doc := newDeviceDoc(&d)
	for {
		var there deviceDoc
		err := s.devices.FindOne(ctx, byID(doc.ID)).Decode(&there)
		for _, t := range tokens {
			if err == nil && !slices.Contains(there.Tokens, tokenText(t)) {
				err = s.devices.FindOneAndUpdate(ctx, byID(doc.ID), bson.D{addToken("tokens", t)},
					options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&there)
			}
		}
		switch {
		case err == nil:
			return false, s.pruneTokens(ctx, &there, d.Seen)
		case !errors.Is(err, mongo.ErrNoDocuments):
			return false, failure(err)
		}
		if _, err = s.devices.InsertOne(ctx, doc); !duplicate(err) {
			return err == nil, failure(err)
		}
	}
}

// pruneTokens takes out what is not kept of a device's tokens.
func (s *Store) pruneTokens(ctx context.Context, d *deviceDoc, now time.Time) error {
	all := tokensOf(d.Tokens)
	kept := chat.KeptTokens(all, now)
	if len(kept) == len(all) {
		return nil
	}
	gone := slices.DeleteFunc(all, func(t chat.Token) bool { return slices.Contains(kept, t) })
	_, err := s.devices.UpdateOne(ctx, byID(d.ID), pullTokens("tokens", gone))
	return failure(err)
}

// Devices lists a user's devices, in no order.
func (s *Store) Devices(ctx context.Context, user chat.UserID) ([]chat.Device, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []deviceDoc
	if err := find(ctx, s.devices, under(string(user)), &docs); err != nil {
		return nil, err
	}
	devices := make([]chat.Device, len(docs))
	for i, d := range docs {
		devices[i] = d.device()
	}
	return devices, nil
}

// DeleteDevice forgets a device and its cursors. A missing one is no error. A crash between the two leaves cursors of
// no device, which the next device of that name moves on from.
func (s *Store) DeleteDevice(ctx context.Context, user chat.UserID, device chat.DeviceID) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	key := deviceKey(user, device)
	if _, err := s.devices.DeleteOne(ctx, byID(key)); err != nil {
		return failure(err)
	}
	_, err := s.cursors.DeleteMany(ctx, under(key))
	return failure(err)
}
