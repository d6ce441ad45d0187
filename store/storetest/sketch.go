package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func sketchStories() []story {
	return []story{
		{name: "every field comes back, in order", tell: sketchRoundTrip},
		{name: "a later one takes the place", tell: sketchReplaced},
		{name: "neighbours are not read", tell: sketchNeighbours},
		{name: "what is older than a time is dropped", tell: sketchDrop},
		{name: "twenty store the same ones", tell: sketchRace},
		{name: "sketches outlast a restart", tell: sketchReopen},
	}
}

// sketchOf makes the sketch of a block; n tells one making from another.
func sketchOf(block uint64, n int) chat.Sketch {
	return chat.Sketch{
		Block: block, Change: uint64(n), Oldest: noon().Add(time.Duration(n) * time.Millisecond),
		Bits: bytes.Repeat([]byte{0, 0xff, byte(n)}, 1000),
	}
}

func putSketches(t testing.TB, p *place, conv chat.ConvID, sketches ...chat.Sketch) {
	t.Helper()
	noError(t, p.PutSketches(t.Context(), conv, sketches))
}

func wantSketches(t testing.TB, p *place, conv chat.ConvID, first, end uint64, want ...chat.Sketch) {
	t.Helper()
	got, err := p.Sketches(t.Context(), conv, first, end)
	noError(t, err)
	same := slices.EqualFunc(got, want, func(a, b chat.Sketch) bool {
		return a.Block == b.Block && a.Change == b.Change && a.Oldest.Equal(b.Oldest) && bytes.Equal(a.Bits, b.Bits)
	})
	if !same {
		t.Errorf("sketches of %s from %d to %d: got %s, want %s", conv, first, end, briefly(got), briefly(want))
	}
}

func briefly(sketches []chat.Sketch) (s string) {
	for _, k := range sketches {
		s += fmt.Sprintf("[block %d change %d oldest %v, %d bytes]", k.Block, k.Change, k.Oldest, len(k.Bits))
	}
	return s
}

func sketchRoundTrip(t *testing.T, p *place) {
	conv := chat.DirectConv(newUser(), newUser())
	wantSketches(t, p, conv, 0, 100)
	putSketches(t, p, conv)
	last := sketchOf(1<<40, 5)
	empty := chat.Sketch{Block: 7, Oldest: noon()}
	putSketches(t, p, conv, sketchOf(300, 4), empty, sketchOf(0, 2), last) // in no order
	putSketches(t, p, conv, sketchOf(2, 3))
	wantSketches(t, p, conv, 0, 1<<50, sketchOf(0, 2), sketchOf(2, 3), empty, sketchOf(300, 4), last)
	wantSketches(t, p, conv, 0, 2, sketchOf(0, 2))
	wantSketches(t, p, conv, 1, 3, sketchOf(2, 3))
	wantSketches(t, p, conv, 3, 7)
	wantSketches(t, p, conv, 2, 2)
	wantSketches(t, p, conv, 7, 2)
}

func sketchReplaced(t *testing.T, p *place) {
	conv := chat.RoomConv(chat.RoomID(newUser()))
	putSketches(t, p, conv, sketchOf(1, 1), sketchOf(2, 1))
	shorter := chat.Sketch{Block: 2, Change: 9, Oldest: noon(), Bits: []byte{1}}
	putSketches(t, p, conv, shorter)
	wantSketches(t, p, conv, 0, 10, sketchOf(1, 1), shorter)
	putSketches(t, p, conv, sketchOf(2, 3)) // whatever the change: the last one counts
	wantSketches(t, p, conv, 0, 10, sketchOf(1, 1), sketchOf(2, 3))
}

func sketchNeighbours(t *testing.T, p *place) {
	// Ids that follow each other, so that their conversations lie side by side in any ordered engine.
	id := func(i int) chat.UserID { return chat.UserID(fmt.Sprintf("65f0000000000000000000%02x", i)) }
	convs := []chat.ConvID{chat.RoomConv(chat.RoomID(id(0)))}
	for i := range 4 {
		convs = append(convs, chat.DirectConv(id(0), id(i)))
	}
	for i, conv := range convs {
		putSketches(t, p, conv, sketchOf(0, i), sketchOf(5, i))
	}
	for i, conv := range convs {
		wantSketches(t, p, conv, 0, 1<<60, sketchOf(0, i), sketchOf(5, i))
	}
}

func sketchRace(t *testing.T, p *place) {
	conv := chat.DirectConv(newUser(), newUser())
	together(20, func(i int) {
		if err := p.PutSketches(t.Context(), conv, []chat.Sketch{sketchOf(1, i), sketchOf(2, i), sketchOf(3, i)}); err != nil {
			t.Errorf("PutSketches: %v", err)
		}
	})
	got, err := p.Sketches(t.Context(), conv, 0, 10)
	noError(t, err)
	if len(got) != 3 {
		t.Fatalf("%d sketches, want 3: %s", len(got), briefly(got))
	}
	for i, s := range got { // each is one of those stored, whole
		wantSketches(t, p, conv, s.Block, s.Block+1, sketchOf(uint64(i+1), int(s.Change)))
	}
}

func sketchDrop(t *testing.T, p *place) {
	noError(t, p.DropSketches(t.Context(), noon()))
	conv, room := chat.DirectConv(newUser(), newUser()), chat.RoomConv(chat.RoomID(newUser()))
	putSketches(t, p, conv, sketchOf(0, 1), sketchOf(1, 5), sketchOf(2, 2), sketchOf(3, 3))
	putSketches(t, p, room, sketchOf(0, 2), sketchOf(1, 4))
	third := sketchOf(3, 3).Oldest
	for range 2 {
		noError(t, p.DropSketches(t.Context(), third)) // one of just that time stays
		wantSketches(t, p, conv, 0, 9, sketchOf(1, 5), sketchOf(3, 3))
		wantSketches(t, p, room, 0, 9, sketchOf(1, 4))
	}
	putSketches(t, p, conv, sketchOf(0, 4)) // made anew, without what has expired
	wantSketches(t, p, conv, 0, 9, sketchOf(0, 4), sketchOf(1, 5), sketchOf(3, 3))
}

func sketchReopen(t *testing.T, p *place) {
	conv := chat.DirectConv(newUser(), newUser())
	putSketches(t, p, conv, sketchOf(0, 1), sketchOf(1, 2))
	p.reopen(t)
	wantSketches(t, p, conv, 0, 2, sketchOf(0, 1), sketchOf(1, 2))
}
