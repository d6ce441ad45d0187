package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// The lists of conversations, and the last number of each.
func conversationStories() []story {
	return []story{
		{name: "the first message enters both lists", tell: conversationLists},
		{name: "the newest message of each", tell: conversationNewest},
		{name: "fifty say the first word", tell: conversationRace},
	}
}

func wantConversations(t testing.TB, p *place, user chat.UserID, want ...chat.ConvID) {
	t.Helper()
	got, err := p.Conversations(t.Context(), user)
	noError(t, err)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("conversations are %v, want %v", got, want)
	}
}

func conversationLists(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	wantConversations(t, p, ann)
	room := chat.RoomID(newUser())
	send(t, p, text(ann, bob, "", `1`), text(bob, ann, "", `2`), text(carl, ann, "", `3`), text(ann, ann, "", `4`),
		chat.Message{Conv: chat.RoomConv(room), Sender: ann, Room: room, Type: "text", Body: []byte(`5`), At: noon()})
	send(t, p, text(ann, bob, "", `6`))
	wantConversations(t, p, ann, chat.DirectConv(ann, bob), chat.DirectConv(ann, carl), chat.DirectConv(ann, ann))
	wantConversations(t, p, bob, chat.DirectConv(ann, bob))
	wantConversations(t, p, carl, chat.DirectConv(ann, carl))

	// Many conversations, and the last number of each, in the order asked, unknown and repeated ones too.
	dora := newUser()
	var convs []chat.ConvID
	var batch []chat.Message
	for range p.scaled(1000, 100) {
		m := text(newUser(), dora, "", `"hi"`)
		batch = append(batch, m)
		convs = append(convs, m.Conv)
	}
	send(t, p, batch...)
	wantConversations(t, p, dora, slices.Clone(convs)...)
	asked := append(slices.Clone(convs), chat.DirectConv(dora, newUser()), chat.DirectConv(ann, bob), convs[0],
		chat.RoomConv(room), chat.RoomConv(chat.RoomID(newUser())))
	last, err := p.Last(t.Context(), asked)
	noError(t, err)
	want := append(slices.Repeat([]uint64{1}, len(convs)), 0, 3, 1, 1, 0)
	if !slices.Equal(last, want) {
		t.Errorf("last numbers are\n%v, want\n%v", last, want)
	}
	if last, err = p.Last(t.Context(), nil); err != nil || len(last) != 0 {
		t.Errorf("Last of nothing is %v, %v", last, err)
	}
}

// The newest is the one with the highest number, whatever the clock said, and whatever became of it.
func conversationNewest(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	room := chat.RoomID(newUser())
	at := func(m chat.Message, minutes int) chat.Message {
		m.At = noon().Add(time.Duration(minutes) * time.Minute)
		return m
	}
	send(t, p, at(text(ann, bob, "r", `1`), 0), at(text(bob, ann, "", `2`), 5), at(text(ann, bob, "", `3`), -60), at(text(ann, carl, "", `1`), 1),
		at(chat.Message{Conv: chat.RoomConv(room), Sender: ann, Room: room, Type: "text", Body: []byte(`5`)}, 2))
	gone := text(ann, carl, "", ``)
	gone.Seq, gone.State, gone.Body, gone.Changed = 1, chat.Recalled, nil, noon().Add(time.Hour)
	if _, err := p.ChangeMessage(t.Context(), gone, 0); err != nil {
		t.Fatal(err)
	}
	asked := []chat.ConvID{
		chat.DirectConv(ann, bob), chat.DirectConv(bob, carl), chat.DirectConv(ann, carl), chat.RoomConv(room), chat.DirectConv(ann, bob),
	}
	got, err := p.Newest(t.Context(), asked)
	noError(t, err)
	want := []chat.Receipt{
		{Conv: asked[0], Seq: 3, At: noon().Add(-time.Hour)}, {Conv: asked[1]}, {Conv: asked[2], Seq: 1, At: noon().Add(time.Minute)},
		{Conv: asked[3], Seq: 1, At: noon().Add(2 * time.Minute)}, {Conv: asked[4], Seq: 3, At: noon().Add(-time.Hour)},
	}
	if !slices.EqualFunc(got, want, func(a, b chat.Receipt) bool {
		return a.Conv == b.Conv && a.Seq == b.Seq && a.At.Equal(b.At) && !a.Repeat
	}) {
		t.Errorf("the newest are\n%+v, want\n%+v", got, want)
	}
	if got, err = p.Newest(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("of none: %v, error %v", got, err)
	}
}

func conversationRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	var told [50]uint64
	together(len(told), func(i int) {
		m := text(ann, bob, "", fmt.Sprint(i))
		if i%2 == 1 {
			m = text(bob, ann, "", fmt.Sprint(i))
		}
		receipts, err := p.Append(t.Context(), []chat.Message{m})
		if err != nil {
			t.Errorf("Append: %v", err)
			return
		}
		told[i] = receipts[0].Seq
	})
	if got := readAll(t, p, conv); len(got) != len(told) {
		t.Errorf("%d messages, want %d", len(got), len(told))
	}
	slices.Sort(told[:])
	for i, seq := range told {
		if seq != uint64(i+1) {
			t.Errorf("numbers told: %v", told)
			break
		}
	}
	wantConversations(t, p, ann, conv)
	wantConversations(t, p, bob, conv)
}
