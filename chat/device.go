package chat

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"
	"time"
)

// Device is one of a user's devices.
type Device struct {
	User    UserID
	ID      DeviceID
	Address string // where it was seen last
	Seen    time.Time
	Tokens  []Token // with which it logged in, see KeptTokens
}

// DeviceStore keeps devices.
type DeviceStore interface {
	// PutDevice stores the device, or adds its tokens to those it has; created is true the first time. Of the tokens it
	// keeps what KeptTokens says of them at the time that the device was seen. The address and time of one that is there
	// are See's to move: most logins are of a device that comes back with its token, and they write nothing.
	PutDevice(ctx context.Context, d Device) (created bool, err error)
	// Devices lists a user's devices, in no order.
	Devices(ctx context.Context, user UserID) ([]Device, error)
	// DeleteDevice forgets a device and its cursors. A missing one is no error.
	DeleteDevice(ctx context.Context, user UserID, device DeviceID) error
	// See moves the time at which each user was seen last, and the address and time of those of the devices that are
	// there; forward alone. A crash may undo the moves of the last second.
	See(ctx context.Context, sightings []Sighting) error
	// LastSeen returns when See last had each of the users, the zero time for never.
	LastSeen(ctx context.Context, users []UserID) ([]time.Time, error)
}

// Sighting says that a user was there, at a device. Times are kept to the millisecond.
type Sighting struct {
	User    UserID
	Device  DeviceID
	Address string
	At      time.Time
}

// MaxDevices bounds a user's devices. A client without a device name brings a new one with every token, so the one
// that was silent for longest is forgotten: see forgetOldest.
const MaxDevices = 64

const maxDevice = 64 // characters of a device's name

// Devices are the rules of devices. It must not be copied.
type Devices struct {
	Store    DeviceStore
	Accounts AccountStore
	Sockets  SocketStore
	Cursors  *Cursors
	Now      func() time.Time
	One      bool // one device of a user at a time: see Evict
	// End ends the sockets that an eviction means, at every door. It is set before the first login.
	End func(Eviction)

	evicting [64]sync.Mutex // by user: one login at a time evicts the others
}

// Login notes that a device came, with its user, id, address and token, and returns the cursors from which it goes on:
// its own, or for a new device those of the user, so that it gets what none of her devices has. Where and when a known one
// is seen, Presence notes.
func (s *Devices) Login(ctx context.Context, d Device) (map[ConvID]uint64, error) {
	user, device := d.User, d.ID
	if err := checkText("device", string(device), maxDevice); err != nil {
		return nil, err
	}
	d.Seen = s.Now()
	created, err := s.Store.PutDevice(ctx, d)
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
	return cursors, s.forgetOldest(ctx, user, device)
}

// forgetOldest never forgets the device that is here, whatever the clock says of it, and one that is online only if there
// is no other: when it was seen is known from its coming and going, which may be long ago, or not be written yet.
func (s *Devices) forgetOldest(ctx context.Context, user UserID, here DeviceID) error {
	all, err := s.Store.Devices(ctx, user)
	if err != nil || len(all) <= MaxDevices {
		return err
	}
	states, err := s.List(ctx, user)
	if err != nil {
		return err
	}
	surplus := len(states) - MaxDevices
	states = slices.DeleteFunc(states, func(d DeviceState) bool { return d.ID == here })
	slices.Reverse(states)
	slices.SortStableFunc(states, func(a, b DeviceState) int {
		switch {
		case a.Online == b.Online:
			return 0
		case b.Online:
			return -1
		}
		return 1
	})
	for i := range surplus {
		if err := s.Store.DeleteDevice(ctx, user, states[i].ID); err != nil {
			return err
		}
	}
	return nil
}

// DeviceState is a device as its user sees it.
type DeviceState struct {
	Device
	Online bool // it has a socket, on whichever node
}

// List returns a user's devices, the one seen last first.
func (s *Devices) List(ctx context.Context, user UserID) ([]DeviceState, error) {
	all, err := s.Store.Devices(ctx, user)
	if err != nil {
		return nil, err
	}
	sockets, err := s.Sockets.Sockets(ctx, []UserID{user}, s.Now())
	if err != nil {
		return nil, err
	}
	online := make(map[DeviceID]bool, len(sockets))
	for _, socket := range sockets {
		online[socket.Device] = true
	}
	states := make([]DeviceState, len(all))
	for i, d := range all {
		states[i] = DeviceState{Device: d, Online: online[d.ID]}
	}
	slices.SortFunc(states, func(a, b DeviceState) int { return b.Seen.Compare(a.Seen) })
	return states, nil
}

// Eviction says whose sockets are to end: those of the devices, and those that came with the tokens, which are dead.
type Eviction struct {
	User    UserID
	Devices []DeviceID
	Tokens  []Token
	Reason  string // for whoever sits at them
	Asking  any    // the session that asked for it, if any: its own door leaves it alone
}

// Kick ends a device: first its tokens, for good; then its sockets, but for the one that asks; then it leaves the list. The
// eviction is that which happened, the zero value for none.
//
// Errors: NotFound for a device that the user does not have.
func (s *Devices) Kick(ctx context.Context, user UserID, device DeviceID, asking any) (Eviction, error) {
	all, err := s.Store.Devices(ctx, user)
	if err != nil {
		return Eviction{}, err
	}
	i := slices.IndexFunc(all, func(d Device) bool { return d.ID == device })
	if i < 0 {
		return Eviction{}, Errorf(NotFound, "device: not one of yours")
	}
	if err := revoke(ctx, s.Accounts, user, all[i].Tokens, s.Now()); err != nil {
		return Eviction{}, err
	}
	e := Eviction{
		User: user, Devices: []DeviceID{device}, Tokens: all[i].Tokens,
		Reason: "this device was signed out by another of yours", Asking: asking,
	}
	s.End(e)
	return e, s.Store.DeleteDevice(ctx, user, device)
}

// Evict ends, as Kick does, every device of a user but the one that has just logged in with a token, when there may be
// one at a time. The token lives, whoever else came with it, and the others stay in the list: one that comes back later
// goes on from where it was.
//
// here says which device that is, and false when it was ended itself meanwhile: of two that log in at the same moment, at
// whichever doors, the first to come here stays.
func (s *Devices) Evict(ctx context.Context, user UserID, here func() (DeviceID, TokenID, bool)) error {
	if !s.One {
		return nil
	}
	hash := fnv.New32a()
	hash.Write([]byte(user))
	evicting := &s.evicting[hash.Sum32()%uint32(len(s.evicting))]
	evicting.Lock()
	defer evicting.Unlock()
	but, with, stays := here()
	if !stays {
		return nil
	}
	all, err := s.Store.Devices(ctx, user)
	if err != nil {
		return err
	}
	e := Eviction{User: user, Reason: "logged in on another device"}
	for _, d := range all {
		if d.ID != but {
			e.Devices = append(e.Devices, d.ID)
			e.Tokens = append(e.Tokens, d.Tokens...)
		}
	}
	e.Tokens = slices.DeleteFunc(e.Tokens, func(t Token) bool { return t.ID == with })
	if len(e.Devices) == 0 {
		return nil
	}
	if err := revoke(ctx, s.Accounts, user, e.Tokens, s.Now()); err != nil {
		return err
	}
	s.End(e)
	return nil
}

// LeaveAll implements Leaver: the user's devices are forgotten, with what each of them has received.
func (s *Devices) LeaveAll(ctx context.Context, user UserID) error {
	all, err := s.Store.Devices(ctx, user)
	if err != nil {
		return err
	}
	for _, d := range all {
		if err := s.Store.DeleteDevice(ctx, user, d.ID); err != nil {
			return err
		}
	}
	return nil
}
