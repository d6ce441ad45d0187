package mongo

import (
	"context"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
)

// deviceDoc is a document of devices; its _id is "user/device" with the device escaped.
type deviceDoc struct {
	ID      string        `bson:"_id"`
	User    chat.UserID   `bson:"user"`
	Device  chat.DeviceID `bson:"device"`
	Address string        `bson:"address"`
	Seen    time.Time     `bson:"seen"`
}

func deviceKey(user chat.UserID, device chat.DeviceID) string {
	return string(user) + "/" + escape(string(device))
}

// PutDevice stores the device or moves its address and time; created is true the first time.
func (s *Store) PutDevice(ctx context.Context, d chat.Device) (created bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	doc := deviceDoc{ID: deviceKey(d.User, d.ID), User: d.User, Device: d.ID, Address: d.Address, Seen: d.Seen}
	return put(ctx, s.devices, doc.ID, doc, bson.D{{Key: "address", Value: doc.Address}, {Key: "seen", Value: doc.Seen}})
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
		devices[i] = chat.Device{User: d.User, ID: d.Device, Address: d.Address, Seen: d.Seen}
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
