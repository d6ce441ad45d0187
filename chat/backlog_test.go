package chat_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// Dora was away. She gets all she missed of every conversation, oldest first, each conversation by its numbers.
func TestBacklog(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl", "Dora")
	dora := people[3]
	s := open(t, engine, engine)
	var sent []chat.Message
	for i := range 1000 { // Ann writes most, Carl seldom
		from := people[0]
		if i%7 == 3 {
			from = people[1]
		}
		if i%100 == 50 {
			from = people[2]
		}
		m := chat.Message{
			Conv: chat.DirectConv(from, dora), Sender: from, To: dora, Type: "text", Body: []byte(fmt.Sprint(i)),
			At: noon().Add(time.Duration(i) * time.Second),
		}
		receipts, err := engine.Append(t.Context(), []chat.Message{m})
		if err != nil {
			t.Fatal(err)
		}
		m.Seq = receipts[0].Seq
		sent = append(sent, m)
	}
	conv := func(i int) chat.ConvID { return chat.DirectConv(people[i], dora) }
	last, err := engine.Last(t.Context(), []chat.ConvID{conv(0), conv(1), conv(2)})
	if err != nil {
		t.Fatal(err)
	}
	// Her device has some of Ann's, all of Carl's and none of Bob's messages.
	cursors := map[chat.ConvID]uint64{conv(0): 100, conv(2): last[2]}
	standing, err := s.Behind(t.Context(), dora, cursors)
	if err != nil {
		t.Fatal(err)
	}
	if len(standing.Behind) != 2 || standing.Behind[conv(0)] != 100 || standing.Behind[conv(1)] != 0 {
		t.Errorf("she is behind in %v", standing.Behind)
	}
	if newest := standing.Last; len(newest) != 2 || newest[conv(0)] != last[0] || newest[conv(1)] != last[1] {
		t.Errorf("the newest there are %v", newest)
	}
	var want []string
	for _, m := range sent {
		if m.Conv != conv(2) && m.Seq > cursors[m.Conv] {
			want = append(want, string(m.Body))
		}
	}
	var got []string
	err = s.Backlog(t.Context(), dora, standing.Behind, func(m *chat.Message) error {
		got = append(got, string(m.Body))
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("error %v, got %d messages, want %d:\n%v\n%v", err, len(got), len(want), got, want)
	}

	// It ends with the door's own error.
	stop, calls := chat.Errorf(chat.Unavailable, "she left"), 0
	err = s.Backlog(t.Context(), dora, standing.Behind, func(*chat.Message) error {
		if calls++; calls == 5 {
			return stop
		}
		return nil
	})
	if err != error(stop) || calls != 5 {
		t.Errorf("error %v after %d calls", err, calls)
	}
	all := map[chat.ConvID]uint64{conv(0): last[0], conv(1): last[1], conv(2): last[2] + 9}
	if standing, err := s.Behind(t.Context(), dora, all); err != nil || len(standing.Behind) != 0 {
		t.Errorf("with everything she is behind in %v, error %v", standing.Behind, err)
	}
	if standing, err := s.Behind(t.Context(), chat.NewUserID(noon()), nil); err != nil || len(standing.Behind) != 0 {
		t.Errorf("one without conversations is behind in %v, error %v", standing.Behind, err)
	}
}

// pagedStore notes the largest page that was asked for.
type pagedStore struct {
	chat.Store
	largest, pages int
}

func (s *pagedStore) Since(ctx context.Context, conv chat.ConvID, after uint64, limit int) ([]chat.Message, error) {
	s.largest, s.pages = max(s.largest, limit), s.pages+1
	return s.Store.Since(ctx, conv, after, limit)
}

// Many wrote while she was away, in turns, and one of them at length. What is in memory does not grow with them.
func TestBacklogOfManyIsReadInSmallPages(t *testing.T) {
	engine := &pagedStore{Store: newEngine(t)}
	s := open(t, engine, engine)
	dora := chat.NewUserID(noon())
	const friends, rounds, long = 300, 5, 500
	var batch []chat.Message
	add := func(from chat.UserID) {
		batch = append(batch, chat.Message{
			Conv: chat.DirectConv(from, dora), Sender: from, To: dora, Type: "text", Body: []byte("1"),
			At: noon().Add(time.Duration(len(batch)) * time.Second),
		})
	}
	people := make([]chat.UserID, friends)
	for i := range people {
		people[i] = chat.NewUserID(noon())
	}
	for range rounds {
		for _, p := range people {
			add(p)
		}
	}
	for range long {
		add(people[0])
	}
	if _, err := engine.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	standing, err := s.Behind(t.Context(), dora, nil)
	if err != nil || len(standing.Behind) != friends {
		t.Fatalf("behind in %d conversations, error %v", len(standing.Behind), err)
	}
	n := 0
	err = s.Backlog(t.Context(), dora, standing.Behind, func(m *chat.Message) error {
		if want := &batch[n]; m.Conv != want.Conv || !m.At.Equal(want.At) {
			return fmt.Errorf("message %d is %s of %s, want %s of %s", n, m.ID(), m.At, want.Conv, want.At)
		}
		n++
		return nil
	})
	if err != nil || n != len(batch) {
		t.Errorf("%d of %d messages, error %v", n, len(batch), err)
	}
	if engine.largest > 64 {
		t.Errorf("a page of %d messages was read", engine.largest)
	}
	if most := friends*(rounds+2) + long/32 + 10; engine.pages > most {
		t.Errorf("%d pages were read, at most %d were due", engine.pages, most)
	}
}
