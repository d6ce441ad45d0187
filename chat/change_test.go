package chat_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// changeHouse is Ann and Bob with some messages of Ann's, and Carl who has no part in it.
type changeHouse struct {
	*chat.Messages
	heard          *door
	clock          *clock
	ann, bob, carl chat.UserID
	conv           chat.ConvID
	told           []chat.Message
}

func (h *changeHouse) tell(m *chat.Message) { h.told = append(h.told, *m) }

// openChanges opens the rules over an engine, which around may stand in front of.
func openChanges(t *testing.T, around func(chat.Store) chat.MessageStore) *changeHouse {
	t.Helper()
	engine, heard := newEngine(t), newDoor()
	people := settle(t, engine, "Ann", "Bob", "Carl")
	h := &changeHouse{heard: heard, clock: &clock{now: noon()}, ann: people[0], bob: people[1], carl: people[2]}
	h.conv = chat.DirectConv(h.ann, h.bob)
	h.Messages = chat.NewMessages(around(engine), engine, h.clock.Now)
	h.ChangeTime = time.Hour
	h.Start(heard)
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	submit(t, h.Messages, draft(h.ann, h.bob, `"1"`), draft(h.ann, h.bob, `"2"`), draft(h.bob, h.ann, `"3"`))
	heard.wait(3)
	return h
}

func itself(s chat.Store) chat.MessageStore { return s }

// wantStored checks what the engine holds of a message.
func (h *changeHouse) wantStored(t *testing.T, seq uint64, state chat.State, body string) {
	t.Helper()
	page, _, err := h.Since(t.Context(), h.bob, h.conv, seq-1, 1)
	if err != nil || len(page) != 1 || page[0].State != state || string(page[0].Body) != body {
		t.Errorf("message %d is %+v, error %v, want %s in state %d", seq, page, err, body, state)
	}
}

func TestAnnEditsAndRecalls(t *testing.T) {
	h := openChanges(t, itself)
	h.clock.pass(time.Minute)
	edit, err := h.Edit(t.Context(), h.ann, h.conv, 2, []byte(`"two"`), h.tell)
	wantCode(t, "Edit", err, "")
	if edit.Change == 0 || !edit.Changed.Equal(noon().Add(time.Minute)) || !edit.At.Equal(noon()) || edit.To != h.bob {
		t.Errorf("Edit answers %+v", edit)
	}
	h.wantStored(t, 2, chat.Edited, `"two"`)

	recall, err := h.Recall(t.Context(), h.ann, h.conv, 2, h.tell)
	wantCode(t, "Recall", err, "")
	if recall.Change <= edit.Change {
		t.Errorf("change %d follows %d", recall.Change, edit.Change)
	}
	h.wantStored(t, 2, chat.Recalled, `null`)
	if len(h.told) != 2 || h.told[0].Change != edit.Change || h.told[1].Change != recall.Change || string(h.told[0].Body) != `"two"` {
		t.Errorf("told %+v", h.told)
	}

	// Once more, even when the time is over: nothing happens, and whoever missed it is told.
	h.clock.pass(24 * time.Hour)
	again, err := h.Recall(t.Context(), h.ann, h.conv, 2, h.tell)
	wantCode(t, "Recall again", err, "")
	if again.Change != recall.Change || len(h.told) != 3 || h.told[2].Change != recall.Change {
		t.Errorf("Recall again answers %+v and told %+v", again, h.told)
	}
	_, err = h.Edit(t.Context(), h.ann, h.conv, 2, []byte(`"two"`), h.tell)
	wantCode(t, "Edit of a recalled message", err, chat.Conflict)
}

func TestChangesThatAreRefused(t *testing.T) {
	h := openChanges(t, itself)
	large := []byte(`"` + strings.Repeat("x", chat.MaxBody) + `"`)
	room := chat.RoomConv(chat.RoomID(h.carl))
	for _, c := range []struct {
		what string
		user chat.UserID
		conv chat.ConvID
		seq  uint64
		body []byte // nil recalls
		want chat.Code
	}{
		{"Bob edits Ann's", h.bob, h.conv, 1, []byte(`"x"`), chat.Forbidden},
		{"Bob recalls Ann's", h.bob, h.conv, 1, nil, chat.Forbidden},
		{"Carl edits theirs", h.carl, h.conv, 1, []byte(`"x"`), chat.Forbidden},
		{"Carl recalls theirs", h.carl, h.conv, 1, nil, chat.Forbidden},
		{"no such message", h.ann, h.conv, 4, nil, chat.NotFound},
		{"the largest number", h.ann, h.conv, 1<<64 - 1, nil, chat.NotFound},
		{"another conversation", h.ann, chat.DirectConv(h.ann, h.carl), 1, nil, chat.NotFound},
		{"number 0", h.ann, h.conv, 0, nil, chat.Invalid},
		{"no conversation", h.ann, "x", 1, nil, chat.Invalid},
		{"a room", h.ann, room, 1, nil, chat.NotFound},
		{"an empty body", h.ann, h.conv, 1, []byte{}, chat.Invalid},
		{"null", h.ann, h.conv, 1, []byte(`null`), chat.Invalid},
		{"an empty text", h.ann, h.conv, 1, []byte(`""`), chat.Invalid},
		{"a large body", h.ann, h.conv, 1, large, chat.TooLarge},
	} {
		var err error
		if c.body == nil {
			_, err = h.Recall(t.Context(), c.user, c.conv, c.seq, h.tell)
		} else {
			_, err = h.Edit(t.Context(), c.user, c.conv, c.seq, c.body, h.tell)
		}
		wantCode(t, c.what, err, c.want)
	}
	if len(h.told) > 0 {
		t.Errorf("told %+v", h.told)
	}
	h.wantStored(t, 1, chat.AsSent, `"1"`)
}

func TestTheTimeForChangesEnds(t *testing.T) {
	h := openChanges(t, itself)
	h.clock.pass(-time.Hour) // a clock that was put back shortens no time
	_, err := h.Edit(t.Context(), h.ann, h.conv, 1, []byte(`"one"`), h.tell)
	wantCode(t, "Edit before it was sent", err, "")
	h.clock.pass(2 * time.Hour)
	_, err = h.Edit(t.Context(), h.ann, h.conv, 1, []byte(`"uno"`), h.tell)
	wantCode(t, "Edit at the last moment", err, "")
	h.clock.pass(time.Millisecond)
	_, err = h.Edit(t.Context(), h.ann, h.conv, 1, []byte(`"un"`), h.tell)
	wantCode(t, "Edit too late", err, chat.Forbidden)
	_, err = h.Recall(t.Context(), h.ann, h.conv, 1, h.tell)
	wantCode(t, "Recall too late", err, chat.Forbidden)
	h.wantStored(t, 1, chat.Edited, `"uno"`)

	never := openChanges(t, itself)
	never.ChangeTime = 0
	_, err = never.Recall(t.Context(), never.ann, never.conv, 1, never.tell)
	wantCode(t, "Recall where nothing may be changed", err, chat.Forbidden)
}

// Ann edits from ten devices at once. Who listens hears of it in the order of the numbers, so the last that he hears
// is what is stored.
func TestChangesAreToldInTheirOrder(t *testing.T) {
	h := openChanges(t, itself)
	var mu sync.Mutex
	var all sync.WaitGroup
	for device := range 10 {
		all.Go(func() {
			for i := range 20 {
				body := fmt.Appendf(nil, `"%d %d"`, device, i)
				_, err := h.Edit(t.Context(), h.ann, h.conv, uint64(1+i%2), body, func(m *chat.Message) {
					mu.Lock()
					defer mu.Unlock()
					h.tell(m)
				})
				wantCode(t, "Edit", err, "")
			}
		})
	}
	all.Wait()
	if len(h.told) != 200 {
		t.Errorf("told %d times, want 200", len(h.told))
	}
	last := make(map[uint64]string)
	for i, m := range h.told {
		if i > 0 && m.Change <= h.told[i-1].Change {
			t.Errorf("change %d is told after %d", m.Change, h.told[i-1].Change)
		}
		last[m.Seq] = string(m.Body)
	}
	for seq, body := range last {
		h.wantStored(t, seq, chat.Edited, body)
	}
}

// otherNode lets another node change a message each time before this one does.
type otherNode struct {
	chat.Store
	times int
	err   error
}

func (s *otherNode) ChangeMessage(ctx context.Context, m chat.Message, was uint64) (chat.Message, error) {
	if s.err != nil {
		return chat.Message{}, s.err
	}
	if s.times > 0 {
		s.times--
		theirs := m
		theirs.State, theirs.Body = chat.Edited, []byte(`"theirs"`)
		if _, err := s.Store.ChangeMessage(ctx, theirs, was); err != nil {
			return chat.Message{}, err
		}
	}
	return s.Store.ChangeMessage(ctx, m, was)
}

func TestAnotherNodeChangesTheSameMessage(t *testing.T) {
	node := &otherNode{}
	h := openChanges(t, func(s chat.Store) chat.MessageStore { node.Store = s; return node })
	node.times = 2
	m, err := h.Edit(t.Context(), h.ann, h.conv, 1, []byte(`"ours"`), h.tell)
	wantCode(t, "Edit", err, "")
	if m.Change != 3 {
		t.Errorf("change %d, want 3: behind the two of the other node", m.Change)
	}
	h.wantStored(t, 1, chat.Edited, `"ours"`)

	node.times = 1000
	_, err = h.Edit(t.Context(), h.ann, h.conv, 1, []byte(`"again"`), h.tell)
	wantCode(t, "Edit against one who never rests", err, chat.Conflict)
	node.err = errAway
	soon, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	_, err = h.Recall(soon, h.ann, h.conv, 1, h.tell)
	wantCode(t, "Recall while the engine is away", err, chat.Unavailable)
	if len(h.told) != 1 {
		t.Errorf("told %d times, want once", len(h.told))
	}
	// Whoever failed stands in nobody's way.
	node.times, node.err = 0, nil
	_, err = h.Recall(t.Context(), h.ann, h.conv, 1, h.tell)
	wantCode(t, "Recall", err, "")
}

// silent is an engine that at times does not say whether it did what was asked, and may have done it.
type silent struct {
	chat.Store
	times int  // how often it is silent yet
	does  bool // what was asked
}

func (s *silent) ChangeMessage(ctx context.Context, m chat.Message, was uint64) (chat.Message, error) {
	if s.times == 0 {
		return s.Store.ChangeMessage(ctx, m, was)
	}
	s.times--
	if s.does {
		if _, err := s.Store.ChangeMessage(ctx, m, was); err != nil {
			return chat.Message{}, err
		}
	}
	return chat.Message{}, errAway
}

func (s *silent) Since(ctx context.Context, conv chat.ConvID, after uint64, limit int) ([]chat.Message, error) {
	if s.times > 0 && s.times < 3 {
		s.times--
		return nil, errAway
	}
	return s.Store.Since(ctx, conv, after, limit)
}

// A change of which the engine did not say whether it happened happens once, and is told once.
func TestAChangeInDoubt(t *testing.T) {
	for _, does := range []bool{true, false} {
		engine := &silent{}
		h := openChanges(t, func(s chat.Store) chat.MessageStore { engine.Store = s; return engine })
		engine.times, engine.does = 3, does
		m, err := h.Edit(t.Context(), h.ann, h.conv, 1, []byte(`"better"`), h.tell)
		wantCode(t, "Edit", err, "")
		if m.Change != 1 || len(h.told) != 1 || h.told[0].Change != 1 || string(h.told[0].Body) != `"better"` {
			t.Errorf("done in silence %v: change %d, told %+v", does, m.Change, h.told)
		}
		h.wantStored(t, 1, chat.Edited, `"better"`)
		engine.times = 3
		m, err = h.Recall(t.Context(), h.ann, h.conv, 1, h.tell)
		wantCode(t, "Recall", err, "")
		if m.Change != 2 || len(h.told) != 2 || h.told[1].State != chat.Recalled {
			t.Errorf("done in silence %v: change %d, told %+v", does, m.Change, h.told)
		}
	}
}

func TestWaitingForATurnEnds(t *testing.T) {
	h := openChanges(t, itself)
	gone, cancel := context.WithCancel(t.Context())
	_, err := h.Edit(t.Context(), h.ann, h.conv, 1, []byte(`"one"`), func(*chat.Message) {
		cancel()
		_, err := h.Recall(gone, h.ann, h.conv, 2, h.tell)
		wantCode(t, "Recall while an edit is under way", err, chat.Unavailable)
	})
	wantCode(t, "Edit", err, "")
}

func TestChangesOfManyConversations(t *testing.T) {
	h := openChanges(t, itself)
	other := chat.DirectConv(h.ann, h.carl)
	const n = 150 // more than a page
	for i := range n {
		submit(t, h.Messages, draft(h.ann, h.carl, fmt.Sprint(i)))
	}
	h.heard.wait(3 + n)
	for seq := uint64(n); seq > 0; seq-- {
		_, err := h.Recall(t.Context(), h.ann, other, seq, h.tell)
		wantCode(t, "Recall", err, "")
	}
	_, err := h.Edit(t.Context(), h.ann, h.conv, 1, []byte(`"one"`), h.tell)
	wantCode(t, "Edit", err, "")
	_, err = h.Edit(t.Context(), h.ann, h.conv, 2, []byte(`"two"`), h.tell)
	wantCode(t, "Edit", err, "")

	heard := make(map[chat.ConvID][]uint64)
	collect := func(m *chat.Message) error {
		heard[m.Conv] = append(heard[m.Conv], m.Seq)
		return nil
	}
	wantCode(t, "Changes", h.Changes(t.Context(), h.ann, map[chat.ConvID]uint64{h.conv: 1, other: 0}, collect), "")
	if !slices.Equal(heard[h.conv], []uint64{2}) {
		t.Errorf("heard of %v, want the second edit alone", heard[h.conv])
	}
	if down := heard[other]; len(down) != n || down[0] != n || down[n-1] != 1 {
		t.Errorf("heard %v, want %d down to 1", down, n)
	}
	err = h.Changes(t.Context(), h.ann, map[chat.ConvID]uint64{h.conv: 0}, func(*chat.Message) error { return errAway })
	wantCode(t, "Changes for one who is gone", err, chat.Unavailable)
}
