package chat_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/words"
)

// A word that stands in one message of many costs little once sketches are made: only its block is read, and the end of
// the conversation, which has no sketch yet.
func TestSketchesSpareReading(t *testing.T) {
	l := newLibrary(t)
	ann, bob := chat.NewUserID(noon()), chat.NewUserID(noon())
	for i := range 100 {
		texts := make([]string, 100)
		for j := range texts {
			texts[j] = fmt.Sprintf("this is message number %d of many", 100*i+j)
		}
		l.say(ann, bob, texts...)
	}
	conv := chat.DirectConv(ann, bob)
	l.change(conv, 3000, chat.Edited, `"a needle"`)
	s := l.searches()
	for range 2 {
		l.read.Store(0)
		got, _ := l.findAll(s, ann, chat.Search{Q: "needle"})
		wantIDs(t, "a needle", got, []string{chat.MessageID(conv, 3000)})
	}
	if n := l.read.Load(); n > 3*128 {
		t.Errorf("%d messages were read for one", n)
	}
	if n := l.sketched.Load(); n != 10_000/128 {
		t.Errorf("%d sketches were made, want one for each full block", n)
	}

	// Words that come by an edit are found all the same, and only that block's sketch is made anew.
	l.sketched.Store(0)
	l.change(conv, 500, chat.Edited, `"a needle too"`)
	l.change(conv, 3000, chat.Recalled, `null`)
	for range 2 {
		got, _ := l.findAll(s, ann, chat.Search{Q: "needle"})
		wantIDs(t, "after an edit and a recall", got, []string{chat.MessageID(conv, 500)})
	}
	if n := l.sketched.Load(); n != 2 {
		t.Errorf("%d sketches were made anew, want those of the two blocks with changes", n)
	}
}

// A search in many conversations that takes many calls looks for the sketches of each conversation once, as one that
// takes a single call does; and what is edited between two calls, further on, is found all the same.
func TestSearchInManyCallsReadsSketchesOnce(t *testing.T) {
	l := newLibrary(t)
	ann := chat.NewUserID(noon())
	const people, blocks = 10, 4
	var bobs []chat.UserID
	for range people {
		bobs = append(bobs, chat.NewUserID(noon()))
	}
	for range blocks {
		for _, bob := range bobs {
			l.say(bob, ann, strings.Fields(strings.Repeat("word ", 128))...)
		}
	}
	l.findAll(l.searches(), ann, chat.Search{Q: "needle"}) // makes the sketches
	now := noon()
	slow := func() time.Time { now = now.Add(500 * time.Millisecond); return now } // a call ends with its first block
	s := chat.NewSearches(chat.NewMessages(l, l, time.Now), l, words.New(), slow)
	l.hinted.Store(0)
	for calls, r := 1, (chat.Search{Q: "needle"}); ; calls++ {
		found, err := s.Find(t.Context(), ann, r)
		if err != nil {
			t.Fatal(err)
		}
		if calls == blocks/2*people { // halfway down each conversation
			if n := l.hinted.Load(); n != people {
				t.Errorf("%d looks for sketches of %d conversations", n, people)
			}
			l.change(chat.DirectConv(ann, bobs[3]), 5, chat.Edited, `"needle"`)
		}
		if len(found.Messages) > 0 {
			wantIDs(t, "what was edited meanwhile", []string{found.Messages[0].ID()}, l.oracle(ann, "", "needle"))
			if calls < blocks/2*people {
				t.Errorf("found in call %d, before it was there", calls)
			}
			return
		}
		if r.Before = found.Next; r.Before.IsZero() {
			t.Fatal("what was edited meanwhile is not found")
		}
	}
}

// So many changes that sketches are no longer compared with them: all are made anew, and nothing is missed.
func TestSketchesWithManyChangesBehindThemAreMadeAnew(t *testing.T) {
	l := newLibrary(t)
	ann, bob := chat.NewUserID(noon()), chat.NewUserID(noon())
	l.say(ann, bob, strings.Fields(strings.Repeat("word ", 1000))...)
	conv, s := chat.DirectConv(ann, bob), l.searches()
	l.findAll(s, ann, chat.Search{Q: "needle"})
	for i := range 300 {
		l.change(conv, 1, chat.Edited, fmt.Sprintf(`"needle %d"`, i))
	}
	l.sketched.Store(0)
	for range 2 {
		got, _ := l.findAll(s, bob, chat.Search{Q: "needle"})
		wantIDs(t, "an old message with many edits", got, []string{chat.MessageID(conv, 1)})
	}
	if n := l.sketched.Load(); n != 1000/128 {
		t.Errorf("%d sketches were made anew, want all %d", n, 1000/128)
	}
}

// A search that runs while its conversation is edited keeps no sketch that hides what the edit brought.
func TestSearchDuringAnEditHidesNothing(t *testing.T) {
	l := newLibrary(t)
	during := &editing{library: l}
	s := chat.NewSearches(chat.NewMessages(during, l, time.Now), l, words.New(), time.Now)
	for _, seq := range []uint64{1, 61, 128} {
		ann, bob := chat.NewUserID(noon()), chat.NewUserID(noon())
		l.say(ann, bob, strings.Fields(strings.Repeat("word ", 200))...)
		conv := chat.DirectConv(ann, bob)
		during.edit = func() { l.change(conv, seq, chat.Edited, `"needle"`) }
		l.findAll(s, ann, chat.Search{Q: "absent"}) // makes the sketch of the block as it was before the edit
		if during.edit != nil {
			t.Fatal("the block was not read")
		}
		got, _ := l.findAll(s, ann, chat.Search{Q: "needle"})
		wantIDs(t, "what an edit brought meanwhile", got, []string{chat.MessageID(conv, seq)})
	}
}

// editing calls edit once, when a block has been read and its sketch has not been made.
type editing struct {
	*library
	edit func()
}

func (e *editing) Since(ctx context.Context, conv chat.ConvID, after uint64, limit int) ([]chat.Message, error) {
	page, err := e.library.Since(ctx, conv, after, limit)
	if edit := e.edit; edit != nil && after == 0 {
		e.edit = nil
		edit()
	}
	return page, err
}
