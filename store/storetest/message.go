package storetest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func messageStories() []story {
	return []story{
		{name: "each conversation counts from one", tell: messageNumbers},
		{name: "every field comes back", tell: messageRoundTrip},
		{name: "a full batch and the largest body", tell: messageLarge},
		{name: "a hundred writers in one conversation", tell: messageWriters},
		{name: "a reader never sees a gap", tell: messageReader},
		{name: "a cancelled context loses nothing", tell: messageCancelled},
		{name: "messages outlast a restart", tell: messageReopen},
	}
}

// text is a message of a direct conversation.
func text(from, to chat.UserID, ref, body string) chat.Message {
	return chat.Message{
		Conv: chat.DirectConv(from, to), Sender: from, To: to, Ref: ref, Type: "text", Body: []byte(body), At: noon(),
	}
}

// send appends messages that must be stored, and returns their receipts.
func send(t testing.TB, p *place, batch ...chat.Message) []chat.Receipt {
	t.Helper()
	receipts, err := p.Append(t.Context(), batch)
	noError(t, err)
	if len(receipts) != len(batch) {
		t.Fatalf("%d receipts for %d messages", len(receipts), len(batch))
	}
	return receipts
}

func wantReceipt(t testing.TB, got, want chat.Receipt) {
	t.Helper()
	if got.Conv != want.Conv || got.Seq != want.Seq || !got.At.Equal(want.At) || got.Repeat != want.Repeat {
		t.Errorf("receipt\ngot  %+v\nwant %+v", got, want)
	}
}

func wantMessage(t testing.TB, got, want chat.Message) {
	t.Helper()
	if !got.At.Equal(want.At) || !got.Changed.Equal(want.Changed) {
		t.Errorf("%s is of %v and changed %v, want %v and %v", want.ID(), got.At, got.Changed, want.At, want.Changed)
	}
	got.At, got.Changed = want.At, want.Changed
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\ngot  %+v\nwant %+v", got, want)
	}
}

// readAll returns a whole conversation and checks its numbers.
func readAll(t testing.TB, p *place, conv chat.ConvID) []chat.Message {
	t.Helper()
	var all []chat.Message
	for {
		page, err := p.Since(t.Context(), conv, uint64(len(all)), 1000)
		noError(t, err)
		if len(page) == 0 {
			return all
		}
		for _, m := range page {
			if all = append(all, m); m.Seq != uint64(len(all)) || m.Conv != conv {
				t.Fatalf("found %s where %s/%d belongs", m.ID(), conv, len(all))
			}
		}
	}
}

func messageNumbers(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	room := chat.RoomID(newUser())
	toRoom := chat.Message{Conv: chat.RoomConv(room), Sender: ann, Room: room, Type: "text", Body: []byte(`"all"`), At: noon()}
	note := text(ann, ann, "", `"to herself"`)
	batch := []chat.Message{
		text(ann, bob, "", `1`), text(ann, carl, "", `2`), text(bob, ann, "", `3`), toRoom, note,
		text(ann, bob, "", `4`), toRoom,
	}
	for i := range batch {
		batch[i].Seq = 99 // what the caller has there means nothing
		batch[i].At = noon().Add(time.Duration(i) * time.Millisecond)
	}
	want := []uint64{1, 1, 2, 1, 1, 3, 2}
	for round := range 3 {
		receipts := send(t, p, batch...)
		for i, r := range receipts {
			wantReceipt(t, r, chat.Receipt{Conv: batch[i].Conv, Seq: want[i], At: batch[i].At})
		}
		for i, m := range batch { // the next round goes on where this one ended
			want[i] += map[chat.ConvID]uint64{batch[0].Conv: 3, batch[1].Conv: 1, toRoom.Conv: 2, note.Conv: 1}[m.Conv]
		}
		if got := readAll(t, p, batch[0].Conv); len(got) != 3*(round+1) {
			t.Errorf("%d messages after round %d", len(got), round)
		}
	}
	receipts, err := p.Append(t.Context(), nil)
	noError(t, err)
	if len(receipts) != 0 {
		t.Errorf("%d receipts for nothing", len(receipts))
	}
}

func messageRoundTrip(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	room := chat.RoomID(newUser())
	plain := text(ann, bob, "", `"plain"`)
	full := text(bob, ann, "ref-1", `{"a":[1,2,null],"b":"好"}`)
	full.Device, full.Type, full.Time = "laptop", "画像/png", []byte(`"2026-03-04 12:00"`)
	full.Files = []chat.FileID{chat.NewFileID(), chat.NewFileID()}
	number := text(ann, bob, "", `0`)
	number.Time = []byte(`1772625600000`)
	odd := text(ann, bob, "", "\x00\xff\xfe not even UTF-8 \u2028")
	odd.Time, odd.Type = []byte{0, 0xff}, "$type.\x00"
	self := text(ann, ann, "", `"note to herself"`)
	toRoom := chat.Message{
		Conv: chat.RoomConv(room), Sender: bob, Room: room, Ref: "r", Type: "text", Body: []byte(`" all "`), At: noon(),
	}
	called := toRoom
	called.Ref, called.Mentions = "called", []chat.UserID{ann, bob}
	all := toRoom
	all.Ref, all.MentionsAll = "all", true
	both := called
	both.Ref, both.MentionsAll, both.Files = "both", true, []chat.FileID{chat.NewFileID()}
	sent := []chat.Message{plain, full, number, odd, self, toRoom, called, all, both}
	for _, name := range hostileNames() {
		m := text(bob, bob, name, `"`+name+`"`)
		m.Device, m.Type = chat.DeviceID(name), name
		sent = append(sent, m)
	}
	for i := range sent {
		sent[i].At = noon().Add(time.Duration(i) * 1001 * time.Millisecond)
	}
	for i, r := range send(t, p, sent...) {
		want := sent[i]
		want.Seq = r.Seq
		page, err := p.Since(t.Context(), r.Conv, r.Seq-1, 1)
		noError(t, err)
		if len(page) != 1 {
			t.Errorf("%s: found %d messages, want it alone", want.ID(), len(page))
			continue
		}
		wantMessage(t, page[0], want)
	}
}

func messageLarge(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	large := text(ann, bob, "large", `"`+strings.Repeat("宽", chat.MaxBody/len("宽")-1)+`"`)
	batch := []chat.Message{large}
	for i := range p.scaled(2047, 99) {
		batch = append(batch, text(ann, bob, fmt.Sprint("small ", i), fmt.Sprint(i)))
	}
	send(t, p, batch...)
	got := readAll(t, p, large.Conv)
	if len(got) != len(batch) {
		t.Fatalf("%d messages, want %d", len(got), len(batch))
	}
	for i, m := range got {
		if !bytes.Equal(m.Body, batch[i].Body) {
			t.Errorf("message %d holds %.40q, want %.40q", m.Seq, m.Body, batch[i].Body)
		}
	}
}

func messageWriters(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	const writers = 100
	each := p.scaled(30, 6)
	seqs := make([][]uint64, writers) // the numbers that each writer was told
	together(writers, func(w int) {
		for i := 0; i < each; {
			var batch []chat.Message
			for range min(1+(w+i)%3, each-i) { // batches of one, two and three
				batch = append(batch, text(ann, bob, fmt.Sprint(w, " ", i), fmt.Sprintf(`"%d %d"`, w, i)))
				i++
			}
			receipts, err := p.Append(t.Context(), batch)
			if err != nil {
				t.Errorf("writer %d: %v", w, err)
				return
			}
			for _, r := range receipts {
				seqs[w] = append(seqs[w], r.Seq)
			}
		}
	})
	all := readAll(t, p, conv) // 1, 2, 3, … without gap
	if len(all) != writers*each {
		t.Errorf("%d messages, want %d", len(all), writers*each)
	}
	for w, told := range seqs {
		if !slices.IsSorted(told) {
			t.Errorf("writer %d: order lost: %v", w, told)
		}
		for i, seq := range told {
			if want := fmt.Sprintf(`"%d %d"`, w, i); seq == 0 || seq > uint64(len(all)) || string(all[seq-1].Body) != want {
				t.Errorf("number %d was promised to %s", seq, want)
			}
		}
	}
}

func messageReader(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	rounds := p.scaled(300, 30)
	var told atomic.Uint64 // the highest number that Append has answered
	var done atomic.Bool
	together(3, func(i int) {
		if i == 0 {
			defer done.Store(true)
			for range rounds {
				receipts, err := p.Append(t.Context(), []chat.Message{text(ann, bob, "", `1`), text(bob, ann, "", `2`)})
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				told.Store(receipts[1].Seq)
			}
			return
		}
		for after := uint64(0); !done.Load(); {
			promised := told.Load()
			page, err := p.Since(t.Context(), conv, after, 10)
			if err != nil {
				t.Errorf("Since: %v", err)
				return
			}
			for _, m := range page {
				if after++; m.Seq != after {
					t.Errorf("found %d where %d belongs", m.Seq, after)
					return
				}
			}
			last, err := p.Last(t.Context(), []chat.ConvID{conv})
			if err != nil || last[0] < promised || last[0] < after {
				t.Errorf("Last is %v, error %v, though %d was answered and %d read", last, err, promised, after)
				return
			}
		}
	})
}

func messageCancelled(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	send(t, p, text(ann, bob, "before", `0`))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	batch := []chat.Message{text(ann, bob, "1", `1`), text(ann, bob, "2", `2`), text(ann, bob, "3", `3`)}
	certain, err := p.Append(gone, batch)
	if err != nil {
		wantCode(t, "Append", err, chat.Unavailable)
	} else if len(certain) != len(batch) {
		t.Errorf("%d receipts and no error", len(certain))
	}
	receipts := send(t, p, batch...)
	for i, r := range receipts {
		wantReceipt(t, r, chat.Receipt{Conv: batch[i].Conv, Seq: uint64(i + 2), At: noon(), Repeat: r.Repeat})
		if i < len(certain) && (!r.Repeat || certain[i].Seq != r.Seq) {
			t.Errorf("%+v was certain, then %+v", certain[i], r)
		}
	}
	if got := readAll(t, p, batch[0].Conv); len(got) != 4 {
		t.Errorf("%d messages, want 4", len(got))
	}
}

func messageReopen(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	m := text(ann, bob, "kept", `"kept"`)
	first := send(t, p, m, text(bob, ann, "", `"2"`))[0]
	for seq := uint64(3); seq < 6; seq++ {
		p.reopen(t)
		if r := send(t, p, text(ann, bob, "", `"more"`))[0]; r.Seq != seq {
			t.Errorf("after a restart the next number is %d, want %d", r.Seq, seq)
		}
		first.Repeat = true
		wantReceipt(t, send(t, p, m)[0], first)
	}
	want := m
	want.Seq = 1
	wantMessage(t, readAll(t, p, m.Conv)[0], want)
	wantConversations(t, p, bob, m.Conv)
}
