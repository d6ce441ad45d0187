package embedded

import (
	"context"
	"time"

	"github.com/parley-chat/parley/chat"
)

// device is the value of a device. Its user and id are in the key.
type device struct {
	Address string    `json:"address"`
	Seen    time.Time `json:"seen"`
}

// PutDevice implements chat.DeviceStore.
//
// A new device is synced: were it forgotten, it would be new once more, and start from where the user's other devices
// have come meanwhile. Where it was seen last may be lost.
func (s *Store) PutDevice(ctx context.Context, d chat.Device) (created bool, err error) {
	k, err := key(kindDevice, d.User)
	if err != nil {
		return false, err
	}
	k = append(k, d.ID...)
	err = s.update(ctx, func(c *change) error {
		_, known, err := s.get(k)
		if err != nil {
			return err
		}
		created, c.mayLose = !known, known
		return c.put(k, device{Address: d.Address, Seen: d.Seen})
	})
	return created && err == nil, err
}

// Devices implements chat.DeviceStore.
func (s *Store) Devices(ctx context.Context, user chat.UserID) ([]chat.Device, error) {
	k, err := key(kindDevice, user)
	if err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	var devices []chat.Device
	err = s.each(k, func(rest, value []byte) error {
		var d device
		err := unpack(value, &d)
		devices = append(devices, chat.Device{User: user, ID: chat.DeviceID(rest), Address: d.Address, Seen: d.Seen})
		return err
	})
	return devices, err
}

// DeleteDevice implements chat.DeviceStore.
func (s *Store) DeleteDevice(ctx context.Context, user chat.UserID, id chat.DeviceID) error {
	k, err := key(kindDevice, user)
	if err != nil {
		return err
	}
	cursors, err := cursorsKey(user, id)
	if err != nil {
		return err
	}
	return s.update(ctx, func(c *change) error {
		if err := c.Delete(append(k, id...), nil); err != nil {
			return broken(err)
		}
		// One by one: a range deletion costs every read until it is compacted away, and devices come and go.
		return s.each(cursors, func(rest, _ []byte) error {
			return broken(c.Delete(append(cursors, rest...), nil))
		})
	})
}
