package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// roomsOfSize is an engine in which every room has so many members.
type roomsOfSize struct {
	RoomStore
	size int
}

func (s roomsOfSize) Room(_ context.Context, id RoomID) (Room, error) {
	var number uint64
	_, err := fmt.Sscanf(string(id), "%d", &number)
	return Room{ID: id, Number: number}, err
}

func (s roomsOfSize) Members(_ context.Context, room RoomID, after UserID, limit int) (page []RoomMember, err error) {
	for i := range s.size {
		if user := numbered(i); user > after && len(page) < limit {
			page = append(page, RoomMember{Room: room, User: user})
		}
	}
	return page, nil
}

func numbered(i int) UserID { return UserID(fmt.Sprintf("%024d", i)) }

// What is remembered of rooms is bounded by members and by time, and goes in the order in which it was asked for.
func TestRostersAreBounded(t *testing.T) {
	now := time.UnixMilli(1e12)
	c := newRosters(&RoomsConfig{Store: roomsOfSize{size: 1100}, Now: func() time.Time { return now }})
	c.most = 10_000
	asked := 0
	ask := func(i int) {
		t.Helper()
		now = now.Add(2 * time.Second)
		err := c.ask(t.Context(), RoomID(numbered(i)), func(e *rosterEntry) { asked += len(e.now.users) })
		if err != nil {
			t.Fatal(err)
		}
	}
	known := func() (rooms []int) {
		for i := range 30 {
			if _, ok := c.users(RoomID(numbered(i))); ok {
				rooms = append(rooms, i)
			}
		}
		if len(c.of) != len(rooms) || len(c.numbers) != len(rooms) || c.seated.Load() != int64((1100+roomBytes/seatBytes)*len(rooms)) {
			t.Errorf("%d rooms, %d numbers and %d members for %d rooms", len(c.of), len(c.numbers), c.seated.Load(), len(rooms))
		}
		return rooms
	}
	for i := range 9 {
		ask(i)
	}
	ask(0) // so it is not the oldest
	if asked != 10*1100 {
		t.Errorf("%d members were seen, want %d", asked, 10*1100)
	}
	ask(9)
	if got, want := known(), []int{0, 4, 5, 6, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("known are %v, want %v", got, want)
	}
	now = now.Add(rosterIdle)
	ask(5)
	c.sweep()
	if got := known(); !slices.Equal(got, []int{5}) {
		t.Errorf("after a while %v are known, want 5 alone", got)
	}
	// The sum follows what changes.
	room := RoomID(numbered(5))
	c.change(room, func(r *Roster) { r.put([]RoomMember{{User: numbered(5000)}, {User: numbered(1)}}) })
	c.change(room, func(r *Roster) { r.remove([]UserID{numbered(5000), numbered(6000), numbered(2), numbered(3)}) })
	if n := c.seated.Load() - roomBytes/seatBytes; n != 1098 {
		t.Errorf("%d members, want 1098", n)
	}
	c.change(room, func(r *Roster) { r.room.Announcement = strings.Repeat("x", 10*seatBytes) })
	if n := c.seated.Load() - (roomBytes+10*seatBytes)/seatBytes; n != 1098 {
		t.Errorf("%d members beside a long announcement, want 1098", n)
	}
	c.forget(room)
	if got := known(); len(got) > 0 {
		t.Errorf("known are %v", got)
	}
	ask(7)
	now = now.Add(rosterIdle + time.Millisecond)
	c.sweep()
	if len(c.of)+len(c.numbers) > 0 || c.seated.Load() != 0 {
		t.Errorf("an empty room holds memory: %d entries, %d members", len(c.of), c.seated.Load())
	}
}

// BenchmarkMayWrite is what a message to a room of 5,000 pays for being allowed.
func BenchmarkMayWrite(b *testing.B) {
	s := NewRooms(RoomsConfig{Store: roomsOfSize{size: 5000}, Now: time.Now, Reload: time.Hour})
	room, user := RoomID(numbered(1)), numbered(4321)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.MayWrite(b.Context(), user, room); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkJoins is what 5,000 joins cost in memory, with a message to all behind each.
func BenchmarkJoins(b *testing.B) {
	room := RoomID(numbered(1))
	b.ReportAllocs()
	for b.Loop() {
		s := NewRooms(RoomsConfig{Store: roomsOfSize{}, Now: time.Now})
		for i := range 5000 {
			s.Hearers(room)
			s.rosters.change(room, func(r *Roster) { r.put([]RoomMember{{Room: room, User: numbered(i)}}) })
		}
		if n := len(s.Hearers(room)); n != 5000 {
			b.Fatalf("%d hear", n)
		}
	}
}
