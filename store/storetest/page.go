package storetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// A page is a part of a conversation, read from either side.
func pageStories() []story {
	return []story{
		{name: "ten thousand messages, both ways", tell: pageLong},
		{name: "the ends", tell: pageEnds},
		{name: "neighbours are not read", tell: pageNeighbours},
	}
}

// fill appends n messages to a conversation of two, as the committer does: in batches.
func fill(t testing.TB, p *place, from, to chat.UserID, n int) {
	t.Helper()
	for i := 0; i < n; {
		var batch []chat.Message
		for ; i < n && len(batch) < 512; i++ {
			batch = append(batch, text(from, to, "", fmt.Sprint(i+1)))
		}
		send(t, p, batch...)
	}
}

func wantPage(t testing.TB, what string, page []chat.Message, from, to uint64) {
	t.Helper()
	var got, want []uint64
	for _, m := range page {
		got = append(got, m.Seq)
		if string(m.Body) != fmt.Sprint(m.Seq) {
			t.Errorf("%s: number %d holds %s", what, m.Seq, m.Body)
		}
	}
	for seq := from; seq <= to; seq++ {
		want = append(want, seq)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func pageLong(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	n := uint64(p.scaled(10_000, 500))
	fill(t, p, ann, bob, int(n))
	const limit = 200
	for after := uint64(0); ; after += limit {
		page, err := p.Since(t.Context(), conv, after, limit)
		noError(t, err)
		wantPage(t, fmt.Sprint("since ", after), page, after+1, min(after+limit, n))
		if after >= n || t.Failed() {
			break
		}
	}
	before := uint64(0) // above all
	for end := n; ; {
		page, err := p.Before(t.Context(), conv, before, limit)
		noError(t, err)
		start := end - min(limit, end) + 1
		wantPage(t, fmt.Sprint("before ", before), page, start, end)
		if start == 1 || t.Failed() {
			break
		}
		before, end = start, start-1
	}
	last, err := p.Last(t.Context(), []chat.ConvID{conv})
	noError(t, err)
	if last[0] != n {
		t.Errorf("the last number is %d, want %d", last[0], n)
	}
}

func pageEnds(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	conv, empty := chat.DirectConv(ann, bob), chat.DirectConv(ann, newUser())
	fill(t, p, ann, bob, 10)
	for _, c := range []struct {
		conv     chat.ConvID
		after    uint64
		limit    int
		from, to uint64
	}{
		{conv, 0, 1, 1, 1}, {conv, 0, 10, 1, 10}, {conv, 0, 11, 1, 10}, {conv, 9, 5, 10, 10}, {conv, 10, 5, 1, 0},
		{conv, 11, 5, 1, 0}, {conv, math.MaxInt64, 5, 1, 0}, {conv, math.MaxUint64, 5, 1, 0}, {conv, 3, 0, 1, 0},
		{empty, 0, 5, 1, 0}, {empty, math.MaxUint64, 5, 1, 0},
	} {
		page, err := p.Since(t.Context(), c.conv, c.after, c.limit)
		noError(t, err)
		wantPage(t, fmt.Sprintf("since %d, at most %d", c.after, c.limit), page, c.from, c.to)
	}
	for _, c := range []struct {
		conv     chat.ConvID
		before   uint64
		limit    int
		from, to uint64
	}{
		{conv, 0, 1, 10, 10}, {conv, 0, 10, 1, 10}, {conv, 0, 11, 1, 10}, {conv, 1, 5, 1, 0}, {conv, 2, 5, 1, 1},
		{conv, 6, 3, 3, 5}, {conv, 11, 2, 9, 10}, {conv, 12, 2, 9, 10}, {conv, math.MaxInt64, 2, 9, 10},
		{conv, math.MaxUint64, 2, 9, 10}, {conv, 5, 0, 1, 0}, {empty, 0, 5, 1, 0}, {empty, 7, 5, 1, 0},
	} {
		page, err := p.Before(t.Context(), c.conv, c.before, c.limit)
		noError(t, err)
		wantPage(t, fmt.Sprintf("before %d, at most %d", c.before, c.limit), page, c.from, c.to)
	}
}

func pageNeighbours(t *testing.T, p *place) {
	// Ids that follow each other, so that their conversations lie side by side in any ordered engine.
	id := func(i int) chat.UserID { return chat.UserID(fmt.Sprintf("65f0000000000000000000%02x", i)) }
	ann := id(0)
	for i := range 5 {
		fill(t, p, ann, id(i), 3)
	}
	room := chat.RoomID(ann)
	send(t, p, chat.Message{Conv: chat.RoomConv(room), Sender: ann, Room: room, Type: "text", Body: []byte(`1`), At: noon()})
	for i := range 5 {
		page, err := p.Since(t.Context(), chat.DirectConv(ann, id(i)), 0, 100)
		noError(t, err)
		wantPage(t, fmt.Sprint("since, neighbour ", i), page, 1, 3)
		page, err = p.Before(t.Context(), chat.DirectConv(ann, id(i)), 3, 100)
		noError(t, err)
		wantPage(t, fmt.Sprint("before, neighbour ", i), page, 1, 2)
	}
	page, err := p.Before(t.Context(), chat.RoomConv(room), 0, 100)
	noError(t, err)
	wantPage(t, "the room", page, 1, 1)
	wantConversations(t, p, id(1), chat.DirectConv(ann, id(1)))
}
