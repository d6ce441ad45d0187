package realtime_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime"
)

// version is a message with the trace of what became of it.
type version struct {
	message
	Edited, Recalled int64
	Change           uint64
}

func (p *person) hearVersion(event string) version {
	p.t.Helper()
	var v version
	p.hear(event, &v)
	return v
}

func (p *person) edit(with user, seq uint64, text string) uint64 {
	p.t.Helper()
	answer := p.ask("message:edit", object{"conv": convOf(p.user, with), "seq": seq, "data": text})
	return uint64(answer["change"].(float64))
}

func (p *person) recall(with user, seq uint64) uint64 {
	p.t.Helper()
	answer := p.ask("message:recall", object{"conv": convOf(p.user, with), "seq": seq})
	return uint64(answer["change"].(float64))
}

// openChanges opens a door where messages may be changed for an hour.
func openChanges(t *testing.T) *house {
	return open(t, func(cfg *realtime.Config) { cfg.Messages.ChangeTime = time.Hour })
}

func TestAnEditIsHeardOnEveryOtherDevice(t *testing.T) {
	h := openChanges(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	phone, laptop := h.join(ann, "phone"), h.join(ann, "laptop")
	b1, b2, c := h.join(bob, "phone"), h.join(bob, "laptop"), h.join(carl, "phone")
	seq := phone.say(bob, "helo")
	answer := phone.ask("message:edit", object{"conv": convOf(ann, bob), "seq": seq, "data": object{"text": "hello"}})
	if answer["conv"] != convOf(ann, bob) || answer["seq"] != float64(seq) || answer["change"] != 1.0 || answer["at"].(float64) < 1e12 {
		t.Errorf("the ack is %v", answer)
	}
	check := func(who string, v version) {
		t.Helper()
		body, _ := json.Marshal(v.Message)
		if string(body) != `{"text":"hello"}` || v.Seq != seq || v.Change != 1 || v.Edited != int64(answer["at"].(float64)) ||
			v.Recalled != 0 || v.From != string(ann.id) || v.To != string(bob.id) || v.Conv != convOf(ann, bob) ||
			v.ID != fmt.Sprintf("%s/%d", v.Conv, seq) || v.Type != "text" || v.At > v.Edited {
			t.Errorf("%s has %+v", who, v)
		}
	}
	for who, p := range map[string]*person{"Ann's laptop": laptop, "Bob's phone": b1, "Bob's laptop": b2} {
		check(who, p.hearVersion("message:changed"))
	}

	if got := phone.recall(bob, seq); got != 2 || phone.recall(bob, seq) != 2 { // the second time nothing happens
		t.Errorf("the recall is change %d, want 2", got)
	}
	for who, p := range map[string]*person{"Ann's laptop": laptop, "Bob's phone": b1, "Bob's laptop": b2} {
		if v := p.hearVersion("message:changed"); v.Message != nil || v.Recalled == 0 || v.Edited != 0 || v.Change != 2 || v.Seq != seq {
			t.Errorf("%s has %+v", who, v)
		}
		p.heardNothingElse("message:changed")
	}
	phone.heardNothingElse("message:changed")
	c.heardNothingElse("message:changed")
}

func TestHistoryShowsTheLatestAndATrace(t *testing.T) {
	h := openChanges(t)
	ann, bob := h.register("ann"), h.register("bob")
	h.leave(h.join(bob, "phone"))
	a := h.join(ann, "phone")
	for _, text := range []string{"one", "two", "three"} {
		a.say(bob, text)
	}
	a.edit(bob, 1, "uno")
	a.recall(bob, 2)
	check := func(where string, page []version) {
		t.Helper()
		if len(page) != 3 || page[0].Message != "uno" || page[0].Edited == 0 || page[0].Change != 1 ||
			page[1].Message != nil || page[1].Recalled == 0 || page[1].Change != 2 ||
			page[2].Message != "three" || page[2].Change != 0 || page[2].Edited != 0 {
			t.Errorf("%s shows %+v", where, page)
		}
	}
	b := h.join(bob, "phone")
	var backlog []version
	for range 3 {
		backlog = append(backlog, b.hearVersion("newMessage"))
	}
	check("the backlog", backlog)
	b.heardNothingElse("message:changed") // what he has got is the latest
	for event, question := range map[string]object{
		"message:since": {"conv": convOf(ann, bob)}, "message:before": {"with": ann.id},
	} {
		var page struct{ Messages []version }
		answer, _ := json.Marshal(b.ask(event, question))
		decode(t, string(answer), &page)
		check(event, page.Messages)
	}
}

func TestChangesThatAreRefused(t *testing.T) {
	h := openChanges(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	seq := a.say(bob, "hello")
	conv := convOf(ann, bob)
	refused := func(event string, argument any, code string) {
		t.Helper()
		if _, f := b.try(event, argument); f == nil || f.Code != code {
			t.Errorf("%s %v: %+v, want %s", event, argument, f, code)
		}
	}
	refused("message:edit", object{"conv": conv, "seq": seq, "data": "x"}, "forbidden")
	refused("message:recall", object{"conv": conv, "seq": seq}, "forbidden")
	refused("message:recall", object{"conv": conv, "seq": 99}, "not_found")
	refused("message:edit", object{"conv": conv, "seq": seq}, "invalid")
	refused("message:edit", object{"conv": conv, "seq": "1", "data": "x"}, "invalid")
	refused("message:edit", object{"conv": conv, "seq": -1, "data": "x"}, "invalid")
	refused("message:recall", "everything", "invalid")
	a.conn.Write([]byte(`451-99["message:edit",{"conv":"` + conv + `","seq":1,"data":{"_placeholder":true,"num":0}}]`))
	a.conn.WriteFrame(2, []byte{1, 2, 3})
	if err := a.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, f := a.answer("99"); f == nil || f.Code != "invalid" {
		t.Errorf("binary: %+v", f)
	}
	b.heardNothingElse("message:changed")
	a.heardNothingElse("message:changed")
	stranger := h.connect(user{}, object{})
	if _, f := stranger.try("message:recall", object{"conv": conv, "seq": seq}); f == nil || f.Code != "unauthenticated" {
		t.Errorf("a stranger hears %+v", f)
	}
}

// Bob's backlog is read; before it is sent, Ann edits and recalls. He must not be left with what was read.
func TestAChangeDuringAReplayComesBehindIt(t *testing.T) {
	h := openChanges(t)
	ann, bob := h.register("ann"), h.register("bob")
	h.leave(h.join(bob, "phone"))
	a := h.join(ann, "phone")
	for _, text := range []string{"one", "two", "three"} {
		a.say(bob, text)
	}
	read, goOn := make(chan struct{}), make(chan struct{})
	hold := func() {
		h.engine.onPage.Store(nil)
		close(read)
		<-goOn
	}
	h.engine.onPage.Store(&hold)
	b := h.join(bob, "phone")
	<-read
	a.edit(bob, 1, "uno")
	a.recall(bob, 2)
	a.edit(bob, 1, "un")
	close(goOn)
	for i, m := range b.hearSeqs("newMessage", 1, 3) {
		if want := []string{"one", "two", "three"}[i]; m.Message != want {
			t.Errorf("Bob heard %+v, want what was read before the change: %s", m, want)
		}
	}
	if len(b.waiting) > 0 && strings.Contains(strings.Join(b.waiting, " "), "message:changed") {
		t.Errorf("Bob heard of a change before the message: %q", b.waiting)
	}
	if v := b.hearVersion("message:changed"); v.Seq != 2 || v.Message != nil || v.Recalled == 0 {
		t.Errorf("Bob heard %+v", v)
	}
	if v := b.hearVersion("message:changed"); v.Seq != 1 || v.Message != "un" || v.Change != 3 {
		t.Errorf("Bob heard %+v", v)
	}
	a.edit(bob, 3, "live")
	if v := b.hearVersion("message:changed"); v.Seq != 3 || v.Message != "live" {
		t.Errorf("Bob heard %+v", v)
	}
	a.say(bob, "four")
	b.hearSeqs("newMessage", 4, 1)
}

// A message is stored and changed before it is delivered. Whoever hears of the change first must not hear the older
// text behind it.
func TestAChangeOvertakesItsMessage(t *testing.T) {
	h := openChanges(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	conv := chat.ConvID(convOf(ann, bob))
	for seq := uint64(1); seq <= 3; seq++ { // the first that the session hears of, and later ones
		m := chat.Message{
			Conv: conv, Seq: seq, Sender: ann.id, To: bob.id, Type: "text", Body: []byte(`"old"`), At: time.Now(),
		}
		if _, err := h.engine.Append(t.Context(), []chat.Message{m}); err != nil {
			t.Fatal(err)
		}
		a.edit(bob, seq, "new")
		if v := b.hearVersion("message:changed"); v.Seq != seq || v.Message != "new" {
			t.Errorf("Bob heard %+v", v)
		}
		h.door.Deliver([]chat.Outcome{{Message: &m}})
		if v := b.hearVersion("newMessage"); v.Seq != seq || v.Message != "new" || v.Edited == 0 {
			t.Errorf("Bob heard %+v", v)
		}
		b.heardNothingElse("newMessage")
	}
}

// The engine stores a recall and cannot say so. The server looks, so both hear of it as if nothing had been amiss.
func TestARecallInDoubtIsTold(t *testing.T) {
	h := openChanges(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	a.say(bob, "oops")
	h.engine.mute.Store(true)
	if got := a.recall(bob, 1); got != 1 {
		t.Errorf("the recall is change %d, want the first", got)
	}
	if v := b.hearVersion("message:changed"); v.Seq != 1 || v.Recalled == 0 {
		t.Errorf("Bob heard %+v", v)
	}
}

// Bob's client stops reading while Ann edits one message over and over. It is not held in memory for him: when he reads
// again he hears what it says now.
func TestASlowReaderHearsTheLatestChange(t *testing.T) {
	h := openChanges(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	a.say(bob, "first")
	text := strings.Repeat("x", 4000)
	const n = 3000 // 12 MB, more than the kernel's buffers and the queue's bound together
	for i := range n {
		a.conn.Write([]byte(event("", "message:edit", object{"conv": convOf(ann, bob), "seq": 1, "data": text + fmt.Sprint(i)})))
		if i%100 == 99 {
			a.edit(bob, 1, "so far")
		}
	}
	a.edit(bob, 1, "last")
	b.hearSeqs("newMessage", 1, 1)
	var heard int
	var change uint64
	for {
		v := b.hearVersion("message:changed")
		if heard++; v.Change <= change {
			t.Fatalf("change %d is heard after %d", v.Change, change)
		}
		if change = v.Change; v.Message == "last" {
			break
		}
	}
	if change <= n || heard >= n {
		t.Errorf("Bob heard %d changes of %d: none was spared him", heard, change)
	}
	a.say(bob, "second")
	b.hearSeqs("newMessage", 2, 1)
	b.heardNothingElse("message:changed")
}

// Bob comes and goes while Ann edits without a pause. Whenever he is through with his backlog, the next that he hears
// of a message is never older than what he has.
func TestEditsWhileHeReturns(t *testing.T) {
	h := openChanges(t)
	ann, bob := h.register("ann"), h.register("bob")
	h.leave(h.join(bob, "phone"))
	a, other := h.join(ann, "phone"), h.join(ann, "laptop")
	const messages = 40
	for range messages {
		a.say(bob, "first")
	}
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; !stop.Load(); i++ {
			other.edit(bob, uint64(1+i%messages), fmt.Sprint(i))
			other.waiting = nil
		}
	}()
	for round := range 10 {
		b := h.join(bob, fmt.Sprint("device ", round%2))
		has := make(map[uint64]uint64)
		for heard := 0; heard < 3*messages; {
			packet := b.await(`2["`)
			if !strings.HasPrefix(packet, `2["newMessage"`) && !strings.HasPrefix(packet, `2["message:changed"`) {
				continue
			}
			var v version
			decode(t, strings.TrimSuffix(packet[strings.IndexByte(packet, '{'):], "]"), &v)
			if known, ok := has[v.Seq]; ok && v.Change < known {
				t.Fatalf("round %d: Bob has change %d of message %d and hears change %d", round, known, v.Seq, v.Change)
			}
			has[v.Seq] = v.Change
			heard++
		}
		h.leave(b)
	}
	stop.Store(true)
	<-done
}
