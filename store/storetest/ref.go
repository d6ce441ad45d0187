package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// A ref is the sender's own name for a message. What comes twice under one ref is stored once.
func refStories() []story {
	return []story{
		{name: "a repeat gets the first receipt", tell: refRepeat},
		{name: "a repeat within a batch takes no number", tell: refBatch},
		{name: "a ref belongs to one sender", tell: refSenders},
		{name: "refs are compared to the letter", tell: refLetters},
		{name: "fifty repeat at once", tell: refRace},
	}
}

func refRepeat(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	first := send(t, p, text(ann, bob, "r1", `"first"`))[0]
	wantReceipt(t, first, chat.Receipt{Conv: chat.DirectConv(ann, bob), Seq: 1, At: noon()})
	send(t, p, text(bob, ann, "", `"between"`))

	again := text(ann, bob, "r1", `"another body"`)
	again.At = noon().Add(time.Hour)
	elsewhere := text(ann, carl, "r1", `"another conversation"`)
	elsewhere.At = noon().Add(2 * time.Hour)
	first.Repeat = true
	wantReceipt(t, send(t, p, again)[0], first)
	wantReceipt(t, send(t, p, elsewhere)[0], first)

	all := readAll(t, p, first.Conv)
	if len(all) != 2 || string(all[0].Body) != `"first"` {
		t.Errorf("stored %+v", all)
	}
	wantConversations(t, p, carl) // nothing was stored for her
	if r := send(t, p, text(ann, bob, "r2", `"third"`))[0]; r.Seq != 3 || r.Repeat {
		t.Errorf("the next message got %+v, want number 3", r)
	}
}

func refBatch(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	send(t, p, text(ann, bob, "old", `0`))
	later := text(ann, carl, "new", `"elsewhere"`)
	later.At = noon().Add(time.Second)
	receipts := send(t, p,
		text(ann, bob, "new", `1`), // 2
		text(ann, bob, "old", `2`), // 1 again
		text(ann, bob, "", `3`),    // 3
		text(ann, bob, "new", `4`), // 2 again
		later,                      // 2 again, of the other conversation
		text(ann, bob, "", `3`),    // 4: no ref, no repeat
		text(ann, bob, "end", `6`), // 5
	)
	ab := chat.DirectConv(ann, bob)
	for i, want := range []chat.Receipt{
		{Conv: ab, Seq: 2}, {Conv: ab, Seq: 1, Repeat: true}, {Conv: ab, Seq: 3}, {Conv: ab, Seq: 2, Repeat: true},
		{Conv: ab, Seq: 2, Repeat: true}, {Conv: ab, Seq: 4}, {Conv: ab, Seq: 5},
	} {
		want.At = noon()
		wantReceipt(t, receipts[i], want)
	}
	var bodies string
	for _, m := range readAll(t, p, ab) {
		bodies += string(m.Body)
	}
	if bodies != "01336" {
		t.Errorf("stored %s, want 01336", bodies)
	}
	wantConversations(t, p, carl)
}

func refSenders(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	for i, r := range send(t, p, text(ann, bob, "same", `1`), text(bob, ann, "same", `2`)) {
		if r.Repeat || r.Seq != uint64(i+1) {
			t.Errorf("receipt %d is %+v: the ref was taken for another sender's", i, r)
		}
	}
}

func refLetters(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	var batch []chat.Message
	for _, name := range hostileNames() {
		batch = append(batch, text(ann, bob, name, `"x"`))
	}
	long := strings.Repeat("x", chat.MaxRef)
	batch = append(batch, text(ann, bob, long, `"x"`), text(ann, bob, long[1:], `"x"`))
	for round := range 2 {
		for i, r := range send(t, p, batch...) {
			want := chat.Receipt{Conv: batch[i].Conv, Seq: uint64(i + 1), At: noon(), Repeat: round == 1}
			wantReceipt(t, r, want)
		}
	}
	for i, m := range readAll(t, p, batch[0].Conv) {
		if m.Ref != batch[i].Ref {
			t.Errorf("ref %q came back as %q", batch[i].Ref, m.Ref)
		}
	}
}

func refRace(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	const runners, refs = 50, 10
	var told [runners][]chat.Receipt
	together(runners, func(i int) {
		var batch []chat.Message
		for ref := range refs { // each runner begins with another ref
			ref = (ref + i) % refs
			m := text(ann, bob, fmt.Sprint(ref), fmt.Sprint(ref))
			m.At = noon().Add(time.Duration(i) * time.Minute)
			batch = append(batch, m)
		}
		var err error
		if told[i], err = p.Append(t.Context(), batch); err != nil || len(told[i]) != refs {
			t.Errorf("%d receipts, error %v", len(told[i]), err)
		}
	})
	all := readAll(t, p, chat.DirectConv(ann, bob))
	if len(all) != refs {
		t.Fatalf("%d messages stored, want %d", len(all), refs)
	}
	var firsts [refs]int
	for i, receipts := range told {
		for j, r := range receipts {
			ref := (i + j) % refs
			if r.Seq == 0 || r.Seq > refs || all[r.Seq-1].Ref != fmt.Sprint(ref) || !all[r.Seq-1].At.Equal(r.At) {
				t.Errorf("ref %d was answered with %+v", ref, r)
			}
			if !r.Repeat {
				firsts[ref]++
			}
		}
	}
	for ref, n := range firsts {
		if n != 1 {
			t.Errorf("ref %d was new %d times", ref, n)
		}
	}
}
