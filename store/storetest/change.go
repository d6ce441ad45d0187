package storetest

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func changeStories() []story {
	return []story{
		{name: "a change is seen wherever the message is", tell: changeSeen},
		{name: "changes come in their order, each message once", tell: changeOrder},
		{name: "changes come in pages", tell: changePages},
		{name: "only what is there and as it was is changed", tell: changeRefused},
		{name: "conversations do not mix", tell: changeConversations},
		{name: "a changed message keeps its place and ref", tell: changeAppend},
		{name: "changes outlast a restart", tell: changeReopen},
		{name: "ten change one message", tell: changeRace, updateRace: true},
		{name: "a reader of changes misses none", tell: changeReader},
	}
}

// edited is what Ann makes of a stored message.
func edited(m chat.Message, body string) chat.Message {
	m.State, m.Body, m.Changed = chat.Edited, []byte(body), noon().Add(time.Minute)
	return m
}

func change(t testing.TB, p *place, m chat.Message, was uint64) chat.Message {
	t.Helper()
	changed, err := p.ChangeMessage(t.Context(), m, was)
	noError(t, err)
	return changed
}

// wantChanges checks that Changed tells of these numbers, in this order.
func wantChanges(t testing.TB, p *place, conv chat.ConvID, after uint64, limit int, want ...uint64) {
	t.Helper()
	page, err := p.Changed(t.Context(), conv, after, limit)
	noError(t, err)
	var seqs []uint64
	for i, m := range page {
		seqs = append(seqs, m.Seq)
		if m.Conv != conv || m.Change <= after || i > 0 && m.Change <= page[i-1].Change {
			t.Errorf("%s has change %d, out of order", m.ID(), m.Change)
		}
	}
	if !slices.Equal(seqs, want) {
		t.Errorf("Changed after %d, at most %d: %v, want %v", after, limit, seqs, want)
	}
}

func wantLastChanges(t testing.TB, p *place, convs []chat.ConvID, want ...uint64) {
	t.Helper()
	last, err := p.LastChanges(t.Context(), convs)
	noError(t, err)
	if !slices.Equal(last, want) {
		t.Errorf("LastChanges %v, want %v", last, want)
	}
}

// say sends n messages from Ann to Bob and returns them as they are stored.
func say(t testing.TB, p *place, ann, bob chat.UserID, n int) []chat.Message {
	t.Helper()
	var batch []chat.Message
	for i := range n {
		batch = append(batch, text(ann, bob, "", strconv.Itoa(i+1)))
	}
	for i, r := range send(t, p, batch...) {
		batch[i].Seq = r.Seq
	}
	return batch
}

func changeSeen(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	m := text(ann, bob, "ref-1", `"helo"`)
	m.Device, m.Time, m.Files = "laptop", []byte(`"12:00"`), []chat.FileID{chat.NewFileID(), chat.NewFileID()}
	m.Mentions = []chat.UserID{bob}
	m.Seq = send(t, p, m)[0].Seq

	want := edited(m, `{"b":"你好"}`)
	want.Type, want.Files = "rich", []chat.FileID{chat.NewFileID()}
	want.Mentions, want.MentionsAll = []chat.UserID{ann, bob}, true
	asked := want
	asked.Sender, asked.Device, asked.Ref, asked.Time, asked.At = bob, "x", "x", nil, noon().Add(time.Hour) // stay as they were
	edit := change(t, p, asked, 0)
	if want.Change = edit.Change; want.Change == 0 {
		t.Error("a change without a number")
	}
	everywhere := func(answered chat.Message) {
		t.Helper()
		wantMessage(t, answered, want)
		for name, read := range map[string]func() ([]chat.Message, error){
			"Since":   func() ([]chat.Message, error) { return p.Since(t.Context(), m.Conv, 0, 9) },
			"Before":  func() ([]chat.Message, error) { return p.Before(t.Context(), m.Conv, 0, 9) },
			"Changed": func() ([]chat.Message, error) { return p.Changed(t.Context(), m.Conv, 0, 9) },
		} {
			page, err := read()
			noError(t, err)
			if len(page) != 1 {
				t.Fatalf("%s shows %d messages, want 1", name, len(page))
			}
			wantMessage(t, page[0], want)
		}
		wantLastChanges(t, p, []chat.ConvID{m.Conv}, want.Change)
	}
	everywhere(edit)

	want.State, want.Body, want.Files, want.Changed = chat.Recalled, []byte("null"), nil, noon().Add(time.Hour)
	want.Mentions, want.MentionsAll = nil, false
	recall := change(t, p, want, edit.Change)
	if want.Change = recall.Change; recall.Change <= edit.Change {
		t.Errorf("change %d after %d", recall.Change, edit.Change)
	}
	everywhere(recall)
}

func changeOrder(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	said := say(t, p, ann, bob, 4)
	conv := said[0].Conv
	wantChanges(t, p, conv, 0, 10)
	wantLastChanges(t, p, []chat.ConvID{conv}, 0)
	was := make(map[uint64]uint64)
	var last uint64
	for _, step := range []struct {
		seq  uint64
		want []uint64 // the order afterwards
	}{
		{3, []uint64{3}}, {1, []uint64{3, 1}}, {4, []uint64{3, 1, 4}}, {1, []uint64{3, 4, 1}}, {1, []uint64{3, 4, 1}},
		{3, []uint64{4, 1, 3}}, {2, []uint64{4, 1, 3, 2}},
	} {
		m := change(t, p, edited(said[step.seq-1], `"again"`), was[step.seq])
		if m.Change <= last {
			t.Fatalf("change %d follows %d", m.Change, last)
		}
		was[step.seq], last = m.Change, m.Change
		wantChanges(t, p, conv, 0, 10, step.want...)
		wantChanges(t, p, conv, last-1, 10, step.seq)
		wantChanges(t, p, conv, last, 10)
		wantLastChanges(t, p, []chat.ConvID{conv}, last)
	}
}

func changePages(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	said := say(t, p, ann, bob, p.scaled(300, 30))
	conv := said[0].Conv
	var want []uint64
	for _, m := range slices.Backward(said) {
		change(t, p, edited(m, `"later"`), 0)
		want = append(want, m.Seq)
	}
	wantChanges(t, p, conv, 0, 0)
	wantChanges(t, p, conv, 0, 1, want[0])
	wantChanges(t, p, conv, 1<<62, 10)
	var after uint64
	for len(want) > 0 {
		page, err := p.Changed(t.Context(), conv, after, 7)
		noError(t, err)
		if len(page) != min(7, len(want)) {
			t.Fatalf("a page of %d, with %d to come", len(page), len(want))
		}
		for _, m := range page {
			if m.Seq != want[0] || string(m.Body) != `"later"` {
				t.Fatalf("%d holds %s where %d belongs", m.Seq, m.Body, want[0])
			}
			want, after = want[1:], m.Change
		}
	}
	wantChanges(t, p, conv, after, 7)
}

func changeRefused(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	m := say(t, p, ann, bob, 1)[0]
	refused := func(what string, m chat.Message, was uint64, code chat.Code) {
		t.Helper()
		_, err := p.ChangeMessage(t.Context(), m, was)
		wantCode(t, what, err, code)
	}
	nowhere := edited(m, `"x"`)
	for _, seq := range []uint64{0, 2, 1 << 62} {
		nowhere.Seq = seq
		refused(fmt.Sprint("number ", seq), nowhere, 0, chat.NotFound)
	}
	nowhere.Seq, nowhere.Conv = 1, chat.DirectConv(ann, ann)
	refused("another conversation", nowhere, 0, chat.NotFound)
	refused("a change that was not", edited(m, `"x"`), 1, chat.Conflict)
	wantMessage(t, readAll(t, p, m.Conv)[0], m)

	now := change(t, p, edited(m, `"now"`), 0)
	refused("a change too late", edited(m, `"x"`), 0, chat.Conflict)
	refused("a change too early", edited(m, `"x"`), now.Change+1, chat.Conflict)
	wantMessage(t, readAll(t, p, m.Conv)[0], now)
	wantChanges(t, p, m.Conv, 0, 10, 1)
	wantLastChanges(t, p, []chat.ConvID{m.Conv}, now.Change)
}

func changeConversations(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	room := chat.RoomID(newUser())
	toRoom := chat.Message{Conv: chat.RoomConv(room), Sender: ann, Room: room, Type: "text", Body: []byte(`"all"`), At: noon()}
	said := []chat.Message{text(ann, bob, "", `1`), text(ann, carl, "", `2`), toRoom, text(ann, ann, "", `3`)}
	var convs []chat.ConvID
	var last []uint64
	for i, r := range send(t, p, said...) {
		said[i].Seq = r.Seq
		convs, last = append(convs, r.Conv), append(last, 0)
	}
	for i, m := range said {
		wantLastChanges(t, p, convs, last...)
		wantChanges(t, p, m.Conv, 0, 10)
		last[i] = change(t, p, edited(m, `"`+string(m.Conv)+`"`), 0).Change
		wantChanges(t, p, m.Conv, 0, 10, 1)
	}
	wantLastChanges(t, p, convs, last...)
	wantLastChanges(t, p, []chat.ConvID{chat.DirectConv(bob, carl), convs[2]}, 0, last[2])
	wantLastChanges(t, p, nil)
	for _, m := range said {
		if got := readAll(t, p, m.Conv); len(got) != 1 || string(got[0].Body) != `"`+string(m.Conv)+`"` {
			t.Errorf("%s holds %+v", m.Conv, got)
		}
	}
}

func changeAppend(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	m := text(ann, bob, "ref", `"first"`)
	first := send(t, p, m, text(bob, ann, "", `2`))[0]
	m.Seq = first.Seq
	recalled := edited(m, "null")
	recalled.State = chat.Recalled
	change(t, p, recalled, 0)
	first.Repeat = true
	wantReceipt(t, send(t, p, m)[0], first)
	if r := send(t, p, text(ann, bob, "", `3`))[0]; r.Seq != 3 {
		t.Errorf("the next number is %d, want 3", r.Seq)
	}
	if got := readAll(t, p, m.Conv); len(got) != 3 || got[0].State != chat.Recalled || got[1].Change != 0 {
		t.Errorf("the conversation is %+v", got)
	}
}

func changeReopen(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	said := say(t, p, ann, bob, 3)
	conv := said[0].Conv
	one := change(t, p, edited(said[0], `"one"`), 0)
	two := change(t, p, edited(said[1], `"two"`), 0)
	p.reopen(t)
	wantChanges(t, p, conv, 0, 10, 1, 2)
	wantLastChanges(t, p, []chat.ConvID{conv}, two.Change)
	one = change(t, p, edited(one, `"one again"`), one.Change)
	if one.Change <= two.Change {
		t.Errorf("after a restart change %d follows %d", one.Change, two.Change)
	}
	p.reopen(t)
	wantChanges(t, p, conv, 0, 10, 2, 1)
	wantMessage(t, readAll(t, p, conv)[0], one)
	wantMessage(t, readAll(t, p, conv)[1], two)
}

func changeRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	m := say(t, p, ann, bob, 1)[0]
	for range p.scaled(30, 5) {
		var won atomic.Int32
		var winner chat.Message
		together(10, func(i int) {
			switch now, err := p.ChangeMessage(t.Context(), edited(m, strconv.Itoa(i)), m.Change); chat.CodeOf(err) {
			case "":
				if won.Add(1); string(now.Body) != strconv.Itoa(i) {
					t.Errorf("%d is answered with the body %s", i, now.Body)
				}
				winner = now
			case chat.Conflict:
			default:
				t.Errorf("ChangeMessage: %v", err)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("%d of ten were told that they changed the message", won.Load())
		}
		wantMessage(t, readAll(t, p, m.Conv)[0], winner)
		m = winner
	}
	wantChanges(t, p, m.Conv, 0, 10, 1)
}

// Many edit their own messages over and over; Bob follows by numbers alone. When they are through he has the last
// version of every message.
func changeReader(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	const writers = 8
	said := say(t, p, ann, bob, writers)
	conv := said[0].Conv
	rounds := p.scaled(40, 8)
	var numbers sync.Map // change -> the body that has it
	var writing atomic.Int32
	writing.Store(writers)
	together(writers+1, func(w int) {
		if w < writers {
			defer writing.Add(-1)
			m := said[w]
			for i := range rounds {
				body := fmt.Sprintf(`"%d %d"`, w, i)
				now, err := p.ChangeMessage(t.Context(), edited(m, body), m.Change)
				if err != nil {
					t.Errorf("ChangeMessage: %v", err)
					return
				}
				if other, known := numbers.LoadOrStore(now.Change, body); known {
					t.Errorf("change %d is %s and %s", now.Change, other, body)
				}
				m = now
			}
			return
		}
		latest := make(map[uint64]string)
		var after uint64
		for over := false; ; {
			page, err := p.Changed(t.Context(), conv, after, 5)
			if err != nil {
				t.Errorf("Changed: %v", err)
				return
			}
			for _, m := range page {
				if m.Change <= after {
					t.Errorf("change %d comes after %d", m.Change, after)
				}
				latest[m.Seq], after = string(m.Body), m.Change
			}
			last, err := p.LastChanges(t.Context(), []chat.ConvID{conv})
			if err != nil || last[0] < after {
				t.Errorf("LastChanges is %v, error %v, though %d was read", last, err, after)
				return
			}
			if over && len(page) == 0 {
				break
			}
			over = writing.Load() == 0
		}
		for w := range writers {
			if want := fmt.Sprintf(`"%d %d"`, w, rounds-1); latest[uint64(w+1)] != want {
				t.Errorf("Bob has %s of message %d, want %s", latest[uint64(w+1)], w+1, want)
			}
		}
	})
}
