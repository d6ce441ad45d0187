package chat_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/words"
)

func TestAnnWritesToTheRoom(t *testing.T) {
	h := openSalon(t, "")
	d := chat.Draft{Sender: h.ann, Device: "phone", Room: h.room, Ref: "r1", Body: []byte(`"hello"`)}
	if err := h.Submit(t.Context(), d, "Ann's socket"); err != nil {
		t.Fatal(err)
	}
	o := h.heard.wait(1)[0]
	if m := o.Message; o.Err != nil || o.Origin != "Ann's socket" || m.Conv != h.conv || m.Seq != 1 || m.Room != h.room || m.To != "" || m.Sender != h.ann {
		t.Errorf("the outcome is %+v with %+v", o, o.Message)
	}
	if err := h.Submit(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	if again := h.heard.wait(2)[1]; !again.Repeat || again.Message.Seq != 1 {
		t.Errorf("the same ref again ends as %+v", again)
	}
	page, more, err := h.Since(t.Context(), h.bob, h.conv, 0, 0)
	if err != nil || more || len(page) != 1 || string(page[0].Body) != `"hello"` || page[0].Room != h.room {
		t.Errorf("Bob reads %+v, more %v, error %v", page, more, err)
	}
}

// However many are to hear it, it is one message.
func TestALargeRoomStoresOneMessage(t *testing.T) {
	h := openSalon(t, "")
	members := make([]chat.RoomMember, chat.MaxMembers)
	for i := range members {
		members[i] = chat.RoomMember{User: chat.NewUserID(noon()), Role: chat.RoleMember, Joined: noon()}
	}
	members[0].User = h.ann
	hall := chat.Room{
		ID: chat.RoomID(chat.NewUserID(noon())), Number: chat.MinRoomNumber, Name: "hall", Owner: h.ann, Created: noon(), History: chat.HistoryJoined,
	}
	for i := range members {
		members[i].Room = hall.ID
	}
	if err := h.engine.CreateRoom(t.Context(), hall, members); err != nil {
		t.Fatal(err)
	}
	h.room = hall.ID
	before := h.appended.Load()
	h.say(h.ann, "hello")
	if n := h.appended.Load() - before; n != 1 {
		t.Errorf("the engine was given %d messages", n)
	}
	if n := len(h.rooms.Hearers(hall.ID)); n != chat.MaxMembers {
		t.Errorf("%d are to hear it", n)
	}
	last := members[len(members)-1].User
	if page, _, err := h.Since(t.Context(), last, chat.RoomConv(hall.ID), 0, 0); err != nil || len(page) != 1 {
		t.Errorf("the last one reads %v, error %v", page, err)
	}
}

func TestWhoWritesInARoom(t *testing.T) {
	h := openSalon(t, "")
	write := func(who chat.UserID) error {
		return h.Submit(t.Context(), chat.Draft{Sender: who, Room: h.room, Body: []byte(`"x"`)}, nil)
	}
	tell := func(*chat.Message) {}
	h.say(h.bob, "mine")
	wantCode(t, "a stranger writes", write(h.carl), chat.NotFound)
	nowhere := h.Submit(t.Context(), chat.Draft{Sender: h.carl, Room: chat.RoomID(h.carl), Body: []byte(`"x"`)}, nil)
	if stranger := write(h.carl); nowhere.Error() != stranger.Error() {
		t.Errorf("to a stranger, no such room is %q, and this one is %q", nowhere, stranger)
	}

	if _, err := h.rooms.Mute(t.Context(), h.ann, h.room, h.bob, time.Hour); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a muted member writes", write(h.bob), chat.Forbidden)
	_, err := h.Edit(t.Context(), h.bob, h.conv, 1, []byte(`"other"`), tell)
	wantCode(t, "a muted member edits", err, chat.Forbidden)
	_, err = h.Recall(t.Context(), h.bob, h.conv, 1, tell)
	wantCode(t, "a muted member takes back", err, "")
	if _, err := h.rooms.Mute(t.Context(), h.ann, h.room, h.bob, 0); err != nil {
		t.Fatal(err)
	}
	h.say(h.bob, "again")
	_, err = h.Edit(t.Context(), h.bob, h.conv, 2, []byte(`"other"`), tell)
	wantCode(t, "a member edits", err, "")
	_, err = h.Edit(t.Context(), h.ann, h.conv, 2, []byte(`"other"`), tell)
	wantCode(t, "the owner edits what another wrote", err, chat.Forbidden)

	h.kick(h.bob)
	wantCode(t, "one who was put out writes", write(h.bob), chat.NotFound)
	_, err = h.Edit(t.Context(), h.bob, h.conv, 2, []byte(`"more"`), tell)
	wantCode(t, "one who was put out edits", err, chat.NotFound)
	_, err = h.Recall(t.Context(), h.bob, h.conv, 2, tell)
	wantCode(t, "one who was put out takes back", err, chat.Forbidden)
	wantCode(t, "in a house without rooms", func() error {
		_, _, err := chat.NewMessages(h.engine, h.engine, time.Now).Since(t.Context(), h.ann, h.conv, 0, 0)
		return err
	}(), chat.NotFound)
}

// What was said before Carl came is not his to see, wherever he looks, and neither is what becomes of it.
func TestCarlSeesWhatIsSaidFromWhenHeCame(t *testing.T) {
	h := openSalon(t, chat.HistoryJoined)
	h.say(h.ann, "tea one", "tea two", "tea three")
	h.invite(h.carl)
	h.say(h.ann, "tea four", "tea five")
	for _, seq := range []uint64{2, 4} {
		if _, err := h.Edit(t.Context(), h.ann, h.conv, seq, fmt.Appendf(nil, `"tea %d, edited"`, seq), func(*chat.Message) {}); err != nil {
			t.Fatal(err)
		}
	}
	h.wantView(h.carl, 4, 5)
	h.wantView(h.bob, 1, 2, 3, 4, 5)

	if err := h.rooms.SetHistory(t.Context(), h.ann, h.room, chat.HistoryStart); err != nil {
		t.Fatal(err)
	}
	h.wantView(h.carl, 1, 2, 3, 4, 5)
	if s := h.ask(h.carl, chat.Sync{}); len(s.Convs) != 1 || s.Convs[0].Unread != 2 {
		t.Errorf("what stood there before he came is unread to him: %+v", s.Convs)
	}

	// Whoever comes back sees what is said from then on, and her own former words no more.
	if err := h.rooms.SetHistory(t.Context(), h.ann, h.room, chat.HistoryJoined); err != nil {
		t.Fatal(err)
	}
	h.say(h.carl, "tea six")
	h.kick(h.carl)
	h.wantNothing(h.carl)
	h.invite(h.carl)
	h.say(h.ann, "tea seven")
	h.wantView(h.carl, 7)
	_, err := h.Edit(t.Context(), h.carl, h.conv, 6, []byte(`"tea"`), func(*chat.Message) {})
	wantCode(t, "he edits what he no longer sees", err, chat.NotFound)
}

// A login sends the newest messages of a room, up to a bound, and all that is direct.
func TestALoginSendsTheNewestOfARoom(t *testing.T) {
	h := openSalon(t, chat.HistoryStart)
	h.RoomBacklog = 3
	h.say(h.ann, "1", "2", "3", "4", "5")
	submit(t, h.Messages, draft(h.ann, h.bob, `"d1"`), draft(h.ann, h.bob, `"d2"`), draft(h.ann, h.bob, `"d3"`), draft(h.ann, h.bob, `"d4"`))
	h.heard.wait(9)
	direct := chat.DirectConv(h.ann, h.bob)
	h.invite(h.carl)
	for _, c := range []struct {
		what  string
		who   chat.UserID
		has   seqs
		from  uint64
		wants bool
	}{
		{"nothing", h.bob, nil, 2, true},
		{"the first", h.bob, seqs{h.conv: 1}, 2, true},
		{"all but one", h.bob, seqs{h.conv: 4}, 4, true},
		{"all", h.bob, seqs{h.conv: 5}, 5, false},
		{"nothing, and has just come", h.carl, nil, 5, false},
	} {
		standing, err := h.Behind(t.Context(), c.who, c.has)
		if err != nil {
			t.Fatal(err)
		}
		from, behind := standing.Behind[h.conv]
		if behind != c.wants || behind && (from != c.from || standing.Last[h.conv] != 5) || len(standing.Rooms) != 1 || standing.Rooms[h.conv] != c.from {
			t.Errorf("who has %s stands at %+v", c.what, standing)
		}
		if after, behind := standing.Behind[direct]; behind != (c.who == h.bob) || after != 0 {
			t.Errorf("who has %s stands in the direct conversation at %+v", c.what, standing)
		}
	}
}

// Carl is put out while he is sent what he missed: he gets nothing of the room from then on, and the rest of what is his.
func TestABacklogEndsWhereItsUserIsPutOut(t *testing.T) {
	h := openSalon(t, "")
	h.invite(h.carl)
	texts := make([]string, 40)
	for i := range texts {
		texts[i] = fmt.Sprint(i)
	}
	h.say(h.ann, texts...)
	submit(t, h.Messages, draft(h.ann, h.carl, `"d1"`), draft(h.ann, h.carl, `"d2"`))
	h.heard.wait(42)
	standing, err := h.Behind(t.Context(), h.carl, nil)
	if err != nil {
		t.Fatal(err)
	}
	inRoom, direct := 0, 0
	err = h.Backlog(t.Context(), h.carl, standing.Behind, func(m *chat.Message) error {
		if m.Room == "" {
			direct++
		} else if inRoom++; inRoom == 3 {
			h.kick(h.carl)
		}
		return nil
	})
	if err != nil || inRoom != 3 || direct != 2 {
		t.Errorf("he is sent %d of the room and %d of his own, error %v", inRoom, direct, err)
	}

	// So it is with what was changed.
	for seq := uint64(1); seq <= 5; seq++ {
		if _, err := h.Recall(t.Context(), h.ann, h.conv, seq, func(*chat.Message) {}); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	err = h.Changes(t.Context(), h.bob, seqs{h.conv: 0}, func(*chat.Message) error {
		if told++; told == 2 {
			h.kick(h.bob)
		}
		return nil
	})
	if err != nil || told != 2 {
		t.Errorf("Bob is told of %d changes, error %v", told, err)
	}
}

// Carl is put out between two pages of a search, and within one.
func TestASearchEndsWhereItsUserIsPutOut(t *testing.T) {
	h := openSalon(t, "")
	h.invite(h.carl)
	h.say(h.ann, "tea 1", "tea 2", "tea 3")
	submit(t, h.Messages, draft(h.ann, h.carl, `"tea with you"`))
	h.heard.wait(4)
	h.say(h.ann, "tea 4")
	searches := h.searches()
	found, err := searches.Find(t.Context(), h.carl, chat.Search{Q: "tea", Limit: 1})
	if err != nil || len(found.Messages) != 1 || found.Messages[0].Seq != 4 {
		t.Fatalf("found %+v, error %v", found, err)
	}
	h.kick(h.carl)
	found, err = searches.Find(t.Context(), h.carl, chat.Search{Q: "tea", Before: found.Next})
	if err != nil || len(found.Messages) != 1 || found.Messages[0].To != h.carl || !found.Next.IsZero() {
		t.Errorf("then found %+v, error %v", found, err)
	}

	h.invite(h.dora)
	h.say(h.ann, "tea 5", "tea 6")
	kicking := kickingWords{words.New(), func() { h.kick(h.dora) }}
	during := chat.NewSearches(h.Messages, h.engine, kicking, time.Now)
	if found, err := during.Find(t.Context(), h.dora, chat.Search{Q: "tea"}); err != nil || len(found.Messages) > 0 {
		t.Errorf("put out while the search looked, she found %v, error %v", seen(found.Messages), err)
	}
}

// kickingWords do something when the first message is looked at.
type kickingWords struct {
	chat.Words
	first func()
}

func (w kickingWords) Question(q string) (chat.Question, error) {
	question, err := w.Words.Question(q)
	return kickingQuestion{question, &w.first}, err
}

type kickingQuestion struct {
	chat.Question
	first *func()
}

func (q kickingQuestion) Answers(body []byte) bool {
	if f := *q.first; f != nil {
		*q.first = nil
		f()
	}
	return q.Question.Answers(body)
}

// In a large search a member's part of a room begins in the middle of a block that was summed up, and far behind others.
func TestASearchStopsAtTheFloor(t *testing.T) {
	h := openSalon(t, "")
	var batch []chat.Message
	for i := range 700 {
		batch = append(batch, chat.Message{
			Conv: h.conv, Room: h.room, Sender: h.ann, Type: "text", Body: fmt.Appendf(nil, `"tea %d"`, i+1), At: noon().Add(time.Duration(i) * time.Second),
		})
	}
	if _, err := h.engine.Append(t.Context(), batch[:300]); err != nil {
		t.Fatal(err)
	}
	h.invite(h.carl)
	if _, err := h.engine.Append(t.Context(), batch[300:]); err != nil {
		t.Fatal(err)
	}
	for _, who := range []chat.UserID{h.bob, h.carl} { // Bob's search makes sketches, Carl's believes them
		first := uint64(1)
		if who == h.carl {
			first = 301
		}
		next, want := chat.Place{}, uint64(700)
		for page := 0; ; page++ {
			found, err := h.searches().Find(t.Context(), who, chat.Search{Q: "tea", Before: next, Limit: 150})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range found.Messages {
				if m.Seq != want || m.Seq < first {
					t.Fatalf("found %d, want %d", m.Seq, want)
				}
				want--
			}
			if next = found.Next; next.IsZero() {
				break
			}
		}
		if want != first-1 {
			t.Errorf("the search ended above %d, want %d", want, first-1)
		}
	}
}

// Marks in a room move, and are told only to who moved them: of thousands who have received a message nobody hears.
func TestMarksInARoom(t *testing.T) {
	h := openSalon(t, "")
	h.say(h.ann, "1", "2")
	cursors := chat.NewCursors(h.engine, quiet())
	moved := make(chan []chat.Moved, 10)
	cursors.Moved = func(batch []chat.Moved) { moved <- batch }
	r := &chat.Receipts{Messages: h.engine, Cursors: cursors, Rooms: h.rooms}
	cursors.Advance(h.ann, "phone", seqs{h.conv: 2}, nil)
	member := chat.Member{User: h.bob, Conv: h.conv}
	if err := r.Mark(t.Context(), member, chat.Marks{Read: 2}, 0, "Bob's socket"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a number that is not there", r.Mark(t.Context(), member, chat.Marks{Read: 3}, 0, nil), chat.Invalid)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		cursors.Run(ctx)
	}()
	batch := <-moved
	cancel()
	<-ran // the end writes what waits
	if len(batch) != 1 || batch[0].Member != member || batch[0].Read != 2 || batch[0].Received != 2 || !batch[0].Advanced ||
		!slices.Equal(batch[0].Origins, []any{"Bob's socket"}) {
		t.Errorf("told of %+v", batch)
	}
	marks, err := cursors.Marks(t.Context(), []chat.Member{member, {User: h.ann, Conv: h.conv}})
	if err != nil || marks[0] != (chat.Marks{Received: 2, Read: 2}) || marks[1] != (chat.Marks{Received: 2}) {
		t.Errorf("the marks are %+v, error %v", marks, err)
	}
	s := h.ask(h.bob, chat.Sync{})
	if len(s.Convs) != 1 || s.Convs[0].Unread != 0 || s.Convs[0].Mine.Read != 2 || s.Convs[0].Peer != (chat.Marks{}) || s.Convs[0].Role != chat.RoleMember {
		t.Errorf("sync answers %+v", s.Convs)
	}
	if s := h.ask(h.ann, chat.Sync{}); s.Convs[0].Role != chat.RoleOwner {
		t.Errorf("sync tells Ann that she is %q", s.Convs[0].Role)
	}
}
