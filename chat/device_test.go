package chat_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func login(t *testing.T, s *chat.Devices, user chat.UserID, device chat.DeviceID, want seqs) {
	t.Helper()
	got, err := s.Login(t.Context(), user, device, "192.0.2.1")
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%s goes on from %v, error %v, want %v", device, got, err, want)
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
	cursors.Advance(ann, "phone", seqs{conv: 10})
	login(t, s, ann, "laptop", seqs{conv: 10})
	cursors.Advance(ann, "laptop", seqs{conv: 20, other: 3})
	login(t, s, ann, "phone", seqs{conv: 10})
	login(t, s, ann, "tablet", seqs{conv: 20, other: 3})
	login(t, s, bob, "phone", seqs{})

	// The tablet's start is stored before its login is answered: a crash now must not send it everything again.
	stored, err := engine.Cursors(t.Context(), ann, "tablet")
	if err != nil || !maps.Equal(stored, seqs{conv: 20, other: 3}) {
		t.Errorf("the tablet's stored cursors are %v, error %v", stored, err)
	}

	now.pass(time.Hour)
	if _, err := s.Login(t.Context(), ann, "phone", "203.0.113.7"); err != nil {
		t.Fatal(err)
	}
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
	s := &chat.Devices{Store: engine, Cursors: cursors, Now: now.Now}
	device := func(i int) chat.DeviceID { return chat.DeviceID(fmt.Sprint("device ", i)) }
	for i := range chat.MaxDevices {
		now.pass(time.Second)
		login(t, s, ann, device(i), seqs{})
	}
	if err := engine.AdvanceCursors(t.Context(), []chat.Cursor{{User: ann, Device: device(1), Conv: conv, Seq: 7}}); err != nil {
		t.Fatal(err)
	}
	now.pass(time.Second)
	login(t, s, ann, device(0), seqs{}) // so that device 1 is the one not seen for longest
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
}

func TestDeviceNamesAreChecked(t *testing.T) {
	engine := newEngine(t)
	s := &chat.Devices{Store: engine, Cursors: chat.NewCursors(engine, quiet()), Now: noon}
	// "" above all: it stands for any device of a user.
	for _, name := range []string{"", " ", "a\x00", "a\n", "\xff", strings.Repeat("x", 65)} {
		_, err := s.Login(t.Context(), person(1), chat.DeviceID(name), "192.0.2.1")
		wantCode(t, fmt.Sprintf("device %q", name), err, chat.Invalid)
	}
	login(t, s, person(1), chat.DeviceID(strings.Repeat("机", 64)), seqs{})
}
