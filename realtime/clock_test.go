package realtime_test

import (
	"fmt"
	"testing"
	"time"
)

// The clock is set an hour back, a day ahead and right again while Ann and Bob write, leave and return. Numbers and
// order are as if nothing had been; what Bob missed is marked so, once; and no device hears what it sent itself.
func TestTheClockJumps(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	conv := convOf(ann, bob)
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	tablet := h.join(bob, "tablet")
	seq := uint64(0)
	for i, ahead := range []time.Duration{0, -time.Hour, 24 * time.Hour, -time.Hour, 0, 24 * time.Hour, -time.Hour} {
		// Live, in both directions.
		a.say(bob, fmt.Sprint("live ", i))
		b.say(ann, fmt.Sprint("answer ", i))
		seq += 2
		for _, p := range []*person{b, tablet} {
			if m := p.hearSeqs("newMessage", seq-1, 1)[0]; m.Offline {
				t.Errorf("live %d is marked %+v", i, m)
			}
		}
		a.hearSeqs("newMessage", seq, 1)
		tablet.hearSeqs("sentMessage", seq, 1)
		h.proven(b, "phone", conv, seq-1)

		// The clock is set while Bob's phone is away: half of what it misses is older than the rest.
		h.leave(b)
		a.say(bob, fmt.Sprint("missed ", i))
		h.setClock(ahead)
		a.say(bob, fmt.Sprint("missed after the jump ", i))
		tablet.hearSeqs("newMessage", seq+1, 2)
		b = h.join(bob, "phone")
		for _, m := range b.hearSeqs("newMessage", seq+1, 2) {
			if !m.Offline {
				t.Errorf("missed %d is marked %+v", i, m)
			}
		}
		seq += 2

		// The same ref is the same message, whatever the time.
		for range 2 {
			answer := a.ask("chat", object{"toUserid": bob.id, "message": "once", "ref": fmt.Sprint("ref ", i)})
			if answer["seq"] != float64(seq+1) {
				t.Errorf("ref %d got %v, want number %d", i, answer, seq+1)
			}
		}
		seq++
		b.hearSeqs("newMessage", seq, 1)
		tablet.hearSeqs("newMessage", seq, 1)

		// Marks go by numbers.
		if answer := b.ask("message:read", object{"conv": conv, "seq": seq}); answer["ok"] != true {
			t.Errorf("read: %v", answer)
		}
	}
	page := a.ask("message:since", object{"conv": conv, "after": 0, "limit": 100})
	for i, m := range page["messages"].([]any) {
		if got := m.(object)["seq"]; got != float64(i+1) {
			t.Errorf("number %v stands where %d belongs", got, i+1)
		}
	}
}
