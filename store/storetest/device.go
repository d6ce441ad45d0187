package storetest

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func deviceStories() []story {
	return []story{
		{name: "created once, moved by sight alone", tell: devicePut},
		{name: "names are compared to the letter", tell: deviceLetters},
		{name: "twenty bring the same device", tell: deviceRace},
		{name: "forgotten with its cursors", tell: deviceDelete},
		{name: "remembered with its tokens", tell: deviceTokens},
		{name: "eight bring a token each", tell: deviceTokenRace, updateRace: true},
		{name: "seen later, never earlier", tell: seenForward},
		{name: "thousands seen at once", tell: seenMany},
		{name: "twenty see the same", tell: seenRace, updateRace: true},
		{name: "devices outlast a restart", tell: deviceReopen},
	}
}

func putDevice(t testing.TB, p *place, d chat.Device, want bool) {
	t.Helper()
	created, err := p.PutDevice(t.Context(), d)
	noError(t, err)
	if created != want {
		t.Errorf("device %q: created = %v, want %v", d.ID, created, want)
	}
}

func wantDevices(t testing.TB, p *place, user chat.UserID, want ...chat.Device) {
	t.Helper()
	got, err := p.Devices(t.Context(), user)
	noError(t, err)
	byID := func(a, b chat.Device) int { return strings.Compare(string(a.ID), string(b.ID)) }
	slices.SortFunc(got, byID)
	slices.SortFunc(want, byID)
	same := func(a, b chat.Device) bool {
		wantTokens(t, string(a.ID), a.Tokens, b.Tokens)
		return a.User == b.User && a.ID == b.ID && a.Address == b.Address && a.Seen.Equal(b.Seen)
	}
	if !slices.EqualFunc(got, want, same) {
		t.Errorf("devices are\n%+v, want\n%+v", got, want)
	}
}

func devicePut(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	wantDevices(t, p, ann)
	phone := chat.Device{User: ann, ID: "phone", Address: "192.0.2.1", Seen: noon()}
	laptop := chat.Device{User: ann, ID: "laptop", Address: "", Seen: noon().Add(time.Millisecond)}
	bobs := chat.Device{User: bob, ID: "phone", Address: "2001:db8::1", Seen: noon()}
	putDevice(t, p, phone, true)
	putDevice(t, p, laptop, true)
	putDevice(t, p, bobs, true)
	moved := phone
	moved.Address, moved.Seen = "198.51.100.7", noon().Add(time.Hour)
	putDevice(t, p, moved, false)
	wantDevices(t, p, ann, phone, laptop)
	noError(t, p.See(t.Context(), []chat.Sighting{{User: ann, Device: "phone", Address: moved.Address, At: moved.Seen}}))
	wantDevices(t, p, ann, moved, laptop)
	wantDevices(t, p, bob, bobs)
}

func deviceLetters(t *testing.T, p *place) {
	ann := newUser()
	conv := chat.DirectConv(ann, newUser())
	var all []chat.Device
	for i, name := range hostileNames() {
		d := chat.Device{User: ann, ID: chat.DeviceID(name), Address: name, Seen: noon().Add(time.Duration(i) * time.Second)}
		putDevice(t, p, d, true)
		advance(t, p, chat.Cursor{User: ann, Device: d.ID, Conv: conv, Seq: 7})
		all = append(all, d)
	}
	wantDevices(t, p, ann, slices.Clone(all)...)
	// Forgetting one leaves the others and their cursors.
	for i, d := range all {
		noError(t, p.DeleteDevice(t.Context(), ann, d.ID))
		for j, other := range all {
			var want map[chat.ConvID]uint64
			if j > i {
				want = map[chat.ConvID]uint64{conv: 7}
			}
			wantCursors(t, p, ann, other.ID, want)
		}
		wantDevices(t, p, ann, slices.Clone(all[i+1:])...)
	}
}

func deviceRace(t *testing.T, p *place) {
	ann := newUser()
	var created atomic.Int32
	together(20, func(int) {
		first, err := p.PutDevice(t.Context(), chat.Device{User: ann, ID: "phone", Address: "192.0.2.1", Seen: noon()})
		if err != nil {
			t.Errorf("PutDevice: %v", err)
		}
		if first {
			created.Add(1)
		}
	})
	if got := created.Load(); got != 1 {
		t.Errorf("created %d times, want once", got)
	}
	wantDevices(t, p, ann, chat.Device{User: ann, ID: "phone", Address: "192.0.2.1", Seen: noon()})
}

func deviceDelete(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	one, two := chat.DirectConv(ann, bob), chat.DirectConv(ann, newUser())
	for _, user := range []chat.UserID{ann, bob} {
		for _, device := range []chat.DeviceID{"phone", "phone2", ""} {
			advance(t, p, chat.Cursor{User: user, Device: device, Conv: one, Seq: 4},
				chat.Cursor{User: user, Device: device, Conv: two, Seq: 5})
		}
		putDevice(t, p, chat.Device{User: user, ID: "phone", Seen: noon()}, true)
		putDevice(t, p, chat.Device{User: user, ID: "phone2", Seen: noon()}, true)
	}
	noError(t, p.DeleteDevice(t.Context(), ann, "phone"))
	noError(t, p.DeleteDevice(t.Context(), ann, "phone"))
	noError(t, p.DeleteDevice(t.Context(), ann, "never there"))

	full := map[chat.ConvID]uint64{one: 4, two: 5}
	wantCursors(t, p, ann, "phone", nil)
	wantCursors(t, p, ann, "phone2", full)
	wantCursors(t, p, ann, "", full)
	wantCursors(t, p, bob, "phone", full)
	wantDevices(t, p, ann, chat.Device{User: ann, ID: "phone2", Seen: noon()})
	// What was forgotten begins anew, and its cursors may be lower than they were.
	putDevice(t, p, chat.Device{User: ann, ID: "phone", Seen: noon()}, true)
	advance(t, p, chat.Cursor{User: ann, Device: "phone", Conv: one, Seq: 1})
	wantCursors(t, p, ann, "phone", map[chat.ConvID]uint64{one: 1})
}

func deviceReopen(t *testing.T, p *place) {
	ann := newUser()
	phone := chat.Device{User: ann, ID: "phone", Address: "192.0.2.1", Seen: noon()}
	laptop := chat.Device{User: ann, ID: "laptop", Address: "192.0.2.1", Seen: noon()}
	putDevice(t, p, phone, true)
	putDevice(t, p, laptop, true)
	noError(t, p.DeleteDevice(t.Context(), ann, "laptop"))
	p.reopen(t)
	wantDevices(t, p, ann, phone)
	putDevice(t, p, phone, false)
	p.reopen(t)
	wantDevices(t, p, ann, phone)
}
