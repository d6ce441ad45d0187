package realtime_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/realtime"
)

func TestTypingIsHeardByWhoIsThere(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	phone, laptop := h.join(ann, "phone"), h.join(ann, "laptop")
	b1, b2, c := h.join(bob, "phone"), h.join(bob, "laptop"), h.join(carl, "phone")
	type hint struct {
		User, Conv string
		On         bool
	}
	for _, on := range []bool{true, false} {
		phone.ask("typing", object{"to": bob.id, "on": on})
		for _, b := range []*person{b1, b2} {
			var heard hint
			if b.hear("typing", &heard); heard != (hint{string(ann.id), convOf(ann, bob), on}) {
				t.Errorf("Bob heard %+v", heard)
			}
		}
	}
	phone.ask("typing", object{"to": ann.id, "on": true})
	phone.emit("typing", object{"to": bob.id}) // on, unless it says otherwise; no ack asked for
	var heard hint
	if b1.hear("typing", &heard); !heard.On {
		t.Errorf("Bob heard %+v", heard)
	}
	for _, p := range []*person{phone, laptop, c} {
		p.heardNothingElse("typing")
	}
	phone.heardNothingElse("refused")

	// Bob is away: nobody hears, and nothing waits for him.
	h.leave(b1)
	h.leave(b2)
	phone.ask("typing", object{"to": bob.id, "on": true})
	h.join(bob, "phone").heardNothingElse("typing")
	if convs, err := h.engine.Conversations(t.Context(), ann.id); err != nil || len(convs) > 0 {
		t.Errorf("typing has made the conversations %v, error %v", convs, err)
	}
}

// What Ann's client sends at once is told to Bob at once, but her typing does not wait for a question behind it that the
// engine is slow to answer.
func TestTypingDoesNotWaitForTheEngine(t *testing.T) {
	h := open(t, func(c *realtime.Config) { c.Transport.Engine.PingInterval = time.Hour }) // a ping would take it along
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	goOn := make(chan struct{})
	hold := func() { <-goOn }
	release := sync.OnceFunc(func() { close(goOn) })
	defer release()
	h.engine.onPage.Store(&hold)
	for _, on := range []bool{true, false} {
		a.conn.Write([]byte(event("", "typing", object{"to": bob.id, "on": on})))
	}
	a.send(event("77", "message:since", object{"conv": convOf(ann, bob), "limit": 10}))
	for _, on := range []bool{true, false} {
		var heard struct{ On bool }
		if b.hear("typing", &heard); heard.On != on {
			t.Errorf("Bob heard %v, want %v", heard.On, on)
		}
	}
	release()
	if _, f := a.answer("77"); f != nil {
		t.Errorf("the question was answered by %+v", f)
	}
}

func TestTypingThatIsRefused(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	for _, c := range []struct {
		argument any
		code     string
	}{
		{"bob", "invalid"}, {object{"on": true}, "invalid"}, {object{"to": "bob"}, "invalid"},
		{object{"to": 7}, "invalid"}, {object{"to": bob.id, "on": 1}, "invalid"},
		{object{"to": strings.Repeat("f", 1<<16)}, "invalid"},
		{object{"room": bob.id, "on": true}, "not_found"},
	} {
		if _, f := a.try("typing", c.argument); f == nil || f.Code != c.code {
			t.Errorf("typing %.40v: %+v, want %s", c.argument, f, c.code)
		}
	}
	stranger := h.connect(user{}, object{})
	if _, f := stranger.try("typing", object{"to": bob.id, "on": true}); f == nil || f.Code != "unauthenticated" {
		t.Errorf("a stranger hears %+v", f)
	}
	b.heardNothingElse("typing")
}
