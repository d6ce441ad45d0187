package chat_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/words"
)

// library is an engine with talk in it, and what was said, for an oracle.
type library struct {
	chat.Store
	t    *testing.T
	said []chat.Message // in the order of sending
	at   time.Time

	read, sketched, opened, hinted atomic.Int64 // messages, sketches, pages that begin at a place, looks for sketches
}

func newLibrary(t *testing.T) *library {
	return &library{Store: newEngine(t), t: t, at: noon()}
}

func (l *library) Since(ctx context.Context, conv chat.ConvID, after uint64, limit int) ([]chat.Message, error) {
	page, err := l.Store.Since(ctx, conv, after, limit)
	l.read.Add(int64(len(page)))
	return page, err
}

func (l *library) Before(ctx context.Context, conv chat.ConvID, before uint64, limit int) ([]chat.Message, error) {
	l.opened.Add(1)
	return l.Store.Before(ctx, conv, before, limit)
}

func (l *library) PutSketches(ctx context.Context, conv chat.ConvID, sketches []chat.Sketch) error {
	l.sketched.Add(int64(len(sketches)))
	return l.Store.PutSketches(ctx, conv, sketches)
}

func (l *library) Sketches(ctx context.Context, conv chat.ConvID, first, end uint64) ([]chat.Sketch, error) {
	l.hinted.Add(1)
	return l.Store.Sketches(ctx, conv, first, end)
}

// say stores messages between two, a second after each other.
func (l *library) say(from, to chat.UserID, texts ...string) {
	l.t.Helper()
	var batch []chat.Message
	for _, text := range texts {
		l.at = l.at.Add(time.Second)
		batch = append(batch, chat.Message{
			Conv: chat.DirectConv(from, to), Sender: from, To: to, Type: "text", Body: fmt.Appendf(nil, "%q", text), At: l.at,
		})
	}
	receipts, err := l.Append(l.t.Context(), batch)
	if err != nil {
		l.t.Fatal(err)
	}
	for i, r := range receipts {
		batch[i].Seq = r.Seq
	}
	l.said = append(l.said, batch...)
}

// change makes another message of the one at a place.
func (l *library) change(conv chat.ConvID, seq uint64, state chat.State, body string) {
	l.t.Helper()
	i := slices.IndexFunc(l.said, func(m chat.Message) bool { return m.Conv == conv && m.Seq == seq })
	m := l.said[i]
	m.State, m.Body, m.Changed = state, []byte(body), l.at
	changed, err := l.ChangeMessage(l.t.Context(), m, m.Change)
	if err != nil {
		l.t.Fatal(err)
	}
	l.said[i] = changed
}

func (l *library) searches() *chat.Searches {
	return chat.NewSearches(chat.NewMessages(l, l, time.Now), l, words.New(), time.Now)
}

// oracle lists what a user should find, newest first, as the ids of messages.
func (l *library) oracle(user chat.UserID, conv chat.ConvID, q string) (ids []string) {
	found := slices.DeleteFunc(slices.Clone(l.said), func(m chat.Message) bool {
		a, b, _ := m.Conv.Users()
		mine := a == user || b == user
		answers := true
		for _, word := range strings.Fields(q) {
			answers = answers && strings.Contains(string(m.Body), word)
		}
		return !mine || conv != "" && m.Conv != conv || m.State == chat.Recalled || !answers
	})
	slices.SortFunc(found, func(a, b chat.Message) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Conv, b.Conv), cmp.Compare(b.Seq, a.Seq))
	})
	for i := range found {
		ids = append(ids, found[i].ID())
	}
	return ids
}

// findAll goes from answer to answer until there is no more, and returns all ids and how many answers it took. Without
// s, each call is the first of a server that has just started.
func (l *library) findAll(s *chat.Searches, user chat.UserID, r chat.Search) (ids []string, calls int) {
	l.t.Helper()
	for {
		server := s
		if server == nil {
			server = l.searches()
		}
		found, err := server.Find(l.t.Context(), user, r)
		if err != nil {
			l.t.Fatalf("%+v: %v", r, err)
		}
		calls++
		for i := range found.Messages {
			ids = append(ids, found.Messages[i].ID())
		}
		if found.Next.IsZero() {
			return ids, calls
		}
		// On the wire and back.
		if r.Before, err = chat.ParsePlace(found.Next.String()); err != nil || r.Before != found.Next {
			l.t.Fatalf("%q: %v", found.Next, err)
		}
		if calls > 10_000 {
			l.t.Fatal("no end")
		}
	}
}

func wantIDs(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: found %d:\n%s\nwant %d:\n%s", what, len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
}

// Ann talks with many, now with this one and now with that one. Whatever she looks for, and by how many at once, she
// finds what an oracle finds that reads everything; the second time the same, by what the first left behind.
func TestSearchFindsWhatReadingAllFinds(t *testing.T) {
	l := newLibrary(t)
	ann, others := chat.NewUserID(noon()), make([]chat.UserID, 20)
	for i := range others {
		others[i] = chat.NewUserID(noon())
	}
	r := rand.New(rand.NewPCG(1, 2))
	vocabulary := strings.Fields("apple pear plum cherry quince 苹果 梨子 猫 grape fig lemon lime 桃 melon berry date kiwi mango")
	for range 60 {
		from, to := ann, others[min(r.IntN(len(others)), r.IntN(len(others)))]
		if r.IntN(2) == 0 {
			from, to = to, from
		}
		texts := make([]string, 1+r.IntN(60))
		for i := range texts {
			for range 1 + r.IntN(4) {
				texts[i] += vocabulary[min(r.IntN(18), r.IntN(18), r.IntN(18))] + " "
			}
		}
		l.say(from, to, texts...)
		if r.IntN(10) == 0 {
			l.at = l.at.Add(-time.Duration(r.IntN(2)) * time.Second) // two conversations at one time
		}
	}
	l.say(others[0], others[1], "apple between others")
	rare := chat.DirectConv(ann, others[0])
	l.change(rare, 5, chat.Edited, `"nowhere else"`)
	l.change(rare, 6, chat.Recalled, `null`)

	s := l.searches()
	for _, q := range []string{"apple", "mango", "苹果", "猫", "apple pear", "a", "mango kiwi", "nowhere", "absent"} {
		for _, conv := range []chat.ConvID{"", chat.DirectConv(ann, others[0]), chat.DirectConv(ann, others[3])} {
			for _, limit := range []int{0, 29, 200} {
				want, what := l.oracle(ann, conv, q), fmt.Sprintf("%q in %q, %d at once", q, conv, limit)
				got, _ := l.findAll(s, ann, chat.Search{Q: q, Conv: conv, Limit: limit})
				wantIDs(t, what, got, want)
				if limit > 0 {
					got, _ = l.findAll(nil, ann, chat.Search{Q: q, Conv: conv, Limit: limit})
					wantIDs(t, what+", the server restarting", got, want)
				}
			}
		}
	}
	if l.sketched.Load() == 0 {
		t.Error("no sketch was made")
	}
}

// Who goes on with a search in many conversations does not wait until all are opened again.
func TestNextPageIsCheap(t *testing.T) {
	l := newLibrary(t)
	ann := chat.NewUserID(noon())
	for range 100 {
		l.say(chat.NewUserID(noon()), ann, "hello", "hello", "hello")
	}
	s := l.searches()
	var next chat.Place
	for page := range 6 {
		l.opened.Store(0)
		found, err := s.Find(t.Context(), ann, chat.Search{Q: "hello", Before: next})
		if err != nil || len(found.Messages) != 50 {
			t.Fatalf("page %d: %d messages, error %v", page, len(found.Messages), err)
		}
		if n := l.opened.Load(); page > 0 && n > 20 {
			t.Errorf("page %d took %d looks for where to go on", page, n)
		}
		next = found.Next
	}
	if !next.IsZero() {
		t.Errorf("there is more, at %s", next)
	}
}

// Each call does a bounded share of the work, and gets further.
func TestSearchIsBounded(t *testing.T) {
	l := newLibrary(t)
	ann, bob, carl := chat.NewUserID(noon()), chat.NewUserID(noon()), chat.NewUserID(noon())
	for range 20 {
		l.say(bob, ann, strings.Fields(strings.Repeat("word ", 130))...)
		l.say(ann, carl, strings.Fields(strings.Repeat("word ", 130))...)
	}
	l.say(ann, bob, "needle")
	// A clock by which every look at it is half a second later: a call ends with its first block.
	now := noon()
	slow := func() time.Time { now = now.Add(500 * time.Millisecond); return now }
	s := chat.NewSearches(chat.NewMessages(l, l, time.Now), l, words.New(), slow)
	for _, q := range []string{"needle", "absent", "word"} {
		got, calls := l.findAll(s, ann, chat.Search{Q: q, Limit: 200})
		wantIDs(t, q, got, l.oracle(ann, "", q))
		if least := 2 * 20 * 130 / 128; calls < least {
			t.Errorf("%q took %d calls, want one for each of %d blocks", q, calls, least)
		}
	}

	// An answer is bounded in bytes.
	large := strings.Repeat("x", 200<<10) + " large"
	l.say(bob, ann, large, large, large, large, large, large, large, large, large, large, large, large)
	found, err := l.searches().Find(t.Context(), ann, chat.Search{Q: "large"})
	if err != nil || len(found.Messages) != 5 || found.Next.IsZero() {
		t.Errorf("%d large messages in one answer, next %q, error %v", len(found.Messages), found.Next, err)
	}
	got, _ := l.findAll(l.searches(), ann, chat.Search{Q: "large"})
	wantIDs(t, "large ones", got, l.oracle(ann, "", "large"))
}

func TestSearchRefuses(t *testing.T) {
	l := newLibrary(t)
	ann, bob, eve := chat.NewUserID(noon()), chat.NewUserID(noon()), chat.NewUserID(noon())
	l.say(ann, bob, "hello")
	s := l.searches()
	conv := chat.DirectConv(ann, bob)
	for _, c := range []struct {
		user chat.UserID
		r    chat.Search
		code chat.Code
	}{
		{eve, chat.Search{Q: "hello", Conv: conv}, chat.Forbidden},
		{ann, chat.Search{Q: "hello", Conv: "nonsense"}, chat.Invalid},
		{ann, chat.Search{Q: "hello", Conv: chat.RoomConv(chat.RoomID(ann))}, chat.NotFound},
		{ann, chat.Search{}, chat.Invalid},
		{ann, chat.Search{Q: "hello", Limit: -1}, chat.Invalid},
		{ann, chat.Search{Q: "hello", Limit: 201}, chat.Invalid},
	} {
		if _, err := s.Find(t.Context(), c.user, c.r); true {
			wantCode(t, fmt.Sprintf("%+v", c.r), err, c.code)
		}
	}
	for _, place := range []string{"x", "1", "1.2", "1.2.nobody", "-1.2." + string(conv), "1.-2." + string(conv), strings.Repeat("9", 1000) + ".1." + string(conv)} {
		_, err := chat.ParsePlace(place)
		wantCode(t, place, err, chat.Invalid)
	}
	// Eve, with a place in the talk of others: it only orders her own.
	place, err := chat.ParsePlace("9999999999999.1." + string(conv))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := s.Find(t.Context(), eve, chat.Search{Q: "hello", Before: place}); err != nil || len(found.Messages) != 0 {
		t.Errorf("Eve found %v, %v", found, err)
	}
	if found, err := s.Find(t.Context(), ann, chat.Search{Q: "hello", Conv: conv, Before: chat.PlaceBelow(conv, 1)}); err != nil || len(found.Messages) != 0 {
		t.Errorf("below the first message: %v, %v", found, err)
	}
}

// So many search that there is no place: one more is told so, and finds one when somebody is done.
func TestSearchesAreCounted(t *testing.T) {
	l := newLibrary(t)
	ann, bob := chat.NewUserID(noon()), chat.NewUserID(noon())
	l.say(ann, bob, "hello")
	held := &holding{library: l, entered: make(chan struct{}), leave: make(chan struct{})}
	s := chat.NewSearches(chat.NewMessages(held, l, time.Now), l, words.New(), time.Now)
	done := make(chan error)
	find := func() {
		_, err := s.Find(t.Context(), ann, chat.Search{Q: "hello"})
		done <- err
	}
	searching := 0
	for refused := false; !refused; {
		go find()
		select {
		case <-held.entered:
			searching++
		case err := <-done:
			wantCode(t, "one too many", err, chat.TooMany)
			refused = true
		}
	}
	if searching < 2 {
		t.Errorf("%d may search at once", searching)
	}
	close(held.leave)
	for range searching {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	go find()
	<-held.entered
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// holding keeps those who list conversations until they may leave.
type holding struct {
	*library
	entered, leave chan struct{}
}

func (h *holding) Conversations(ctx context.Context, user chat.UserID) ([]chat.ConvID, error) {
	h.entered <- struct{}{}
	<-h.leave
	return h.library.Conversations(ctx, user)
}

// expired is an engine whose oldest messages are gone, but for the trace of one.
type expired struct {
	*library
	trace, kept uint64 // the numbers of the trace, and of the oldest that is kept
}

func (e *expired) Since(ctx context.Context, conv chat.ConvID, after uint64, limit int) ([]chat.Message, error) {
	page, err := e.library.Since(ctx, conv, max(after, e.kept-1), limit)
	if after < e.trace {
		trace, _ := e.library.Since(ctx, conv, e.trace-1, 1)
		trace[0].State, trace[0].Body = chat.Expired, []byte("null")
		page = append(trace, page[:min(len(page), limit-1)]...)
	}
	return page, err
}

func (e *expired) Before(ctx context.Context, conv chat.ConvID, before uint64, limit int) ([]chat.Message, error) {
	page, err := e.library.Before(ctx, conv, before, limit)
	return slices.DeleteFunc(page, func(m chat.Message) bool { return m.Seq < e.kept && m.Seq != e.trace }), err
}

// What has expired is not found, and a search gets over the hole that it left.
func TestSearchOverExpiredMessages(t *testing.T) {
	l := newLibrary(t)
	ann, bob, carl := chat.NewUserID(noon()), chat.NewUserID(noon()), chat.NewUserID(noon())
	l.say(ann, bob, strings.Fields(strings.Repeat("word ", 2000))...)
	conv := chat.DirectConv(ann, bob)
	e := &expired{library: l, trace: 300, kept: 1700}
	s := chat.NewSearches(chat.NewMessages(e, l, time.Now), l, words.New(), time.Now)
	for range 2 {
		got, _ := l.findAll(s, ann, chat.Search{Q: "word", Limit: 50})
		if len(got) != 301 || got[0] != chat.MessageID(conv, 2000) || got[300] != chat.MessageID(conv, 1700) {
			t.Errorf("found %d, from %s to %s", len(got), got[0], got[len(got)-1])
		}
	}
	// Across conversations, from a place as old as what has expired.
	place, err := chat.ParsePlace(fmt.Sprintf("%d.1.%s", noon().Add(time.Minute).UnixMilli(), chat.DirectConv(ann, carl)))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := s.Find(t.Context(), ann, chat.Search{Q: "word", Before: place}); err != nil || len(found.Messages) != 0 {
		t.Errorf("found %v, %v", found, err)
	}
}
