package realtime_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// receipt is the event as a client sees it.
type receipt struct {
	Conv, User     string
	Received, Read uint64
}

// hearReceipt waits for the receipt that says this; others may come before it, none may go back.
func (p *person) hearReceipt(want receipt) {
	p.t.Helper()
	var former receipt
	for {
		var r receipt
		p.hear("receipt", &r)
		if r.Conv != want.Conv || r.User != want.User {
			p.t.Fatalf("%s heard %+v, waiting for %+v", p.name, r, want)
		}
		if r.Read > r.Received || r.Received < former.Received || r.Read < former.Read {
			p.t.Fatalf("%s heard %+v after %+v", p.name, r, former)
		}
		if former = r; r == want {
			return
		}
	}
}

// Bob's client knows nothing of receipts. Ann sees what has reached it, and that he has read what he answers.
func TestClientsThatKnowNoReceiptsGiveThem(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "laptop")
	conv := convOf(ann, bob)
	for range 3 {
		a.say(bob, "在吗")
		b.hearMessage("newMessage")
	}
	h.proven(b, "laptop", conv, 3)
	a.hearReceipt(receipt{conv, string(bob.id), 3, 0})
	b.say(ann, "在")
	h.proven(b, "laptop", conv, 4)
	a.hearReceipt(receipt{conv, string(bob.id), 4, 4})
	b.hearReceipt(receipt{conv, string(ann.id), 3, 3}) // she wrote them
}

func TestBobReadsOnOneOfHisDevices(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, laptop, phone := h.join(ann, "phone"), h.join(bob, "laptop"), h.join(bob, "phone")
	conv := convOf(ann, bob)
	for range 3 {
		a.say(bob, "在吗")
	}
	wantAckOf := func(conv string, answer object, received, read uint64) {
		t.Helper()
		want := fmt.Sprint(map[string]any{"ok": true, "conv": conv, "received": float64(received), "read": float64(read)})
		if fmt.Sprint(answer) != want {
			t.Errorf("acked with %v, want %s", answer, want)
		}
	}
	wantAck := func(answer object, received, read uint64) {
		t.Helper()
		wantAckOf(conv, answer, received, read)
	}
	wantAck(laptop.ask("message:read", object{"conv": conv, "seq": 2}), max(2, receivedBy(t, h, bob, conv)), 2)
	wantAck(laptop.ask("message:received", object{"conv": conv, "seq": 3}), 3, 2)
	wantAck(laptop.ask("message:read", object{"conv": conv, "seq": 1}), 3, 2) // never back
	a.hearReceipt(receipt{conv, string(bob.id), 3, 2})
	phone.hearReceipt(receipt{conv, string(bob.id), 3, 2})
	// Who asked has the ack. What Ann did is news to him.
	laptop.ask("message:read", object{"conv": conv, "seq": 3})
	for _, packet := range laptop.waiting {
		if strings.HasPrefix(packet, `2["receipt",`) && strings.Contains(packet, `"user":"`+string(bob.id)) {
			t.Errorf("the laptop also heard %s", packet)
		}
	}
	phone.hearReceipt(receipt{conv, string(bob.id), 3, 3})
	a.hearReceipt(receipt{conv, string(bob.id), 3, 3})

	// Notes to oneself have one side.
	laptop.say(bob, "milk")
	notes := convOf(bob, bob)
	wantAckOf(notes, laptop.ask("message:read", object{"conv": notes, "seq": 1}), 1, 1)
}

func receivedBy(t *testing.T, h *house, u user, conv string) uint64 {
	t.Helper()
	marks, err := h.cursors.Marks(t.Context(), []chat.Member{{User: u.id, Conv: chat.ConvID(conv)}})
	if err != nil {
		t.Fatal(err)
	}
	return marks[0].Received
}

// Who sends and hangs up at once has read what she wrote, pong or no pong.
func TestSendingIsReading(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	b := h.join(bob, "laptop")
	a := h.join(ann, "phone")
	seq := a.say(bob, "我走了")
	h.leave(a)
	b.hearReceipt(receipt{convOf(ann, bob), string(ann.id), seq, seq})
}

// A crash may come before it is stored that Ann has read what she wrote. Her next login makes up for it.
func TestSendingIsReadingAfterACrashToo(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	b := h.join(bob, "laptop")
	h.leave(h.join(ann, "phone"))
	conv := convOf(ann, bob)
	for _, sender := range []user{bob, ann} {
		m := chat.Message{
			Conv: chat.ConvID(conv), Sender: sender.id, Device: "phone", Type: "text", Body: []byte(`"hi"`), At: time.Now().Add(-time.Minute),
		}
		if _, err := h.engine.Append(t.Context(), []chat.Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	a := h.join(ann, "phone")
	a.hearMessage("newMessage")
	h.proven(a, "phone", conv, 2)
	b.hearReceipt(receipt{conv, string(ann.id), 2, 2})
}

func TestMarksAreRefused(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carlos")
	a, c := h.join(ann, "phone"), h.join(carl, "phone")
	a.say(bob, "在吗")
	conv := convOf(ann, bob)
	for _, wrong := range []struct {
		who      *person
		argument any
		code     chat.Code
	}{
		{a, "all", chat.Invalid},
		{a, object{"conv": conv}, chat.Invalid},
		{a, object{"conv": conv, "seq": "1"}, chat.Invalid},
		{a, object{"conv": conv, "seq": -1}, chat.Invalid},
		{a, object{"conv": conv, "seq": 1.5}, chat.Invalid},
		{a, object{"conv": conv, "seq": 2}, chat.Invalid},
		{a, object{"conv": "lobby", "seq": 1}, chat.Invalid},
		{a, object{"conv": "r:" + string(bob.id), "seq": 1}, chat.Forbidden},
		{c, object{"conv": conv, "seq": 1}, chat.Forbidden},
	} {
		for _, name := range []string{"message:received", "message:read"} {
			if _, f := wrong.who.try(name, wrong.argument); f == nil || f.Code != string(wrong.code) {
				t.Errorf("%s %v by %s: %+v, want %s", name, wrong.argument, wrong.who.name, f, wrong.code)
			}
		}
	}
	h.engine.away.Store(true)
	_, f := a.try("message:read", object{"conv": conv, "seq": 1})
	if f == nil || f.Code != string(chat.Unavailable) || strings.Contains(f.Message, "secret") {
		t.Errorf("while the engine is away: %+v", f)
	}
	h.engine.away.Store(false)
	h.until("the engine is asked again", func() bool {
		_, f := a.try("message:read", object{"conv": conv, "seq": 1})
		return f == nil
	})
}
