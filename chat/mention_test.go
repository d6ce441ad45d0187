package chat_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// roomOf opens the rules of rooms over an engine, for messages that are not started yet, and makes a room of the first.
func roomOf(t *testing.T, engine chat.Store, messages *chat.Messages, people ...chat.UserID) (*chat.Rooms, chat.RoomID) {
	t.Helper()
	rooms := chat.NewRooms(chat.RoomsConfig{
		Store: engine, Messages: engine, Accounts: engine, Now: time.Now, Log: quiet(),
	})
	room, added, err := rooms.Create(t.Context(), people[0], "the garden", people[1:], "")
	if err != nil || len(added) != len(people)-1 {
		t.Fatalf("the room is %+v with %v, error %v", room, added, err)
	}
	messages.Rooms = rooms
	return rooms, room.ID
}

// A mention is a flag in the list of whom it names, until she has read it.
func TestMentionsRaiseAFlag(t *testing.T) {
	engine, heard := newEngine(t), newDoor()
	people := settle(t, engine, "Ann", "Bob", "Carl", "Dan")
	ann, bob, carl, dan := people[0], people[1], people[2], people[3]
	cursors := chat.NewCursors(engine, quiet())
	s := chat.NewMessages(engine, engine, time.Now)
	s.Cursors, s.ChangeTime = cursors, time.Hour
	rooms, room := roomOf(t, engine, s, ann, bob, carl)
	start(t, s, heard)
	conv, sent := chat.RoomConv(room), 0
	say := func(from chat.UserID, all bool, mentions ...chat.UserID) chat.Message {
		t.Helper()
		submit(t, s, chat.Draft{Sender: from, Room: room, Body: []byte(`"hello"`), Mentions: mentions, MentionsAll: all})
		sent++
		return *heard.wait(sent)[sent-1].Message
	}
	flag := func(cursors *chat.Cursors, user chat.UserID) uint64 {
		t.Helper()
		syncs := chat.NewSyncs(engine, cursors)
		syncs.Rooms = rooms
		answer, err := syncs.Answer(t.Context(), user, chat.Sync{})
		if err != nil || len(answer.Convs) != 1 {
			t.Fatalf("the answer is %+v, error %v", answer, err)
		}
		return answer.Convs[0].Mention
	}
	wantFlags := func(annWant, bobWant, carlWant uint64) {
		t.Helper()
		got := []uint64{flag(cursors, ann), flag(cursors, bob), flag(cursors, carl)}
		if want := []uint64{annWant, bobWant, carlWant}; !slices.Equal(got, want) {
			t.Errorf("Ann, Bob and Carl are mentioned in %v, want %v", got, want)
		}
	}

	// Of those named, other members count, each once.
	if m := say(ann, false, bob, dan, ann, bob, "nobody"); !slices.Equal(m.Mentions, []chat.UserID{bob}) || m.MentionsAll {
		t.Errorf("the message mentions %v, all %v", m.Mentions, m.MentionsAll)
	}
	wantFlags(0, 1, 0)
	say(carl, false)
	wantFlags(0, 1, 0)
	err := s.Submit(t.Context(), chat.Draft{Sender: bob, Room: room, Body: []byte(`1`), MentionsAll: true}, nil)
	if chat.CodeOf(err) != chat.Forbidden {
		t.Errorf("a member mentions all: error %v", err)
	}
	if m := say(ann, true); !m.MentionsAll || len(m.Mentions) > 0 {
		t.Errorf("the message mentions %v, all %v", m.Mentions, m.MentionsAll)
	}
	wantFlags(0, 3, 3)
	// Who writes has read what stands before.
	say(bob, false, ann)
	wantFlags(4, 0, 3)

	// A hundred messages further on the flag rests on what was noted, though it is not written yet, and then though it
	// was by another process.
	for range 120 {
		say(bob, false)
	}
	wantFlags(4, 0, 3)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	cursors.Run(ended) // the end writes what waits
	if got := flag(chat.NewCursors(engine, quiet()), carl); got != 3 {
		t.Errorf("number %d mentions Carl, want 3", got)
	}
	// What is read mentions nobody, nor does what was taken back.
	if _, err := s.Recall(t.Context(), ann, conv, 3, func(*chat.Message) {}); err != nil {
		t.Fatal(err)
	}
	wantFlags(4, 0, 0)
	if err := engine.AdvanceCursors(t.Context(), []chat.Cursor{{User: ann, Device: "\x00read", Conv: conv, Seq: 4}}); err != nil {
		t.Fatal(err)
	}
	wantFlags(0, 0, 0)
	// What says so itself needs no note.
	newest := say(bob, false, carl)
	if got := flag(chat.NewCursors(engine, quiet()), carl); got != newest.Seq {
		t.Errorf("number %d mentions Carl, want %d", got, newest.Seq)
	}

	// In a direct conversation everything is the other's.
	d := draft(ann, bob, `"hello"`)
	d.Mentions, d.MentionsAll = []chat.UserID{bob}, true
	submit(t, s, d)
	if m := heard.wait(sent + 1)[sent].Message; m.Mentions != nil || m.MentionsAll {
		t.Errorf("the message mentions %v, all %v", m.Mentions, m.MentionsAll)
	}
}

func TestMentionsAreBounded(t *testing.T) {
	engine := newEngine(t)
	ann := settle(t, engine, "Ann")[0]
	s := open(t, engine, engine)
	d := chat.Draft{Sender: ann, Room: chat.RoomID(ann), Body: []byte(`1`), Mentions: make([]chat.UserID, chat.MaxMentions+1)}
	if err := s.Submit(t.Context(), d, nil); chat.CodeOf(err) != chat.Invalid {
		t.Errorf("%d mentions: error %v", len(d.Mentions), err)
	}
}
