package embedded

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
)

// device is the value of a device. Its user and id are in the key.
type device struct {
	Address string    `json:"address"`
	Seen    time.Time `json:"seen"`
	Tokens  []token   `json:"tokens,omitempty"`
}

func (d *device) of(user chat.UserID, id chat.DeviceID) chat.Device {
	return chat.Device{User: user, ID: id, Address: d.Address, Seen: d.Seen, Tokens: tokensOf(d.Tokens)}
}

func deviceValue(d *chat.Device) device {
	return device{Address: d.Address, Seen: d.Seen, Tokens: storedTokens(d.Tokens)}
}

// PutDevice implements chat.DeviceStore.
//
// A new device is synced: were it forgotten, it would be new once more, and start from where the user's other devices
// have come meanwhile. So is a new token, which has to end with the device.
func (s *Store) PutDevice(ctx context.Context, d chat.Device) (created bool, err error) {
	k, err := key(kindDevice, d.User)
	if err != nil {
		return false, err
	}
	k = append(k, d.ID...)
	err = s.update(ctx, func(c *change) error {
		var former device
		known, err := s.load(k, &former)
		if err != nil {
			return err
		}
		tokens := chat.KeptTokens(slices.Concat(tokensOf(former.Tokens), d.Tokens), d.Seen)
		switch created = !known; {
		case created:
			d.Tokens = tokens
			return c.put(k, deviceValue(&d))
		case slices.EqualFunc(tokens, former.Tokens, func(a chat.Token, b token) bool { return a.ID == b.ID }):
			return nil
		}
		former.Tokens = storedTokens(tokens)
		return c.put(k, former)
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
		devices = append(devices, d.of(user, chat.DeviceID(rest)))
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

// See implements chat.DeviceStore.
func (s *Store) See(ctx context.Context, sightings []chat.Sighting) error {
	return s.update(ctx, func(c *change) error {
		c.mayLose = true
		last := make(map[chat.UserID]time.Time, len(sightings)) // the batch is not read by s.lastSeen
		for _, seen := range sightings {
			if last[seen.User].Before(seen.At) {
				last[seen.User] = seen.At
			}
			k, err := key(kindDevice, seen.User)
			if err != nil {
				return err
			}
			k = append(k, seen.Device...)
			var d device
			if known, err := s.load(k, &d); err != nil {
				return err
			} else if !known || !d.Seen.Before(seen.At) {
				continue
			}
			d.Address, d.Seen = seen.Address, seen.At
			if err := c.put(k, d); err != nil {
				return err
			}
		}
		for user, at := range last {
			k, _ := key(kindSeen, user) // valid, as it was above
			if former, err := s.lastSeen(k); err != nil {
				return err
			} else if !former.Before(at) {
				continue
			}
			if err := c.Set(k, binary.AppendVarint(nil, at.UnixMilli()), nil); err != nil {
				return broken(err)
			}
		}
		return nil
	})
}

// LastSeen implements chat.DeviceStore.
func (s *Store) LastSeen(ctx context.Context, users []chat.UserID) ([]time.Time, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	last := make([]time.Time, len(users))
	for i, user := range users {
		k, err := key(kindSeen, user)
		if err != nil {
			return nil, err
		}
		if last[i], err = s.lastSeen(k); err != nil {
			return nil, err
		}
	}
	return last, nil
}

func (s *Store) lastSeen(key []byte) (time.Time, error) {
	value, ok, err := s.get(key)
	if err != nil || !ok {
		return time.Time{}, err
	}
	r := reader{rest: value, ok: true}
	at := r.time()
	if !r.ok {
		return time.Time{}, unreadable("last sight")
	}
	return at, nil
}
