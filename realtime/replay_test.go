package realtime_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// hearSeqs hears the next n messages of one conversation, which must be numbered from first without gap or repeat.
func (p *person) hearSeqs(event string, first, n uint64) (heard []message) {
	p.t.Helper()
	for seq := first; seq < first+n; seq++ {
		m := p.hearMessage(event)
		if m.Seq != seq {
			p.t.Fatalf("%s heard number %d where %d was due", p.name, m.Seq, seq)
		}
		heard = append(heard, m)
	}
	return heard
}

func TestWhoWasAwayGetsAllThenLive(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	b.say(ann, "live")
	a.hearSeqs("newMessage", 1, 1)
	h.proven(a, "phone", convOf(ann, bob), 1)
	h.leave(a)
	for i := range 500 {
		b.say(ann, fmt.Sprint(i))
	}
	a = h.join(ann, "phone")
	for i, m := range a.hearSeqs("newMessage", 2, 500) {
		if !m.Offline || m.Message != fmt.Sprint(i) {
			t.Fatalf("Ann heard %+v", m)
		}
	}
	b.say(ann, "live again")
	if m := a.hearSeqs("newMessage", 502, 1)[0]; m.Offline {
		t.Errorf("Ann heard %+v", m)
	}
}

// Ann comes back again and again while Bob never stops: each time the backlog runs into what is live.
func TestNoGapAndNoOverlapWhileSheReturns(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	b := h.join(bob, "phone")
	const n = 6000
	var sending sync.WaitGroup
	sending.Go(func() {
		for i := range n {
			b.conn.Write([]byte(event("", "chat", object{"toUserid": ann.id, "message": i})))
			if i%50 == 49 {
				b.send(event("1", "message:before", object{"with": ann.id, "limit": 1}))
				b.await("31[")
			}
		}
		b.conn.Flush()
	})
	defer sending.Wait()
	next := uint64(1)
	for round := 0; next <= n; round++ {
		a := h.join(ann, "phone")
		first := a.hearMessage("newMessage").Seq
		if first > next {
			t.Fatalf("round %d: began at %d, %d was due", round, first, next)
		}
		// Repeats come only at the beginning: what the server could not know to have arrived.
		a.hearSeqs("newMessage", first+1, min(next+700, n+1)-(first+1))
		next = min(next+700, n+1)
		a.conn.Close()
	}
}

func TestBacklogOfManyComesOldestFirst(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	var friends []*person
	for i := range 12 {
		friends = append(friends, h.join(h.register(strings.Repeat("f", i+4)), "phone"))
	}
	h.leave(h.join(ann, "phone"))
	for round := range 30 {
		for _, f := range friends {
			f.say(ann, fmt.Sprint(round))
		}
	}
	a := h.join(ann, "phone")
	var last int64
	seqs := make(map[string]uint64)
	for range 12 * 30 {
		m := a.hearMessage("newMessage")
		if m.At < last || m.Seq != seqs[m.From]+1 {
			t.Fatalf("%+v came after %d, number %d of that friend", m, last, seqs[m.From])
		}
		last, seqs[m.From] = m.At, m.Seq
	}
}

func TestUnprovenIsSentAgain(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	b.say(ann, "did you get this?")
	// Ann's connection dies with the message unread: no pong ever proves it.
	h.leave(a)
	a = h.join(ann, "phone")
	a.hearSeqs("newMessage", 1, 1)
	h.proven(a, "phone", convOf(ann, bob), 1)
	h.leave(a)
	h.join(ann, "phone").heardNothingElse("newMessage")
}

func TestDevicesHaveCursorsOfTheirOwn(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	phone, laptop := h.join(ann, "phone"), h.join(ann, "laptop")
	h.leave(laptop)
	b := h.join(bob, "phone")
	b.say(ann, "one")
	phone.hearSeqs("newMessage", 1, 1)
	phone.say(bob, "two")
	b.hearSeqs("newMessage", 2, 1)
	h.proven(phone, "phone", convOf(ann, bob), 2)
	h.leave(phone)

	h.join(ann, "phone").heardNothingElse("sentMessage") // her own words are not news to the device that sent them
	laptop = h.join(ann, "laptop")
	laptop.hearSeqs("newMessage", 1, 1)
	if m := laptop.hearSeqs("sentMessage", 2, 1)[0]; !m.Offline || m.Message != "two" {
		t.Errorf("the laptop heard %+v", m)
	}
	// A device that was never seen starts where the user is, not at the beginning.
	h.join(ann, "tablet").heardNothingElse("newMessage")
}

// A client that reconnects sends what it buffered while its backlog is still on the way.
func TestOwnWordsDuringReplayAreNoNews(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	h.leave(h.join(ann, "phone"))
	b := h.join(bob, "phone")
	const backlog, own = 1000, 300
	for i := range backlog {
		b.conn.Write([]byte(event("", "chat", object{"toUserid": ann.id, "message": i})))
	}
	b.say(ann, "last")
	for round := range 5 {
		a := h.connect(ann, object{"token": ann.token})
		a.conn.Write([]byte(event("", "login", object{"device": fmt.Sprint("device ", round)})))
		for i := range own {
			a.conn.Write([]byte(event("", "chat", object{"toUserid": bob.id, "message": i})))
		}
		if err := a.conn.Flush(); err != nil {
			t.Fatal(err)
		}
		seq := a.say(bob, "all sent")
		h.proven(a, fmt.Sprint("device ", round), convOf(ann, bob), seq)
		a.heardNothingElse("sentMessage")
		h.leave(a)
	}
}

// Ann's client stops reading while Bob sends far more than may wait for her. The server neither holds it in memory nor
// cuts her off: it goes on from the engine when she reads again.
func TestSlowReaderIsServedFromTheEngine(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	text := strings.Repeat("x", 2000)
	const n = 5_000 // 10 MB, more than the kernel's buffers and the queue's bound together
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range n {
			b.conn.Write([]byte(event("", "chat", object{"toUserid": ann.id, "message": text})))
			if i%100 == 99 {
				b.conn.Flush()
			}
		}
		b.say(ann, "the end")
	}()
	<-done
	a.hearSeqs("newMessage", 1, n+1)
	a.heardNothingElse("newMessage")
}

func TestManyInOneConversation(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	listener := h.join(bob, "laptop")
	const each = 200
	var sending sync.WaitGroup
	for i := range 20 {
		p := h.join([]user{ann, bob}[i%2], fmt.Sprint("device ", i))
		to := []user{bob, ann}[i%2]
		sending.Go(func() {
			for k := range each {
				p.conn.Write([]byte(event("", "chat", object{"toUserid": to.id, "message": fmt.Sprintf("%d %d", i, k)})))
			}
			if err := p.conn.Flush(); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	next := make(map[string]int)
	for seq := uint64(1); seq <= 20*each; seq++ {
		packet := listener.await("2[\"")
		for !strings.HasPrefix(packet, `2["newMessage"`) && !strings.HasPrefix(packet, `2["sentMessage"`) {
			packet = listener.await("2[\"")
		}
		var m message
		decode(t, strings.TrimSuffix(packet[strings.IndexByte(packet, '{'):], "]"), &m)
		var who string
		var k int
		fmt.Sscanf(m.Message.(string), "%s %d", &who, &k)
		if m.Seq != seq || k != next[who] {
			t.Fatalf("heard number %d, word %d of %s; %d and %d were due", m.Seq, k, who, seq, next[who])
		}
		next[who]++
	}
}

func TestWhatIsOverIsNotBrought(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	b := h.join(bob, "phone")
	h.leave(h.join(ann, "phone"))
	for range 3 {
		b.say(ann, "old")
	}
	if _, _, err := h.engine.Expire(t.Context(), time.Now().Add(time.Hour), "", 100); err != nil {
		t.Fatal(err)
	}
	a := h.join(ann, "phone")
	b.say(ann, "new") // behind a trace and two holes
	if m := a.hearSeqs("newMessage", 4, 1)[0]; m.Message != "new" {
		t.Errorf("Ann heard %+v", m)
	}
	a.heardNothingElse("newMessage")
	h.proven(a, "phone", convOf(ann, bob), 4)
	h.leave(a)
	a = h.join(ann, "laptop")
	a.heardNothingElse("newMessage")
}
