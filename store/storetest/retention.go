package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func retentionStories() []story {
	return []story{
		{name: "what is old goes, and numbers go on", tell: retentionGoes},
		{name: "page by page through many conversations", tell: retentionPages},
		{name: "refs, changes and uses of files go too", tell: retentionTakesAll},
		{name: "beside senders and editors nothing is numbered twice", tell: retentionUnderLoad},
	}
}

// expire expires everything older than before, limit messages at once.
func expire(t testing.TB, p *place, before time.Time, limit int) (expired, calls int) {
	t.Helper()
	for from := chat.ConvID(""); ; calls++ {
		n, next, err := p.Expire(t.Context(), before, from, limit)
		noError(t, err)
		if expired += n; next == "" {
			return expired, calls + 1
		}
		if from = next; calls > 10_000 {
			t.Fatalf("Expire does not get on at %s", next)
		}
	}
}

// day is the n-th day of the story.
func day(n int) time.Time { return noon().AddDate(0, 0, n) }

// daily appends one message a day to a conversation.
func daily(t testing.TB, p *place, from, to chat.UserID, first, last int) {
	t.Helper()
	for d := first; d <= last; d++ {
		m := text(from, to, fmt.Sprint("day ", d), fmt.Sprint(d))
		m.At, m.Mentions, m.MentionsAll = day(d), []chat.UserID{to}, true
		send(t, p, m)
	}
}

func wantSeqs(t testing.TB, what string, page []chat.Message, want ...uint64) {
	t.Helper()
	var got []uint64
	for _, m := range page {
		got = append(got, m.Seq)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: numbers %v, want %v", what, got, want)
	}
}

func since(t testing.TB, p *place, conv chat.ConvID, after uint64) []chat.Message {
	t.Helper()
	page, err := p.Since(t.Context(), conv, after, 100)
	noError(t, err)
	return page
}

func retentionGoes(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	daily(t, p, ann, bob, 1, 9)
	if n, _ := expire(t, p, day(1), 100); n != 0 {
		t.Errorf("%d expired that were not older", n)
	}
	if n, _ := expire(t, p, day(4), 100); n != 3 {
		t.Errorf("%d expired, want 3", n)
	}
	wantSeqs(t, "after three days", since(t, p, conv, 0), 4, 5, 6, 7, 8, 9)
	wantSeqs(t, "past what has gone", since(t, p, conv, 2), 4, 5, 6, 7, 8, 9)
	page, err := p.Before(t.Context(), conv, 6, 100)
	noError(t, err)
	wantSeqs(t, "before 6", page, 4, 5)
	page, err = p.Before(t.Context(), conv, 3, 100)
	noError(t, err)
	wantSeqs(t, "before what has gone", page)

	// All of them: the newest stays as a trace, from which numbers go on, also after a restart.
	if n, _ := expire(t, p, day(100), 100); n != 6 {
		t.Errorf("%d expired, want 6", n)
	}
	if n, _ := expire(t, p, day(100), 100); n != 0 {
		t.Errorf("%d expired twice", n)
	}
	p.reopen(t)
	trace := since(t, p, conv, 0)
	wantSeqs(t, "the trace", trace, 9)
	want := text(ann, bob, "day 9", `null`)
	want.Seq, want.At, want.State = 9, day(9), chat.Expired
	wantMessage(t, trace[0], want)
	wantConversations(t, p, ann, conv)
	daily(t, p, ann, bob, 10, 11)
	wantSeqs(t, "after more", since(t, p, conv, 0), 9, 10, 11)
	expire(t, p, day(10), 100) // the trace is no longer needed
	wantSeqs(t, "without the trace", since(t, p, conv, 0), 10, 11)
	last, err := p.Last(t.Context(), []chat.ConvID{conv})
	noError(t, err)
	if last[0] != 11 {
		t.Errorf("the last number is %d, want 11", last[0])
	}
}

func retentionPages(t *testing.T, p *place) {
	ann := newUser()
	var convs []chat.ConvID
	for range 7 {
		to := newUser()
		daily(t, p, to, ann, 1, 5)
		convs = append(convs, chat.DirectConv(ann, to))
	}
	room := chat.RoomID(newUser())
	send(t, p, chat.Message{Conv: chat.RoomConv(room), Sender: ann, Room: room, Type: "text", Body: []byte(`1`), At: day(1)})
	for round, limit := range []int{1, 2, 1000} {
		n, calls := expire(t, p, day(2+round), limit)
		want := 7
		if round == 0 {
			want++ // the room's
		}
		if n != want || calls < want/limit {
			t.Errorf("%d expired in %d calls of %d, want %d", n, calls, limit, want)
		}
		for _, conv := range convs {
			if page := since(t, p, conv, 0); page[0].Seq != uint64(2+round) || len(page) != 4-round {
				t.Errorf("%s begins with %s and has %d messages", conv, page[0].ID(), len(page))
			}
		}
	}
}

func retentionTakesAll(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	file := chat.NewFileID()
	first := text(ann, bob, "first", `"1"`)
	first.At, first.Files = day(1), []chat.FileID{file}
	send(t, p, first)
	daily(t, p, ann, bob, 2, 6)
	for i, seq := range []uint64{1, 3, 2, 3} { // 3 is the one changed last
		m := since(t, p, conv, seq-1)[0]
		was := m.Change
		m.State, m.Body, m.Changed = chat.Edited, fmt.Append(nil, "\"edit ", i, "\""), day(7)
		_, err := p.ChangeMessage(t.Context(), m, was)
		noError(t, err)
	}
	lastChange, err := p.LastChanges(t.Context(), []chat.ConvID{conv})
	noError(t, err)
	if n, _ := expire(t, p, day(5), 100); n != 4 {
		t.Errorf("%d expired, want 4", n)
	}
	left := since(t, p, conv, 0)
	wantSeqs(t, "the one changed last stays", left, 3, 5, 6)
	if m := left[0]; m.State != chat.Expired || string(m.Body) != `null` || m.Change != lastChange[0] {
		t.Errorf("the trace is %+v", m)
	}
	changed, err := p.Changed(t.Context(), conv, 0, 10)
	noError(t, err)
	wantSeqs(t, "changed", changed, 3)
	if used, err := p.FileUsed(t.Context(), file); err != nil || used {
		t.Errorf("the file is used: %v, %v", used, err)
	}
	// The ref is free again; that of the trace is not.
	again := text(ann, bob, "first", `"again"`)
	again.At = day(8)
	trace := text(ann, bob, "day 3", `"again"`)
	receipts := send(t, p, again, trace)
	wantReceipt(t, receipts[0], chat.Receipt{Conv: conv, Seq: 7, At: day(8)})
	wantReceipt(t, receipts[1], chat.Receipt{Conv: conv, Seq: 3, At: day(3), Repeat: true})
	// The next change is numbered above the trace's, which is then no longer needed.
	edited, err := p.ChangeMessage(t.Context(), chat.Message{Conv: conv, Seq: 7, State: chat.Edited, Body: []byte(`1`), Changed: day(8)}, 0)
	noError(t, err)
	if edited.Change <= lastChange[0] {
		t.Errorf("change %d follows %d", edited.Change, lastChange[0])
	}
	expire(t, p, day(5), 100)
	wantSeqs(t, "without the trace", since(t, p, conv, 0), 5, 6, 7)
}

func retentionUnderLoad(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	n := p.scaled(2000, 60)
	ctx, stop := context.WithCancel(t.Context())
	var changes []uint64
	together(3, func(i int) {
		switch i {
		case 0:
			defer stop()
			for want := uint64(1); want <= uint64(n); want++ {
				m := text(ann, bob, "", `"old"`)
				receipts, err := p.Append(t.Context(), []chat.Message{m})
				if err != nil || receipts[0].Seq != want {
					t.Errorf("Append gave %+v, %v, want number %d", receipts, err, want)
					return
				}
			}
		case 1:
			for ctx.Err() == nil {
				if _, _, err := p.Expire(t.Context(), day(1), "", 50); err != nil {
					t.Errorf("Expire: %v", err)
					return
				}
			}
		default:
			for ctx.Err() == nil {
				page, err := p.Before(t.Context(), conv, 0, 3)
				if err != nil || len(page) == 0 {
					continue
				}
				m := page[0]
				m.State, m.Body, m.Changed = chat.Edited, []byte(`"edited"`), noon()
				switch m, err := p.ChangeMessage(t.Context(), m, m.Change); chat.CodeOf(err) {
				case "":
					changes = append(changes, m.Change)
				case chat.Conflict, chat.NotFound: // it has gone
				default:
					t.Errorf("ChangeMessage: %v", err)
					return
				}
			}
		}
	})
	for i := 1; i < len(changes); i++ {
		if changes[i] <= changes[i-1] {
			t.Fatalf("change %d follows %d", changes[i], changes[i-1])
		}
	}
	expire(t, p, day(1), 50)
	if left := since(t, p, conv, 0); len(left) == 0 || len(left) > 2 || left[len(left)-1].Seq != uint64(n) {
		t.Errorf("left are %+v", left)
	}
}
