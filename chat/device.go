package chat

import (
	"context"
	"slices"
	"time"
)

// Device is one of a user's devices.
type Device struct {
	User    UserID
	ID      DeviceID
	Address string // where it was seen last
	Seen    time.Time
}

// DeviceStore keeps devices.
type DeviceStore interface {
	// PutDevice stores the device or moves its address and time; created is true the first time.
	PutDevice(ctx context.Context, d Device) (created bool, err error)
	// Devices lists a user's devices, in no order.
	Devices(ctx context.Context, user UserID) ([]Device, error)
	// DeleteDevice forgets a device and its cursors. A missing one is no error.
	DeleteDevice(ctx context.Context, user UserID, device DeviceID) error
}

// MaxDevices bounds a user's devices. A client without a device name brings a new one with every token, so the one
// that was silent for longest is forgotten.
const MaxDevices = 64

const maxDevice = 64 // characters of a device's name

// Devices are the rules of devices.
type Devices struct {
	Store   DeviceStore
	Cursors *Cursors
	Now     func() time.Time
}

// Login notes that a device came, and returns the cursors from which it goes on: its own, or for a new device
// those of the user, so that it gets what none of her devices has.
func (s *Devices) Login(ctx context.Context, user UserID, device DeviceID, address string) (map[ConvID]uint64, error) {
	if err := checkText("device", string(device), maxDevice); err != nil {
		return nil, err
	}
	created, err := s.Store.PutDevice(ctx, Device{User: user, ID: device, Address: address, Seen: s.Now()})
	if err != nil {
		return nil, err
	}
	if !created {
		return s.Cursors.Load(ctx, user, device)
	}
	cursors, err := s.Cursors.Load(ctx, user, anyDevice)
	if err != nil {
		return nil, err
	}
	if err := s.Cursors.Begin(ctx, user, device, cursors); err != nil {
		_ = s.Store.DeleteDevice(ctx, user, device) // so that the next try is a first one again
		return nil, err
	}
	return cursors, s.forgetOldest(ctx, user)
}

func (s *Devices) forgetOldest(ctx context.Context, user UserID) error {
	all, err := s.Store.Devices(ctx, user)
	if err != nil || len(all) <= MaxDevices {
		return err
	}
	slices.SortFunc(all, func(a, b Device) int { return a.Seen.Compare(b.Seen) })
	for _, d := range all[:len(all)-MaxDevices] {
		if err := s.Store.DeleteDevice(ctx, user, d.ID); err != nil {
			return err
		}
	}
	return nil
}
