package chat_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
	"github.com/parley-chat/parley/words"
)

// salon is the rules of messages and of rooms over one engine, and a room that Ann has made.
type salon struct {
	*chat.Messages
	t        *testing.T
	engine   *embedded.Store
	appended atomic.Int64 // messages given to the engine
	moments  atomic.Int64 // that have passed since noon
	rooms    *chat.Rooms
	heard    *door
	room     chat.RoomID
	conv     chat.ConvID

	ann, bob, carl, dora chat.UserID
}

// openSalon opens the rules; Ann's room has Bob in it.
func openSalon(t *testing.T, history chat.History) *salon {
	t.Helper()
	h := &salon{t: t, engine: newEngine(t), heard: newDoor()}
	people := settle(t, h.engine, "Ann", "Bob", "Carl", "Dora")
	h.ann, h.bob, h.carl, h.dora = people[0], people[1], people[2], people[3]
	h.Messages = chat.NewMessages(countAppends{h.engine, &h.appended}, h.engine, h.now)
	h.rooms = chat.NewRooms(chat.RoomsConfig{
		Store: h.engine, Messages: h.engine, Accounts: h.engine, Now: time.Now, Log: quiet(),
	})
	h.Rooms, h.ChangeTime = h.rooms, time.Hour
	h.Start(h.heard)
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	room, _, err := h.rooms.Create(t.Context(), h.ann, "kitchen", []chat.UserID{h.bob}, history)
	if err != nil {
		t.Fatal(err)
	}
	h.room, h.conv = room.ID, chat.RoomConv(room.ID)
	return h
}

// now is a moment later each time it is asked, so that messages have an order in time.
func (h *salon) now() time.Time { return noon().Add(time.Duration(h.moments.Add(1)) * time.Second) }

// countAppends counts the messages that the engine is given.
type countAppends struct {
	chat.MessageStore
	n *atomic.Int64
}

func (c countAppends) Append(ctx context.Context, batch []chat.Message) ([]chat.Receipt, error) {
	c.n.Add(int64(len(batch)))
	return c.MessageStore.Append(ctx, batch)
}

// say sends texts to the room, and waits until they are through.
func (h *salon) say(from chat.UserID, texts ...string) {
	h.t.Helper()
	before := len(h.heard.wait(0))
	for _, text := range texts {
		d := chat.Draft{Sender: from, Room: h.room, Body: fmt.Appendf(nil, "%q", text)}
		if err := h.Submit(h.t.Context(), d, nil); err != nil {
			h.t.Fatal(err)
		}
	}
	h.heard.wait(before + len(texts))
}

func (h *salon) invite(who chat.UserID) {
	h.t.Helper()
	added, err := h.rooms.Invite(h.t.Context(), h.ann, h.room, []chat.UserID{who})
	if err != nil || len(added) != 1 {
		h.t.Fatalf("added %v, error %v", added, err)
	}
}

func (h *salon) kick(who chat.UserID) {
	h.t.Helper()
	if _, err := h.rooms.Kick(h.t.Context(), h.ann, h.room, []chat.UserID{who}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *salon) syncs() *chat.Syncs {
	s := chat.NewSyncs(h.engine, chat.NewCursors(h.engine, quiet()))
	s.Rooms = h.rooms
	return s
}

func (h *salon) searches() *chat.Searches {
	return chat.NewSearches(h.Messages, h.engine, words.New(), time.Now)
}

// seen lists the numbers of messages.
func seen(page []chat.Message) (seqs []uint64) {
	for i := range page {
		seqs = append(seqs, page[i].Seq)
	}
	return seqs
}

func wantSeqs(t *testing.T, what string, got []uint64, want ...uint64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (h *salon) ask(user chat.UserID, r chat.Sync) chat.Synced {
	h.t.Helper()
	answer, err := h.syncs().Answer(h.t.Context(), user, r)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer
}

// wantView checks that a user sees these messages of the room and no others, by each way of looking. Numbers 2 and 4 were
// edited.
func (h *salon) wantView(user chat.UserID, want ...uint64) {
	t := h.t
	t.Helper()
	page, more, err := h.Since(t.Context(), user, h.conv, 0, 0)
	wantSeqs(t, "Since", seen(page), want...)
	if err != nil || more {
		t.Errorf("Since: more %v, error %v", more, err)
	}
	page, more, err = h.Before(t.Context(), user, h.conv, 0, 0)
	wantSeqs(t, "Before", seen(page), want...)
	if err != nil || more {
		t.Errorf("Before: more %v, error %v", more, err)
	}
	page, more, err = h.Before(t.Context(), user, h.conv, want[0], 0)
	if err != nil || more || len(page) > 0 {
		t.Errorf("before her first message she sees %v, more %v, error %v", seen(page), more, err)
	}
	page, more, _ = h.Before(t.Context(), user, h.conv, 0, len(want))
	if wantSeqs(t, "Before, as many as there are", seen(page), want...); more {
		t.Error("Before: there is said to be more")
	}
	var edited []uint64
	for _, seq := range want {
		if seq == 2 || seq == 4 {
			edited = append(edited, seq)
		}
	}
	s := h.ask(user, chat.Sync{Cursors: seqs{h.conv: 0}, Changes: seqs{h.conv: 0}})
	if len(s.Convs) != 1 {
		t.Fatalf("sync answers %+v", s)
	}
	c := s.Convs[0]
	if c.Conv != h.conv || c.Room != h.room || c.Name != "kitchen" || c.With != "" || c.Newest.Seq != want[len(want)-1] || c.More || c.MoreChanges {
		t.Errorf("sync answers %+v", c)
	}
	wantSeqs(t, "sync, missed", seen(c.Missed), want...)
	wantSeqs(t, "sync, changed", seen(s.Changed), edited...)
	var told []uint64
	err = h.Changes(t.Context(), user, seqs{h.conv: 0}, func(m *chat.Message) error {
		told = append(told, m.Seq)
		return nil
	})
	wantCode(t, "Changes", err, "")
	wantSeqs(t, "Changes", told, edited...)
	for _, conv := range []chat.ConvID{"", h.conv} {
		found, err := h.searches().Find(t.Context(), user, chat.Search{Q: "tea", Conv: conv})
		wantCode(t, "Find", err, "")
		got := seen(found.Messages)
		slices.Reverse(got)
		wantSeqs(t, "found", got, want...)
	}
	var sent []uint64
	err = h.Backlog(t.Context(), user, seqs{h.conv: 0}, func(m *chat.Message) error {
		sent = append(sent, m.Seq)
		return nil
	})
	wantCode(t, "Backlog", err, "")
	wantSeqs(t, "Backlog", sent, want...)
}

// wantNothing checks that a user sees nothing of the room.
func (h *salon) wantNothing(user chat.UserID) {
	t := h.t
	t.Helper()
	_, _, err := h.Since(t.Context(), user, h.conv, 0, 0)
	wantCode(t, "Since", err, chat.Forbidden)
	_, _, err = h.Before(t.Context(), user, h.conv, 0, 0)
	wantCode(t, "Before", err, chat.Forbidden)
	if s := h.ask(user, chat.Sync{Cursors: seqs{h.conv: 0}}); len(s.Convs) > 0 {
		t.Errorf("sync answers %+v", s)
	}
	_, err = h.searches().Find(t.Context(), user, chat.Search{Q: "tea", Conv: h.conv})
	wantCode(t, "Find", err, chat.Forbidden)
	if found, err := h.searches().Find(t.Context(), user, chat.Search{Q: "tea"}); err != nil || len(found.Messages) > 0 {
		t.Errorf("found %v, error %v", seen(found.Messages), err)
	}
	nothing := func(m *chat.Message) error {
		t.Errorf("she is sent %s", m.ID())
		return nil
	}
	wantCode(t, "Backlog", h.Backlog(t.Context(), user, seqs{h.conv: 0}, nothing), "")
	wantCode(t, "Changes", h.Changes(t.Context(), user, seqs{h.conv: 0}, nothing), "")
	r := &chat.Receipts{Messages: h.engine, Cursors: chat.NewCursors(h.engine, quiet()), Rooms: h.rooms}
	wantCode(t, "Mark", r.Mark(t.Context(), chat.Member{User: user, Conv: h.conv}, chat.Marks{Read: 1}, 0, nil), chat.Forbidden)
}
