package chat_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func login(t *testing.T, s *chat.Devices, user chat.UserID, device chat.DeviceID, want seqs) {
	t.Helper()
	got, err := s.Login(t.Context(), chat.Device{User: user, ID: device, Address: "192.0.2.1"})
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%s goes on from %v, error %v, want %v", device, got, err, want)
	}
}

// sight stores what Presence gathers when a device comes back.
func sight(t *testing.T, engine chat.DeviceStore, user chat.UserID, device chat.DeviceID, address string, at time.Time) {
	t.Helper()
	if err := engine.See(t.Context(), []chat.Sighting{{User: user, Device: device, Address: address, At: at}}); err != nil {
		t.Fatal(err)
	}
}

// A new device gets what none of hers has. One that was there before goes on where it was.
func TestDevicesGoOnWhereTheyWere(t *testing.T) {
	engine, now := newEngine(t), &clock{now: noon()}
	ann, bob := person(1), person(2)
	conv, other := chat.DirectConv(ann, bob), chat.DirectConv(ann, person(3))
	cursors := chat.NewCursors(engine, quiet())
	s := &chat.Devices{Store: engine, Cursors: cursors, Now: now.Now}

	login(t, s, ann, "phone", seqs{})
	cursors.Advance(ann, "phone", seqs{conv: 10}, nil)
	login(t, s, ann, "laptop", seqs{conv: 10})
	cursors.Advance(ann, "laptop", seqs{conv: 20, other: 3}, nil)
	login(t, s, ann, "phone", seqs{conv: 10})
	login(t, s, ann, "tablet", seqs{conv: 20, other: 3})
	login(t, s, bob, "phone", seqs{})

	// The tablet's start is stored before its login is answered: a crash now must not send it everything again.
	stored, err := engine.Cursors(t.Context(), ann, "tablet")
	if err != nil || !maps.Equal(stored, seqs{conv: 20, other: 3}) {
		t.Errorf("the tablet's stored cursors are %v, error %v", stored, err)
	}

	now.pass(time.Hour)
	if _, err := s.Login(t.Context(), chat.Device{User: ann, ID: "phone", Address: "203.0.113.7"}); err != nil {
		t.Fatal(err)
	}
	sight(t, engine, ann, "phone", "203.0.113.7", now.Now())
	devices, err := engine.Devices(t.Context(), ann)
	if err != nil || len(devices) != 3 {
		t.Fatalf("Ann has %+v, error %v", devices, err)
	}
	for _, d := range devices {
		want := chat.Device{User: ann, ID: d.ID, Address: "192.0.2.1", Seen: noon()}
		if d.ID == "phone" {
			want.Address, want.Seen = "203.0.113.7", noon().Add(time.Hour)
		}
		if !d.Seen.Equal(want.Seen) || d.Address != want.Address {
			t.Errorf("got %+v, want %+v", d, want)
		}
	}
}

func TestDevicesHaveABound(t *testing.T) {
	engine, now := newEngine(t), &clock{now: noon()}
	ann := person(1)
	conv := chat.DirectConv(ann, person(2))
	cursors := chat.NewCursors(engine, quiet())
	stop := run(cursors)
	defer stop()
	s := &chat.Devices{Store: engine, Sockets: engine, Cursors: cursors, Now: now.Now}
	device := func(i int) chat.DeviceID { return chat.DeviceID(fmt.Sprint("device ", i)) }
	for i := range chat.MaxDevices {
		now.pass(time.Second)
		login(t, s, ann, device(i), seqs{})
	}
	if err := engine.AdvanceCursors(t.Context(), []chat.Cursor{{User: ann, Device: device(1), Conv: conv, Seq: 7}}); err != nil {
		t.Fatal(err)
	}
	now.pass(time.Second)
	login(t, s, ann, device(0), seqs{})
	sight(t, engine, ann, device(0), "192.0.2.1", now.Now()) // so that device 1 is the one not seen for longest
	now.pass(time.Second)
	login(t, s, ann, "one more", seqs{})
	devices, err := engine.Devices(t.Context(), ann)
	if err != nil || len(devices) != chat.MaxDevices {
		t.Errorf("%d devices, error %v, want %d", len(devices), err, chat.MaxDevices)
	}
	for _, d := range devices {
		if d.ID == device(1) {
			t.Error("the one that was silent for longest is still there")
		}
	}
	if got, err := engine.Cursors(t.Context(), ann, device(1)); err != nil || len(got) != 0 {
		t.Errorf("its cursors are still %v, error %v", got, err)
	}

	// The clock is set back: by it, the device that comes now is the oldest, and yet it stays.
	now.pass(-24 * time.Hour)
	login(t, s, ann, "after the jump", seqs{})
	devices, err = engine.Devices(t.Context(), ann)
	here := slices.ContainsFunc(devices, func(d chat.Device) bool { return d.ID == "after the jump" })
	if err != nil || len(devices) != chat.MaxDevices || !here {
		t.Errorf("%d devices, with the new one: %v, error %v", len(devices), here, err)
	}
}

// Ann's oldest device comes back, and before that is written, another brings her list over its bound.
func TestADeviceThatIsOnlineIsNotForgotten(t *testing.T) {
	s, now, people := newDevices(t, "ann")
	ann := people[0]
	device := func(i int) chat.DeviceID { return chat.DeviceID(fmt.Sprint("device ", i)) }
	for i := range chat.MaxDevices {
		now.pass(time.Second)
		login(t, s, ann, device(i), seqs{})
	}
	registry := &chat.Registry{Store: s.Sockets, Node: "east", Now: now.Now, Log: quiet()}
	if err := registry.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	come := func(i int) {
		t.Helper()
		login(t, s, ann, device(i), seqs{})
		if err := registry.Enter(t.Context(), ann, device(i), chat.SocketID(device(i))); err != nil {
			t.Fatal(err)
		}
	}
	here := func(i int) bool {
		t.Helper()
		devices, err := s.Store.Devices(t.Context(), ann)
		if err != nil || len(devices) != chat.MaxDevices {
			t.Fatalf("%d devices, error %v, want %d", len(devices), err, chat.MaxDevices)
		}
		return slices.ContainsFunc(devices, func(d chat.Device) bool { return d.ID == device(i) })
	}
	come(0)
	login(t, s, ann, "one more", seqs{})
	if !here(0) || here(1) {
		t.Errorf("online and still there: %v; away for longest and still there: %v", here(0), here(1))
	}

	// Where all are online, the one seen last longest ago goes.
	for i := range chat.MaxDevices {
		if i != 1 {
			come(i)
		}
	}
	if err := registry.Enter(t.Context(), ann, "one more", "one more"); err != nil {
		t.Fatal(err)
	}
	login(t, s, ann, "and one more", seqs{})
	if here(0) || !here(2) {
		t.Errorf("seen longest ago and still there: %v; the next one still there: %v", here(0), here(2))
	}
}

func TestDeviceNamesAreChecked(t *testing.T) {
	engine := newEngine(t)
	s := &chat.Devices{Store: engine, Cursors: chat.NewCursors(engine, quiet()), Now: noon}
	// "" above all: it stands for any device of a user.
	for _, name := range []string{"", " ", "a\x00", "a\n", "\xff", strings.Repeat("x", 65)} {
		_, err := s.Login(t.Context(), chat.Device{User: person(1), ID: chat.DeviceID(name)})
		wantCode(t, fmt.Sprintf("device %q", name), err, chat.Invalid)
	}
	login(t, s, person(1), chat.DeviceID(strings.Repeat("机", 64)), seqs{})
}

// newDevices makes the rules over an engine, with accounts for these people.
func newDevices(t *testing.T, names ...string) (*chat.Devices, *clock, []chat.UserID) {
	t.Helper()
	engine, now := newEngine(t), &clock{now: noon()}
	s := &chat.Devices{Store: engine, Accounts: engine, Sockets: engine, Cursors: chat.NewCursors(engine, quiet()), Now: now.Now}
	s.End = func(chat.Eviction) {}
	return s, now, settle(t, engine, names...)
}

// come logs a device in with a token that ends in so many days.
func come(t *testing.T, s *chat.Devices, user chat.UserID, device chat.DeviceID, token chat.TokenID, days int) chat.Token {
	t.Helper()
	with := chat.Token{ID: token, Until: noon().AddDate(0, 0, days)}
	if _, err := s.Login(t.Context(), chat.Device{User: user, ID: device, Address: "192.0.2.1", Tokens: []chat.Token{with}}); err != nil {
		t.Fatal(err)
	}
	return with
}

// revoked tells which of tokens an account carries as revoked, and how many revocations there are in all.
func revoked(t *testing.T, s *chat.Devices, user chat.UserID) map[chat.TokenID]bool {
	t.Helper()
	a, err := s.Accounts.Account(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[chat.TokenID]bool)
	for _, r := range a.Revoked {
		ids[r.ID] = true
	}
	return ids
}

// kick ends a device, from nowhere.
func kick(t *testing.T, s *chat.Devices, user chat.UserID, device chat.DeviceID) error {
	t.Helper()
	_, err := s.Kick(t.Context(), user, device, nil)
	return err
}

// Ann kicks the phone that she lost. All tokens it came with die, the laptop's does not, and Bob's phone stays his.
func TestKickedDeviceAndItsTokensAreGone(t *testing.T) {
	s, now, people := newDevices(t, "ann", "bob")
	ann, bob := people[0], people[1]
	come(t, s, ann, "phone", "first", 1)
	come(t, s, ann, "phone", "second", 20)
	come(t, s, ann, "laptop", "third", 20)
	come(t, s, bob, "phone", "bobs", 20)
	now.pass(25 * time.Hour) // the first has ended by itself
	come(t, s, ann, "phone", "fourth", 30)

	var ended []chat.Eviction
	s.End = func(e chat.Eviction) {
		ended = append(ended, e)
		if got := revoked(t, s, ann); len(got) != 2 || !got["second"] || !got["fourth"] {
			t.Errorf("when sockets are closed, revoked are %v", got)
		}
	}
	for _, nobodys := range []chat.DeviceID{"", "tablet", "phone\x00"} {
		wantCode(t, "kicking "+string(nobodys), kick(t, s, ann, nobodys), chat.NotFound)
	}
	if len(ended) != 0 {
		t.Fatalf("ended %+v", ended)
	}
	asking := new(int)
	said, err := s.Kick(t.Context(), ann, "phone", asking)
	if err != nil {
		t.Fatal(err)
	}
	if len(ended) != 1 || ended[0].User != ann || len(ended[0].Devices) != 1 || ended[0].Devices[0] != "phone" ||
		ended[0].Reason == "" || ended[0].Asking != asking {
		t.Errorf("ended %+v", ended)
	}
	if said.User != ann || said.Reason != ended[0].Reason {
		t.Errorf("who asked is told of %+v", said)
	}
	left, err := s.List(t.Context(), ann)
	if err != nil || len(left) != 1 || left[0].ID != "laptop" {
		t.Errorf("left are %+v, %v", left, err)
	}
	wantCode(t, "again", kick(t, s, ann, "phone"), chat.NotFound)
	if got := revoked(t, s, bob); len(got) != 0 {
		t.Errorf("Bob's tokens %v died too", got)
	}
}

func TestDevicesAreListedNewestFirst(t *testing.T) {
	s, now, people := newDevices(t, "ann")
	ann := people[0]
	for _, device := range []chat.DeviceID{"phone", "laptop", "tablet"} {
		now.pass(time.Minute)
		come(t, s, ann, device, chat.TokenID("of "+device), 1)
	}
	now.pass(time.Minute)
	come(t, s, ann, "phone", "of phone", 1)
	sight(t, s.Store, ann, "phone", "192.0.2.1", now.Now())
	if err := s.Sockets.Beat(t.Context(), "east", now.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for i, device := range []chat.DeviceID{"laptop", "laptop", "forgotten"} {
		if err := s.Sockets.PutSocket(t.Context(), chat.Socket{ID: chat.SocketID(fmt.Sprint(i)), User: ann, Device: device, Node: "east"}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.List(t.Context(), ann)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, want := range []struct {
		id     chat.DeviceID
		seen   time.Time
		online bool
	}{{"phone", now.Now(), false}, {"tablet", now.Now().Add(-time.Minute), false}, {"laptop", now.Now().Add(-2 * time.Minute), true}} {
		if got := list[i]; got.ID != want.id || !got.Seen.Equal(want.seen) || got.Online != want.online || got.Address != "192.0.2.1" {
			t.Errorf("at place %d: %+v, want %+v", i, got, want)
		}
	}
}

// Where there may be one device, the laptop's login ends the phone and the tablet. They stay in the list, and the token
// that the laptop came with lives, although the tablet had it too.
func TestOneDeviceEvictsTheOthers(t *testing.T) {
	s, _, people := newDevices(t, "ann")
	ann := people[0]
	come(t, s, ann, "phone", "one", 10)
	come(t, s, ann, "tablet", "shared", 10)
	come(t, s, ann, "laptop", "shared", 10)
	var ended []chat.Eviction
	s.End = func(e chat.Eviction) { ended = append(ended, e) }
	stays := true
	evict := func() {
		t.Helper()
		ended = nil
		err := s.Evict(t.Context(), ann, func() (chat.DeviceID, chat.TokenID, bool) { return "laptop", "shared", stays })
		if err != nil {
			t.Fatal(err)
		}
	}
	if evict(); len(ended) != 0 {
		t.Fatalf("there may be many, and ended are %+v", ended)
	}
	s.One = true
	for range 2 { // the second time there is nothing left to revoke
		evict()
		if len(ended) != 1 || len(ended[0].Devices) != 2 || len(ended[0].Tokens) != 1 || ended[0].Tokens[0].ID != "one" {
			t.Errorf("ended %+v", ended)
		}
		if got := revoked(t, s, ann); len(got) != 1 || !got["one"] {
			t.Errorf("revoked are %v", got)
		}
	}
	stays = false
	if evict(); len(ended) != 0 {
		t.Errorf("one that was ended itself ended %+v", ended)
	}
	if list, err := s.List(t.Context(), ann); err != nil || len(list) != 3 {
		t.Errorf("%+v, %v", list, err)
	}
}
