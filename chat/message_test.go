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

// door remembers what came through it.
type door struct {
	mu   sync.Mutex
	more sync.Cond
	all  []chat.Outcome
}

func newDoor() *door {
	d := &door{}
	d.more.L = &d.mu
	return d
}

func (d *door) Deliver(batch []chat.Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, batch...)
	d.more.Broadcast()
}

// wait returns the outcomes when there are at least n.
func (d *door) wait(n int) []chat.Outcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.all) < n {
		d.more.Wait()
	}
	return slices.Clone(d.all)
}

// open starts the rules of messages over two engines, which may be one.
func open(t testing.TB, messages chat.MessageStore, accounts chat.AccountStore, doors ...chat.Door) *chat.Messages {
	t.Helper()
	s := chat.NewMessages(messages, accounts, time.Now)
	start(t, s, doors...)
	return s
}

// start starts rules that end with the story.
func start(t testing.TB, s *chat.Messages, doors ...chat.Door) {
	t.Helper()
	s.Start(doors...)
	t.Cleanup(func() {
		end, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(end); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func draft(from, to chat.UserID, body string) chat.Draft {
	return chat.Draft{Sender: from, To: to, Body: []byte(body)}
}

func submit(t *testing.T, s *chat.Messages, drafts ...chat.Draft) {
	t.Helper()
	for i, d := range drafts {
		if err := s.Submit(t.Context(), d, i); err != nil {
			t.Fatalf("Submit of %s: %v", d.Body, err)
		}
	}
}

func TestAnnWritesToBob(t *testing.T) {
	engine, heard := newEngine(t), newDoor()
	people := settle(t, engine, "Ann", "Bob", "Carl")
	ann, bob, carl := people[0], people[1], people[2]
	s := open(t, engine, engine, heard)
	before := time.Now().Truncate(time.Millisecond)
	d := draft(ann, bob, `"hello"`)
	d.Device, d.Ref, d.Time = "phone", "r1", []byte(`"12:00"`)
	if err := s.Submit(t.Context(), d, "Ann's socket"); err != nil {
		t.Fatal(err)
	}
	o := heard.wait(1)[0]
	m := o.Message
	if o.Err != nil || o.Repeat || o.Origin != "Ann's socket" {
		t.Errorf("the outcome is %+v", o)
	}
	if m.Conv != chat.DirectConv(bob, ann) || m.Seq != 1 || m.Sender != ann || m.To != bob || m.Device != "phone" ||
		m.Ref != "r1" || m.Type != "text" || string(m.Time) != `"12:00"` || string(m.Body) != `"hello"` {
		t.Errorf("the message is %+v", m)
	}
	if m.At.Before(before) || m.At.After(time.Now()) || m.At.Nanosecond()%1e6 != 0 {
		t.Errorf("it was taken at %v", m.At)
	}

	// The same ref again, with whatever in it, is the first message.
	d.Body, d.To = []byte(`"again"`), carl
	submit(t, s, d)
	again := heard.wait(2)[1]
	if !again.Repeat || again.Err != nil || again.Message.Conv != m.Conv || again.Message.Seq != 1 || !again.Message.At.Equal(m.At) {
		t.Errorf("the repeat's outcome is %+v", again)
	}
	page, more, err := s.Since(t.Context(), bob, m.Conv, 0, 0)
	if err != nil || more || len(page) != 1 || string(page[0].Body) != `"hello"` {
		t.Errorf("stored is %+v, more %v, error %v", page, more, err)
	}
}

func TestDraftsAreChecked(t *testing.T) {
	engine, heard := newEngine(t), newDoor()
	people := settle(t, engine, "Ann", "Bob")
	ann, bob := people[0], people[1]
	s := open(t, engine, engine, heard)
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		what  string
		spoil func(d *chat.Draft)
		code  chat.Code
	}{
		{"nobody to hear it", func(d *chat.Draft) { d.To = "" }, chat.Invalid},
		{"a user and a room", func(d *chat.Draft) { d.Room = chat.RoomID(bob) }, chat.Invalid},
		{"no user id", func(d *chat.Draft) { d.To = "Bob" }, chat.Invalid},
		{"no room id", func(d *chat.Draft) { d.To, d.Room = "", "lobby" }, chat.Invalid},
		{"an unknown user", func(d *chat.Draft) { d.To = chat.NewUserID(noon()) }, chat.NotFound},
		{"an unknown room", func(d *chat.Draft) { d.To, d.Room = "", chat.RoomID(bob) }, chat.NotFound},
		{"no body", func(d *chat.Draft) { d.Body = nil }, chat.Invalid},
		{"null", func(d *chat.Draft) { d.Body = []byte("null") }, chat.Invalid},
		{"an empty text", func(d *chat.Draft) { d.Body = []byte(`""`) }, chat.Invalid},
		{"too much", func(d *chat.Draft) { d.Body = []byte(long(chat.MaxBody + 1)) }, chat.TooLarge},
		{"a long ref", func(d *chat.Draft) { d.Ref = long(chat.MaxRef + 1) }, chat.Invalid},
		{"a ref that is not UTF-8", func(d *chat.Draft) { d.Ref = "\xff" }, chat.Invalid},
		{"a long type", func(d *chat.Draft) { d.Type = long(33) }, chat.Invalid},
		{"a type that is not UTF-8", func(d *chat.Draft) { d.Type = "\xff" }, chat.Invalid},
		{"a long time", func(d *chat.Draft) { d.Time = []byte(long(65)) }, chat.Invalid},
	} {
		d := draft(ann, bob, `"hi"`)
		c.spoil(&d)
		wantCode(t, c.what, s.Submit(t.Context(), d, nil), c.code)
	}
	largest := draft(ann, bob, `"`+long(chat.MaxBody-2)+`"`)
	largest.Ref, largest.Type, largest.Time = long(chat.MaxRef), long(32), []byte(long(64))
	submit(t, s, draft(ann, ann, `"a note to herself"`), largest)
	if all := heard.wait(2); len(all) != 2 {
		t.Errorf("%d outcomes, want 2: what is refused has none", len(all))
	}

	away := open(t, engine, awayAccounts{})
	wantCode(t, "an engine that is away", away.Submit(t.Context(), draft(ann, bob, `1`), nil), chat.Unavailable)
}

// A page of long messages is short, so that the answer fits into what may wait for a client, and says that there is more.
func TestPagesOfLongMessages(t *testing.T) {
	engine, heard := newEngine(t), newDoor()
	people := settle(t, engine, "Ann", "Bob")
	ann, bob := people[0], people[1]
	s := open(t, engine, engine, heard)
	const n = 70 // more than are read at once
	long := `"` + strings.Repeat("x", chat.MaxBody-2) + `"`
	for i := range n {
		body := fmt.Sprint(i)
		if i >= n-10 {
			body = long
		}
		submit(t, s, draft(ann, bob, body))
	}
	heard.wait(n)
	conv := chat.DirectConv(ann, bob)
	var forth, back []chat.Message
	for more := true; more; {
		var after uint64
		if len(forth) > 0 {
			after = forth[len(forth)-1].Seq
		}
		var page []chat.Message
		var err error
		if page, more, err = s.Since(t.Context(), ann, conv, after, chat.MaxPage); err != nil || size(page) > 1<<20 || len(page) == 0 {
			t.Fatalf("a page of %d messages, %d bytes, error %v", len(page), size(page), err)
		}
		forth = append(forth, page...)
	}
	for more := true; more; {
		var before uint64
		if len(back) > 0 {
			before = back[0].Seq
		}
		var page []chat.Message
		var err error
		if page, more, err = s.Before(t.Context(), ann, conv, before, chat.MaxPage); err != nil || size(page) > 1<<20 || len(page) == 0 {
			t.Fatalf("a page of %d messages, %d bytes, error %v", len(page), size(page), err)
		}
		back = append(page, back...)
	}
	for name, all := range map[string][]chat.Message{"forth": forth, "back": back} {
		if len(all) != n {
			t.Fatalf("%s: %d messages, want %d", name, len(all), n)
		}
		for i, m := range all {
			if m.Seq != uint64(i+1) {
				t.Errorf("%s: found %d where %d belongs", name, m.Seq, i+1)
			}
		}
	}
}

func size(page []chat.Message) (bytes int) {
	for _, m := range page {
		bytes += len(m.Body)
	}
	return bytes
}

func TestPages(t *testing.T) {
	engine, heard := newEngine(t), newDoor()
	people := settle(t, engine, "Ann", "Bob", "Carl")
	ann, bob, carl := people[0], people[1], people[2]
	s := open(t, engine, engine, heard)
	const n = 120
	for i := range n {
		submit(t, s, draft(ann, bob, fmt.Sprint(i+1)))
	}
	heard.wait(n)
	conv := chat.DirectConv(ann, bob)
	for _, c := range []struct {
		name     string
		read     func() ([]chat.Message, bool, error)
		from, to uint64
		more     bool
	}{
		{"the default", func() ([]chat.Message, bool, error) { return s.Since(t.Context(), ann, conv, 0, 0) }, 1, 50, true},
		{"the end", func() ([]chat.Message, bool, error) { return s.Since(t.Context(), bob, conv, 70, 50) }, 71, 120, false},
		{"one short of it", func() ([]chat.Message, bool, error) { return s.Since(t.Context(), bob, conv, 69, 50) }, 70, 119, true},
		{"beyond it", func() ([]chat.Message, bool, error) { return s.Since(t.Context(), ann, conv, 120, 50) }, 1, 0, false},
		{"all", func() ([]chat.Message, bool, error) { return s.Since(t.Context(), ann, conv, 0, chat.MaxPage) }, 1, 120, false},
		{"back from the end", func() ([]chat.Message, bool, error) { return s.Before(t.Context(), ann, conv, 0, 20) }, 101, 120, true},
		{"back to the start", func() ([]chat.Message, bool, error) { return s.Before(t.Context(), ann, conv, 21, 20) }, 1, 20, false},
		{"back almost", func() ([]chat.Message, bool, error) { return s.Before(t.Context(), ann, conv, 22, 20) }, 2, 21, true},
	} {
		page, more, err := c.read()
		if err != nil || more != c.more || len(page) != int(c.to+1-c.from) {
			t.Errorf("%s: %d messages, more %v, error %v", c.name, len(page), more, err)
			continue
		}
		for i, m := range page {
			if m.Seq != c.from+uint64(i) {
				t.Errorf("%s: found %d where %d belongs", c.name, m.Seq, c.from+uint64(i))
			}
		}
	}
	for _, c := range []struct {
		who   chat.UserID
		conv  chat.ConvID
		limit int
		code  chat.Code
	}{
		{carl, conv, 10, chat.Forbidden}, {ann, "nonsense", 10, chat.Invalid}, {ann, chat.ConvID(bob + "|" + ann), 10, chat.Invalid},
		{ann, chat.RoomConv(chat.RoomID(bob)), 10, chat.NotFound}, {ann, conv, -1, chat.Invalid},
		{ann, conv, chat.MaxPage + 1, chat.Invalid},
	} {
		if c.conv == chat.ConvID(bob+"|"+ann) && bob < ann {
			continue // then this is its name
		}
		_, _, err := s.Since(t.Context(), c.who, c.conv, 0, c.limit)
		wantCode(t, fmt.Sprintf("Since of %+v", c), err, c.code)
		_, _, err = s.Before(t.Context(), c.who, c.conv, 0, c.limit)
		wantCode(t, fmt.Sprintf("Before of %+v", c), err, c.code)
	}
}
