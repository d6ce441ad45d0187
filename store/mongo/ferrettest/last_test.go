package ferrettest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
)

// What the ends of twelve conversations cost, in commands. What another process has written meanwhile is found all the
// same, be it little or much.
func TestCommandsForTheEndsOfConversations(t *testing.T) {
	p := newProxy(t)
	s, other := opened(t, p.uri), opened(t, p.uri)
	ann := newUser()
	var convs []chat.ConvID
	var friends []chat.UserID
	for i := range 12 {
		friend := newUser()
		friends, convs = append(friends, friend), append(convs, chat.DirectConv(ann, friend))
		_, err := other.Append(t.Context(), texts(friend, ann, fmt.Sprint("hello", i), i+1))
		noError(t, err)
	}
	silent := chat.DirectConv(ann, newUser())
	convs = append(convs, silent)
	want := func(what string, commands map[string]int, grown ...uint64) {
		t.Helper()
		p.counted()
		last, err := s.Last(t.Context(), convs)
		noError(t, err)
		if got := p.counted(); !maps.Equal(got, commands) {
			t.Errorf("%s: %v, want %v", what, got, commands)
		}
		newest, err := s.Newest(t.Context(), convs)
		noError(t, err)
		for i, conv := range convs {
			n := uint64(i + 1)
			if conv == silent {
				n = 0
			}
			if i < len(grown) {
				n += grown[i]
			}
			if last[i] != n || newest[i].Seq != n || newest[i].Conv != conv || n > 0 && !newest[i].At.Equal(noon()) {
				t.Errorf("%s: conversation %d ends at %d, %+v, want %d", what, i, last[i], newest[i], n)
			}
		}
	}
	want("none of them is known", map[string]int{"find": 13})
	want("all are, but the one without messages", map[string]int{"find": 2})
	_, err := other.Append(t.Context(), texts(friends[0], ann, "again", 3))
	noError(t, err)
	want("another process has written a little", map[string]int{"find": 2}, 3)
	_, err = other.Append(t.Context(), texts(friends[1], ann, "more", 40))
	noError(t, err)
	want("another process has written much", map[string]int{"find": 14}, 3, 40)
	want("and all are known again", map[string]int{"find": 2}, 3, 40)

	// This process writes on, behind what the other wrote.
	receipts, err := s.Append(t.Context(), texts(ann, friends[1], "answer", 1))
	noError(t, err)
	if receipts[0].Seq != 43 {
		t.Errorf("the answer is number %d, want 43", receipts[0].Seq)
	}
}

// What the last changes of conversations cost: one find for all of them.
func TestCommandsForTheLastChanges(t *testing.T) {
	p := newProxy(t)
	s := opened(t, p.uri)
	ann := newUser()
	var convs []chat.ConvID
	want := []uint64{2, 0, 1}
	for i, changes := range want {
		bob := newUser()
		batch := texts(ann, bob, fmt.Sprint("m", i), 3)
		_, err := s.Append(t.Context(), batch)
		noError(t, err)
		convs = append(convs, batch[0].Conv)
		for n := range changes {
			m := batch[n]
			m.Seq, m.State, m.Body, m.Changed = n+1, chat.Edited, []byte(`"otherwise"`), noon()
			_, err := s.ChangeMessage(t.Context(), m, 0)
			noError(t, err)
		}
	}
	p.counted()
	got, err := s.LastChanges(t.Context(), convs)
	noError(t, err)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("last changes %v, want %v", got, want)
	}
	if n := p.counted(); !maps.Equal(n, map[string]int{"find": 1}) {
		t.Errorf("%v, want one find", n)
	}
}

// One conversation was changed more often than one find reads: the others' changes are not missed for it.
func TestTheLastChangesBesideVeryMany(t *testing.T) {
	uri := fresh(t, server(t))
	s := opened(t, uri)
	messages := raw(t, uri).Collection("messages")
	const many = 1005
	busy, quiet := chat.DirectConv(newUser(), newUser()), chat.DirectConv(newUser(), newUser())
	changed := func(conv chat.ConvID, n int) any {
		place := fmt.Sprintf("%s/%020d", conv, n)
		return bson.D{{Key: "_id", Value: place}, {Key: "key", Value: place}, {Key: "conv", Value: conv}, {Key: "seq", Value: n},
			{Key: "state", Value: chat.Edited}, {Key: "change", Value: n}, {Key: "changeKey", Value: place}}
	}
	docs := []any{changed(quiet, 1)}
	for n := range many {
		docs = append(docs, changed(busy, n+1))
	}
	for part := range slices.Chunk(docs, 100) {
		_, err := messages.InsertMany(t.Context(), part)
		noError(t, err)
	}
	got, err := s.LastChanges(t.Context(), []chat.ConvID{busy, quiet})
	noError(t, err)
	if len(got) != 2 || got[0] != many || got[1] != 1 {
		t.Errorf("last changes %v, want %d and 1", got, many)
	}
}
