package storetest

import (
	"maps"
	"slices"
	"testing"

	"github.com/parley-chat/parley/chat"
)

func cursorStories() []story {
	return []story{
		{name: "forward, never back", tell: cursorForward},
		{name: "each device its own", tell: cursorDevices},
		{name: "many in one call", tell: cursorMany},
		{name: "some of many", tell: cursorPoints},
		{name: "twenty move the same one", tell: cursorRace, updateRace: true},
		{name: "cursors outlast a restart", tell: cursorReopen},
	}
}

func advance(t testing.TB, p *place, cursors ...chat.Cursor) {
	t.Helper()
	noError(t, p.AdvanceCursors(t.Context(), cursors))
}

func wantCursors(t testing.TB, p *place, user chat.UserID, device chat.DeviceID, want map[chat.ConvID]uint64) {
	t.Helper()
	got, err := p.Cursors(t.Context(), user, device)
	noError(t, err)
	if !maps.Equal(got, want) {
		t.Errorf("cursors of %q are %v, want %v", device, got, want)
	}
}

func cursorForward(t *testing.T, p *place) {
	ann := newUser()
	bob, room := chat.DirectConv(ann, newUser()), chat.RoomConv(chat.RoomID(newUser()))
	wantCursors(t, p, ann, "phone", nil)
	advance(t, p)
	at := func(conv chat.ConvID, seq uint64) chat.Cursor {
		return chat.Cursor{User: ann, Device: "phone", Conv: conv, Seq: seq}
	}
	advance(t, p, at(bob, 5), at(room, 1<<40))
	advance(t, p, at(bob, 3), at(room, 7))
	wantCursors(t, p, ann, "phone", map[chat.ConvID]uint64{bob: 5, room: 1 << 40})
	// In one call too the furthest counts, wherever it stands.
	advance(t, p, at(bob, 6), at(bob, 9), at(bob, 7))
	wantCursors(t, p, ann, "phone", map[chat.ConvID]uint64{bob: 9, room: 1 << 40})
	advance(t, p, at(bob, 9))
	wantCursors(t, p, ann, "phone", map[chat.ConvID]uint64{bob: 9, room: 1 << 40})
}

func cursorDevices(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	// "" is not a device but the furthest that any of them has come: for an engine a name like the others.
	names := append(hostileNames(), "")
	var moves []chat.Cursor
	for i, name := range names {
		moves = append(moves,
			chat.Cursor{User: ann, Device: chat.DeviceID(name), Conv: conv, Seq: uint64(i + 1)},
			chat.Cursor{User: bob, Device: chat.DeviceID(name), Conv: conv, Seq: uint64(i + 100)})
	}
	advance(t, p, moves...)
	for i, name := range names {
		wantCursors(t, p, ann, chat.DeviceID(name), map[chat.ConvID]uint64{conv: uint64(i + 1)})
		wantCursors(t, p, bob, chat.DeviceID(name), map[chat.ConvID]uint64{conv: uint64(i + 100)})
	}
}

func cursorMany(t *testing.T, p *place) {
	n := p.scaled(2048, 200)
	ann := newUser()
	want := make(map[chat.ConvID]uint64)
	var moves []chat.Cursor
	for i := range n {
		conv := chat.DirectConv(ann, newUser())
		want[conv] = uint64(i + 1)
		moves = append(moves, chat.Cursor{User: ann, Device: "phone", Conv: conv, Seq: uint64(i + 1)})
	}
	advance(t, p, moves...)
	advance(t, p, moves[:n/2]...)
	wantCursors(t, p, ann, "phone", want)
}

func wantCursorsAt(t testing.TB, p *place, cursors []chat.Cursor, want ...uint64) {
	t.Helper()
	got, err := p.CursorsAt(t.Context(), cursors)
	noError(t, err)
	if !slices.Equal(got, want) {
		t.Errorf("cursors are at %v, want %v", got, want)
	}
}

// What is asked for comes back in the order asked, repeated and unknown ones too, and nothing is mistaken for another.
func cursorPoints(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	one, two, room := chat.DirectConv(ann, bob), chat.DirectConv(ann, ann), chat.RoomConv(chat.RoomID(newUser()))
	wantCursorsAt(t, p, nil)
	var asked []chat.Cursor
	var want []uint64
	for i, name := range append(hostileNames(), "") {
		for j, conv := range []chat.ConvID{one, two, room} {
			c := chat.Cursor{User: ann, Device: chat.DeviceID(name), Conv: conv, Seq: uint64(1 + 10*i + j)}
			advance(t, p, c)
			asked = append(asked, c, chat.Cursor{User: bob, Device: c.Device, Conv: conv, Seq: 5})
			want = append(want, c.Seq, 0)
		}
	}
	asked, want = append(asked, asked[2], asked[0]), append(want, want[2], want[0])
	wantCursorsAt(t, p, asked, want...)

	n := p.scaled(2500, 600)
	asked, want = nil, nil
	for i := range n {
		asked = append(asked, chat.Cursor{User: bob, Device: "phone", Conv: chat.DirectConv(bob, newUser()), Seq: uint64(i + 1)})
		want = append(want, uint64(i+1))
	}
	advance(t, p, asked...)
	wantCursorsAt(t, p, asked, want...)
	wantCursors(t, p, ann, "phone", nil)
}

func cursorRace(t *testing.T, p *place) {
	ann := newUser()
	conv := chat.DirectConv(ann, newUser())
	const runners, moves = 20, 25
	together(runners, func(i int) {
		for move := range moves { // each runner climbs, all of them mixed
			c := chat.Cursor{User: ann, Device: "phone", Conv: conv, Seq: uint64(move*runners + i + 1)}
			if err := p.AdvanceCursors(t.Context(), []chat.Cursor{c}); err != nil {
				t.Errorf("AdvanceCursors: %v", err)
			}
			got, err := p.Cursors(t.Context(), ann, "phone")
			if err != nil || got[conv] < c.Seq {
				t.Errorf("the cursor is at %d, error %v, after it went to %d", got[conv], err, c.Seq)
			}
		}
	})
	wantCursors(t, p, ann, "phone", map[chat.ConvID]uint64{conv: runners * moves})
}

func cursorReopen(t *testing.T, p *place) {
	ann := newUser()
	conv := chat.DirectConv(ann, newUser())
	for i := range uint64(3) {
		seq := 10 + i
		for _, device := range []chat.DeviceID{"phone", ""} {
			advance(t, p, chat.Cursor{User: ann, Device: device, Conv: conv, Seq: seq})
		}
		p.reopen(t)
		advance(t, p, chat.Cursor{User: ann, Device: "phone", Conv: conv, Seq: 2})
		wantCursors(t, p, ann, "phone", map[chat.ConvID]uint64{conv: seq})
		wantCursors(t, p, ann, "", map[chat.ConvID]uint64{conv: seq})
	}
	wantCursors(t, p, ann, "unknown", nil)
}
