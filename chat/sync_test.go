package chat_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

// desk is the rules of syncing over an engine, and what stories tell it.
type desk struct {
	*chat.Syncs
	t       testing.TB
	engine  *embedded.Store
	minutes int // since noon
}

func openDesk(t testing.TB, engine *embedded.Store) *desk {
	return &desk{Syncs: chat.NewSyncs(engine, chat.NewCursors(engine, quiet())), t: t, engine: engine}
}

// write appends texts, each a minute after the one before.
func (d *desk) write(from, to chat.UserID, bodies ...string) chat.ConvID {
	d.t.Helper()
	var batch []chat.Message
	for _, body := range bodies {
		d.minutes++
		batch = append(batch, chat.Message{
			Conv: chat.DirectConv(from, to), Sender: from, To: to, Type: "text", Body: []byte(body), At: noon().Add(time.Duration(d.minutes) * time.Minute),
		})
	}
	if _, err := d.engine.Append(d.t.Context(), batch); err != nil {
		d.t.Fatal(err)
	}
	return chat.DirectConv(from, to)
}

// mark stores marks, as chat.Cursors do.
func (d *desk) mark(user chat.UserID, conv chat.ConvID, to chat.Marks) {
	d.t.Helper()
	c := chat.NewCursors(d.engine, quiet())
	c.Advance(user, "phone", seqs{conv: to.Received}, seqs{conv: to.Read})
	ctx, cancel := context.WithCancel(d.t.Context())
	cancel()
	c.Run(ctx) // the end writes what waits
}

func (d *desk) ask(user chat.UserID, r chat.Sync) chat.Synced {
	d.t.Helper()
	answer, err := d.Answer(d.t.Context(), user, r)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer
}

func bodies(messages []chat.Message) (all []string) {
	for _, m := range messages {
		all = append(all, string(m.Body))
	}
	return all
}

func TestAnnComesBack(t *testing.T) {
	d := openDesk(t, newEngine(t))
	ann, bob, carl, dora := person(1), person(2), person(3), person(4)
	notes := d.write(ann, ann, `"milk"`)
	withCarl := d.write(carl, ann, `"a"`, `"b"`, `"c"`)
	withBob := d.write(bob, ann, `1`, `2`, `3`)
	d.write(ann, bob, `4`)
	d.write(bob, ann, `5`, `6`)
	d.write(bob, carl, `"not hers"`)
	d.mark(bob, withBob, chat.Marks{Received: 5, Read: 4})
	d.mark(ann, withCarl, chat.Marks{Received: 2, Read: 1})
	for seq, was := range map[uint64]string{1: "edited", 2: "again"} {
		m := chat.Message{Conv: withCarl, Seq: seq, State: chat.Edited, Body: []byte(`"` + was + `"`), Type: "text", Changed: noon()}
		if _, err := d.engine.ChangeMessage(t.Context(), m, 0); err != nil {
			t.Fatal(err)
		}
	}

	answer := d.ask(ann, chat.Sync{
		Cursors: seqs{withBob: 4, withCarl: 3, notes: 1, chat.DirectConv(bob, carl): 0, chat.DirectConv(ann, dora): 7},
		Changes: seqs{withCarl: 1},
	})
	if !answer.Next.IsZero() || len(answer.Convs) != 3 {
		t.Fatalf("%d conversations, next %v", len(answer.Convs), answer.Next)
	}
	for i, want := range []struct {
		conv       chat.ConvID
		with       chat.UserID
		last       uint64
		mine, peer chat.Marks
		unread     int
		change     uint64
		missed     []string
	}{
		// Two of Bob's came after what she wrote, and before that she has read all, though no mark says so yet.
		{withBob, bob, 6, chat.Marks{}, chat.Marks{Received: 5, Read: 4}, 2, 0, []string{"5", "6"}},
		{withCarl, carl, 3, chat.Marks{Received: 2, Read: 1}, chat.Marks{}, 2, 2, nil},
		{notes, ann, 1, chat.Marks{}, chat.Marks{}, 0, 0, nil},
	} {
		c := answer.Convs[i]
		if c.Conv != want.conv || c.With != want.with || c.Newest.Seq != want.last || c.Mine != want.mine || c.Peer != want.peer ||
			c.Unread != want.unread || c.Change != want.change || !slices.Equal(bodies(c.Missed), want.missed) || c.More || c.MoreChanges {
			t.Errorf("conversation %d is %+v, want %+v", i, c, want)
		}
	}
	if len(answer.Changed) != 1 || answer.Changed[0].Change != 2 {
		t.Errorf("changed is %+v", answer.Changed)
	}
	// Who names none gets none; who names only a cursor gets all changes of that conversation.
	if answer = d.ask(ann, chat.Sync{}); len(answer.Changed) != 0 || answer.Convs[0].Missed != nil {
		t.Errorf("unasked: %+v", answer)
	}
	if answer = d.ask(ann, chat.Sync{Cursors: seqs{withCarl: 0}}); len(answer.Changed) != 2 || len(answer.Convs[1].Missed) != 3 {
		t.Errorf("from the beginning: %+v", answer)
	}
	if answer = d.ask(dora, chat.Sync{Cursors: seqs{withBob: 0}}); len(answer.Convs) != 0 || len(answer.Changed) != 0 {
		t.Errorf("Dora, who talks with nobody: %+v", answer)
	}
}

func TestSyncIsPaged(t *testing.T) {
	d := openDesk(t, newEngine(t))
	ann := person(0)
	const n = 330
	var want []chat.ConvID
	for i := range n {
		if i%3 == 0 { // three at a time have the same moment
			d.minutes++
		}
		d.minutes--
		want = append(want, d.write(person(i+1), ann, `"hi"`))
	}
	for _, limit := range []int{0, 1, 7, chat.MaxPage} {
		seen := make(map[chat.ConvID]bool)
		last := noon().Add(n * time.Minute)
		pages := 0
		for after := (chat.Place{}); ; pages++ {
			answer := d.ask(ann, chat.Sync{Limit: limit, After: after})
			for _, c := range answer.Convs {
				if c.Newest.At.After(last) || seen[c.Conv] {
					t.Fatalf("limit %d: %v at %v comes behind %v, or twice", limit, c.Conv, c.Newest.At, last)
				}
				last, seen[c.Conv] = c.Newest.At, true
			}
			if answer.Next.IsZero() {
				break
			}
			if limit == 0 {
				limit = 100
			}
			if len(answer.Convs) != limit {
				t.Fatalf("%d conversations on a page of %d", len(answer.Convs), limit)
			}
			// What goes over the wire is what comes back.
			var err error
			if after, err = chat.ParsePlace(answer.Next.String()); err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != len(want) {
			t.Errorf("limit %d: %d conversations on %d pages, want %d", limit, len(seen), pages+1, len(want))
		}
	}
}

func repeated(body string, n int) []string { return slices.Repeat([]string{body}, n) }

// However much she has missed, an answer has its bounds, and says what is left.
func TestSyncIsBounded(t *testing.T) {
	d := openDesk(t, newEngine(t))
	ann, bob, carl, dora := person(1), person(2), person(3), person(4)
	long := `"` + strings.Repeat("x", 200<<10) + `"`
	withDora := d.write(dora, ann, repeated(`"old"`, 10)...)
	withCarl := d.write(carl, ann, append(repeated(`"old"`, 250), `"new"`)...)
	withBob := d.write(bob, ann, append(repeated(long, 5), `"new"`)...)
	for seq := range uint64(20) {
		m := chat.Message{Conv: withCarl, Seq: seq + 1, State: chat.Edited, Body: []byte(`"edited"`), Type: "text", Changed: noon()}
		if _, err := d.engine.ChangeMessage(t.Context(), m, 0); err != nil {
			t.Fatal(err)
		}
	}
	all := seqs{withBob: 0, withCarl: 0, withDora: 0}
	check := func(what string, got chat.Synced, missed, unread []int, more []bool, changed int, moreChanges bool) {
		t.Helper()
		for i, c := range got.Convs {
			if len(c.Missed) != missed[i] || c.Unread != unread[i] || c.More != more[i] {
				t.Errorf("%s: conversation %d has %d missed, more %v, %d unread", what, i, len(c.Missed), c.More, c.Unread)
			}
		}
		if len(got.Changed) != changed || got.Convs[1].MoreChanges != moreChanges {
			t.Errorf("%s: %d changed, more %v", what, len(got.Changed), got.Convs[1].MoreChanges)
		}
	}
	// Two of Bob's fill the half of a megabyte: nothing is left for the others.
	check("long messages", d.ask(ann, chat.Sync{Cursors: all}), []int{2, 0, 0}, []int{6, 100, 10}, []bool{true, true, true}, 0, true)
	// Carl's fill the 200.
	check("many messages", d.ask(ann, chat.Sync{Cursors: seqs{withBob: 5, withCarl: 40, withDora: 0}}),
		[]int{1, 199, 0}, []int{6, 100, 10}, []bool{false, true, true}, 0, true)
	check("changes too", d.ask(ann, chat.Sync{Cursors: seqs{withBob: 6, withCarl: 62, withDora: 0}}),
		[]int{0, 189, 0}, []int{6, 100, 10}, []bool{false, false, true}, 11, true)
	d.mark(ann, withCarl, chat.Marks{Read: 251 - 99})
	check("no bound met", d.ask(ann, chat.Sync{Cursors: seqs{withBob: 6, withDora: 3}, Changes: seqs{withCarl: 5}}),
		[]int{0, 0, 7}, []int{6, 99, 10}, []bool{false, false, false}, 15, false)

	// Newest messages that are long themselves make more pages, of one conversation at least.
	d.write(carl, ann, long)
	d.write(bob, ann, long)
	pages := 0
	for after, seen := (chat.Place{}), 0; seen < 3; pages++ {
		answer := d.ask(ann, chat.Sync{After: after})
		if len(answer.Convs) == 0 || answer.Next.IsZero() != (seen+len(answer.Convs) == 3) {
			t.Fatalf("page %d has %d conversations, next %v", pages, len(answer.Convs), answer.Next)
		}
		seen, after = seen+len(answer.Convs), answer.Next
	}
	if pages != 2 {
		t.Errorf("%d pages, want 2", pages)
	}
	// Counting reads a megabyte of a conversation; past that the numbers tell.
	d.write(bob, ann, repeated(long, 10)...)
	if c := d.ask(ann, chat.Sync{}).Convs[0]; c.Unread != 17 {
		t.Errorf("%d unread, want 17", c.Unread)
	}
}

func TestSyncIsRefused(t *testing.T) {
	d := openDesk(t, newEngine(t))
	many := make(seqs)
	for i := range 2001 {
		many[chat.DirectConv(person(0), person(i))] = 1
	}
	for _, wrong := range []chat.Sync{{Limit: -1}, {Limit: chat.MaxPage + 1}, {Cursors: many}, {Changes: many}} {
		_, err := d.Answer(t.Context(), person(0), wrong)
		wantCode(t, fmt.Sprint("limit ", wrong.Limit), err, chat.Invalid)
	}
}

// While Bob writes and reads, and Ann too, no answer shows a mark past the last message, unordered, or behind what was
// shown before.
func TestSyncUnderLoad(t *testing.T) {
	engine := newEngine(t)
	ann, bob := person(1), person(2)
	conv := chat.DirectConv(ann, bob)
	cursors := chat.NewCursors(engine, quiet())
	stop := run(cursors)
	defer stop()
	receipts := &chat.Receipts{Messages: engine, Cursors: cursors}
	syncs := chat.NewSyncs(engine, cursors)
	const n = 300
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan struct{}, 1)
	var talk sync.WaitGroup
	defer talk.Wait()
	defer cancel()
	talk.Go(func() {
		for i := range n {
			if i%20 == 10 { // never are all messages there before Ann asks
				select {
				case <-answered:
				case <-ctx.Done():
					return
				}
			}
			m := chat.Message{Conv: conv, Sender: bob, To: ann, Type: "text", Body: []byte(fmt.Sprint(i)), At: noon()}
			placed, err := engine.Append(t.Context(), []chat.Message{m})
			if err != nil {
				t.Error(err)
				return
			}
			for _, user := range []chat.UserID{ann, bob} {
				to := chat.Marks{Received: placed[0].Seq, Read: placed[0].Seq - min(placed[0].Seq, uint64(i%3))}
				if err := receipts.Mark(t.Context(), chat.Member{User: user, Conv: conv}, to, 0, nil); err != nil {
					t.Error(err)
				}
			}
		}
	})
	done := make(chan struct{})
	go func() {
		talk.Wait()
		close(done)
	}()
	var former chat.ConvState
	for over := false; ; {
		answer, err := syncs.Answer(t.Context(), ann, chat.Sync{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range answer.Convs {
			for _, m := range []chat.Marks{c.Mine, c.Peer} {
				if m.Read > m.Received || m.Received > c.Newest.Seq {
					t.Fatalf("marks %+v of %d messages", m, c.Newest.Seq)
				}
			}
			if c.Newest.Seq < former.Newest.Seq || c.Mine.Read < former.Mine.Read || c.Peer.Received < former.Peer.Received {
				t.Fatalf("%+v after %+v", c, former)
			}
			if c.Unread != int(min(c.Newest.Seq-c.Mine.Read, 100)) {
				t.Fatalf("%d unread of %d, read %d", c.Unread, c.Newest.Seq, c.Mine.Read)
			}
			former = c
		}
		if over {
			break
		}
		select {
		case answered <- struct{}{}:
		default:
		}
		select {
		case <-done:
			over = true
		default:
		}
	}
	if former.Newest.Seq != n {
		t.Errorf("in the end there are %d messages, want %d", former.Newest.Seq, n)
	}
}

// BenchmarkSync asks for the 500 conversations of a user as a device does that was away: five messages of each are
// missing, ten are unread.
func BenchmarkSync(b *testing.B) {
	for _, history := range []int{20, 200} {
		b.Run(fmt.Sprintf("messages=%d", history), func(b *testing.B) {
			engine, err := embedded.Open(b.Context(), b.TempDir(), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer engine.Close()
			d := openDesk(b, engine)
			ann := person(0)
			cursors := make(seqs)
			for i := range 500 {
				conv := d.write(person(i+1), ann, repeated(`"`+strings.Repeat("x", 98)+`"`, history)...)
				cursors[conv] = uint64(history - 5)
				d.mark(ann, conv, chat.Marks{Received: uint64(history - 5), Read: uint64(history - 10)})
			}
			ask := func(r chat.Sync) (convs, messages int) {
				for {
					answer, err := d.Answer(b.Context(), ann, r)
					if err != nil {
						b.Fatal(err)
					}
					convs += len(answer.Convs)
					for _, c := range answer.Convs {
						messages += len(c.Missed)
					}
					if r.After = answer.Next; r.After.IsZero() {
						return convs, messages
					}
				}
			}
			for name, r := range map[string]chat.Sync{
				"nothing missed, pages of 100": {},
				"5 missed each, pages of 200":  {Cursors: maps.Clone(cursors), Limit: chat.MaxPage},
			} {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if convs, messages := ask(r); convs != 500 || messages > 0 != (r.Cursors != nil) {
							b.Fatalf("%d conversations, %d messages", convs, messages)
						}
					}
				})
			}
		})
	}
}
