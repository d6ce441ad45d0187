package realtime_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestTwoFriendsChat(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")

	answer := a.ask("chat", object{
		"form_id": ann.id, "toUserid": bob.id, "message": "hello", "data": "你好", "time": "12:30", "type": "greeting", "ref": "r1",
	})
	m := b.hearMessage("newMessage")
	want := message{
		From: string(ann.id), Time: "12:30", Message: "你好", ID: convOf(ann, bob) + "/1", Conv: convOf(ann, bob), Seq: 1,
		At: m.At, Type: "greeting", Ref: "r1", To: string(bob.id),
	}
	if m != want {
		t.Errorf("Bob heard %+v, not %+v", m, want)
	}
	if answer["id"] != m.ID || answer["conv"] != m.Conv || answer["seq"] != 1.0 || answer["at"] != float64(m.At) {
		t.Errorf("Ann was told %v", answer)
	}

	b.emit("chat", object{"toUserid": ann.id, "message": object{"deep": []any{1, nil, "x"}}})
	if m := a.hearMessage("newMessage"); m.Seq != 2 || fmt.Sprint(m.Message) != "map[deep:[1 <nil> x]]" || m.Type != "text" || m.Time != float64(m.At) {
		t.Errorf("Ann heard %+v", m)
	}
	a.heardNothingElse("sentMessage")
}

func TestEverySocketHearsEverything(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a := h.join(ann, "phone")
	tab, sameDevice := h.join(ann, "laptop"), h.join(ann, "phone")
	b1, b2 := h.join(bob, "phone"), h.join(bob, "laptop")

	a.say(bob, "one")
	for _, p := range []*person{b1, b2} {
		if m := p.hearMessage("newMessage"); m.Message != "one" {
			t.Errorf("Bob heard %+v", m)
		}
	}
	for _, p := range []*person{tab, sameDevice} {
		if m := p.hearMessage("sentMessage"); m.Message != "one" || m.Seq != 1 || m.To != string(bob.id) {
			t.Errorf("Ann's other socket heard %+v", m)
		}
	}
	a.heardNothingElse("sentMessage")
}

func TestNoteToSelf(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	a, laptop := h.join(ann, "phone"), h.join(ann, "laptop")
	a.say(ann, "buy milk")
	if m := laptop.hearMessage("sentMessage"); m.Message != "buy milk" {
		t.Errorf("the laptop heard %+v", m)
	}
	laptop.heardNothingElse("newMessage")
	a.heardNothingElse("newMessage")
}

func TestSameRefIsOneMessage(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	first := a.ask("chat", object{"toUserid": bob.id, "message": "once", "ref": "r"})
	again := a.ask("chat", object{"toUserid": bob.id, "message": "twice?", "ref": "r"})
	if fmt.Sprint(first) != fmt.Sprint(again) {
		t.Errorf("first %v, then %v", first, again)
	}
	if m := b.hearMessage("newMessage"); m.Message != "once" {
		t.Errorf("Bob heard %+v", m)
	}
	b.heardNothingElse("newMessage")
}

func TestHistoryByPage(t *testing.T) {
	h := open(t)
	ann, bob, eve := h.register("ann"), h.register("bob"), h.register("eve")
	a, e := h.join(ann, "phone"), h.join(eve, "phone")
	for i := range 5 {
		a.say(bob, fmt.Sprint("message ", i+1))
	}
	seqs := func(answer object) (out []float64) {
		for _, m := range answer["messages"].([]any) {
			out = append(out, m.(object)["seq"].(float64))
		}
		return out
	}
	conv := convOf(ann, bob)
	for _, c := range []struct {
		event    string
		question object
		want     string
		more     bool
	}{
		{"message:since", object{"conv": conv, "after": 0, "limit": 2}, "[1 2]", true},
		{"message:since", object{"conv": conv, "after": 3, "limit": 2}, "[4 5]", false},
		{"message:since", object{"conv": conv, "after": 5}, "[]", false},
		{"message:before", object{"conv": conv, "limit": 2}, "[4 5]", true},
		{"message:before", object{"with": bob.id, "before": 3}, "[1 2]", false},
	} {
		answer := a.ask(c.event, c.question)
		if got := fmt.Sprint(seqs(answer)); got != c.want || answer["more"] != c.more {
			t.Errorf("%s %v: %s, more %v", c.event, c.question, got, answer["more"])
		}
	}
	if _, f := e.try("message:since", object{"conv": conv}); f == nil || f.Code != "forbidden" {
		t.Errorf("Eve reads the talk of others: %+v", f)
	}
	for _, question := range []object{{"conv": "nonsense"}, {"conv": conv, "limit": 1000}, {"conv": conv, "limit": -1}, {"conv": 7}, {"conv": conv, "after": -1}} {
		if _, f := a.try("message:since", question); f == nil || f.Code != "invalid" {
			t.Errorf("%v: %+v", question, f)
		}
	}
}

func TestBadChatIsRefusedWithReason(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	nobody := strings.Repeat("0", 24)
	for _, c := range []struct {
		argument any
		code     string
	}{
		{nil, "invalid"},
		{[]any{}, "invalid"},
		{"hello", "invalid"},
		{object{}, "invalid"},
		{object{"toUserid": bob.id}, "invalid"},
		{object{"toUserid": bob.id, "message": nil}, "invalid"},
		{object{"toUserid": bob.id, "message": ""}, "invalid"},
		{object{"toUserid": 7, "message": "x"}, "invalid"},
		{object{"toUserid": "../../etc", "message": "x"}, "invalid"},
		{object{"toUserid": bob.id, "room": nobody, "message": "x"}, "invalid"},
		{object{"toUserid": bob.id, "message": "x", "ref": strings.Repeat("r", 200)}, "invalid"},
		{object{"toUserid": bob.id, "message": "x", "type": strings.Repeat("t", 200)}, "invalid"},
		{object{"toUserid": bob.id, "message": strings.Repeat("x", 300<<10)}, "too_large"},
		{object{"toUserid": nobody, "message": "x"}, "not_found"},
		{object{"room": nobody, "message": "x"}, "not_found"},
		{object{"form_id": bob.id, "toUserid": bob.id, "message": "x"}, "forbidden"},
	} {
		if _, f := a.try("chat", c.argument); f == nil || f.Code != c.code || f.Message == "" {
			t.Errorf("%.80v: %+v, not %s", c.argument, f, c.code)
		}
	}
	if _, f := a.try("no:such:event", nil); f == nil || f.Code != "not_found" {
		t.Errorf("unknown event: %+v", f)
	}

	// Without an ack the reason comes as an event, with the ref.
	a.emit("chat", object{"form_id": bob.id, "toUserid": bob.id, "message": "x", "ref": "mine"})
	var f failure
	if a.hear("refused", &f); f.Event != "chat" || f.Code != "forbidden" || f.Ref != "mine" {
		t.Errorf("refused: %+v", f)
	}
	a.say(bob, "still here")
	if m := b.hearMessage("newMessage"); m.Message != "still here" || m.Seq != 1 {
		t.Errorf("Bob heard %+v: something refused was stored", m)
	}
}

// The engine goes away with a message of Ann's. What she writes then is refused at once; the message in doubt is
// answered when the engine is back, and what was refused is then taken.
func TestEngineAwayIsSaidAndServiceResumes(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	a.say(bob, "before")
	h.engine.away.Store(true)
	tried := h.messages.Stats().Batches
	a.send(event("77", "chat", object{"toUserid": bob.id, "message": "in doubt"}))
	for h.messages.Stats().Batches == tried {
		runtime.Gosched()
	}
	_, f := a.try("chat", object{"toUserid": bob.id, "message": "refused", "ref": "again"})
	if f == nil || f.Code != "unavailable" || f.RetryAfter <= 0 || strings.Contains(f.Message, "secret") {
		t.Errorf("engine away: %+v", f)
	}
	h.engine.away.Store(false)
	if answer, f := a.answer("77"); f != nil || answer["seq"] != 2.0 {
		t.Errorf("the message in doubt got %v, %+v", answer, f)
	}
	answer := a.ask("chat", object{"toUserid": bob.id, "message": "taken", "ref": "again"})
	if answer["seq"] != 3.0 {
		t.Errorf("the second try got %v", answer)
	}
	for _, want := range []string{"before", "in doubt", "taken"} {
		if m := b.hearMessage("newMessage"); m.Message != want {
			t.Errorf("Bob heard %+v", m)
		}
	}
}
