package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func see(t testing.TB, p *place, sightings ...chat.Sighting) {
	t.Helper()
	noError(t, p.See(t.Context(), sightings))
}

func wantSeen(t testing.TB, p *place, users []chat.UserID, want ...time.Time) {
	t.Helper()
	got, err := p.LastSeen(t.Context(), users)
	noError(t, err)
	if !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("seen last %v, want %v", got, want)
	}
}

func seenForward(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	at := func(seconds int) time.Time { return noon().Add(time.Duration(seconds) * time.Second) }
	sight := func(user chat.UserID, device chat.DeviceID, seconds int) chat.Sighting {
		return chat.Sighting{User: user, Device: device, Address: fmt.Sprint("192.0.2.", seconds), At: at(seconds)}
	}
	see(t, p)
	wantSeen(t, p, nil)
	wantSeen(t, p, []chat.UserID{ann}, time.Time{})
	phone := chat.Device{User: ann, ID: "phone", Address: "192.0.2.0", Seen: at(0)}
	laptop := chat.Device{User: ann, ID: "laptop/%2F", Address: "192.0.2.0", Seen: at(0), Tokens: []chat.Token{newToken("t", 1)}}
	putDevice(t, p, phone, true)
	putDevice(t, p, laptop, true)

	// Of one user, at two devices, in no order; and of a device that is not there.
	see(t, p, sight(ann, laptop.ID, 9), sight(ann, phone.ID, 5), sight(bob, "gone", 7))
	phone.Address, phone.Seen = "192.0.2.5", at(5)
	laptop.Address, laptop.Seen = "192.0.2.9", at(9)
	wantDevices(t, p, ann, phone, laptop)
	wantDevices(t, p, bob)
	wantSeen(t, p, []chat.UserID{carl, bob, ann, bob}, time.Time{}, at(7), at(9), at(7))

	// Never back.
	see(t, p, sight(ann, laptop.ID, 8), sight(ann, phone.ID, 6), sight(bob, "gone", 6))
	phone.Address, phone.Seen = "192.0.2.6", at(6)
	wantDevices(t, p, ann, phone, laptop)
	wantSeen(t, p, []chat.UserID{ann, bob}, at(9), at(7))

	// A device that is forgotten leaves its user seen.
	noError(t, p.DeleteDevice(t.Context(), ann, laptop.ID))
	wantSeen(t, p, []chat.UserID{ann}, at(9))
	p.reopen(t)
	wantDevices(t, p, ann, phone)
	wantSeen(t, p, []chat.UserID{bob, ann}, at(7), at(9))
}

func seenMany(t *testing.T, p *place) {
	n := p.scaled(3000, 100)
	users, sightings, want := make([]chat.UserID, n), make([]chat.Sighting, n), make([]time.Time, n)
	for i := range n {
		users[i], want[i] = newUser(), noon().Add(time.Duration(i)*time.Millisecond)
		sightings[i] = chat.Sighting{User: users[i], Device: "phone", At: want[i]}
	}
	see(t, p, sightings...)
	wantSeen(t, p, users[:100], want[:100]...)
	wantSeen(t, p, users[n-100:], want[n-100:]...)
}

func seenRace(t *testing.T, p *place) {
	ann := newUser()
	putDevice(t, p, chat.Device{User: ann, ID: "phone", Seen: noon()}, true)
	together(20, func(i int) {
		at := noon().Add(time.Duration(i) * time.Minute)
		if err := p.See(t.Context(), []chat.Sighting{{User: ann, Device: "phone", Address: fmt.Sprint(i), At: at}}); err != nil {
			t.Errorf("See: %v", err)
		}
	})
	last := noon().Add(19 * time.Minute)
	wantSeen(t, p, []chat.UserID{ann}, last)
	wantDevices(t, p, ann, chat.Device{User: ann, ID: "phone", Address: "19", Seen: last})
}
