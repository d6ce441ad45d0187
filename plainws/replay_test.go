package plainws_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/plainws"
)

// write stores a message from elsewhere, and waits until the doors have it.
func (h *house) write(from user, room chat.Room, text string) {
	h.t.Helper()
	conv := chat.RoomConv(room.ID)
	before, err := h.engine.Last(h.t.Context(), []chat.ConvID{conv})
	if err == nil {
		err = h.messages.Submit(h.t.Context(), chat.Draft{Sender: from.id, Room: room.ID, Body: []byte(`"` + text + `"`)}, nil)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.until("it is stored", func() bool {
		now, err := h.engine.Last(h.t.Context(), []chat.ConvID{conv})
		return err == nil && now[0] > before[0]
	})
}

// Ann writes, and deletes her account. Bob, who was away, is not told her name, which may be another's by now.
func TestWhoDeletedHerAccountHasNoName(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	garden := h.gather("garden", ann, bob)
	anns := h.join(ann)
	anns.say(garden, "farewell")
	anns.hears(ann, garden, "farewell")
	if err := h.accounts.Delete(t.Context(), ann.id, "secret of ann"); err != nil {
		t.Fatal(err)
	}
	anns.closed(ws.StatusPolicyViolation)
	if m := h.join(bob).hear(); m.Context != "farewell" || m.Sender != string(ann.id) {
		t.Errorf("Bob hears %+v", m)
	}
}

// Bob is away, and hears at his return what was said meanwhile, oldest first, and then what is live. What he has got he
// does not hear again. What he may not read, from before he came or in rooms of others, he never does.
func TestWhatWasMissedComesFirst(t *testing.T) {
	h := open(t, func(cfg *plainws.Config) { cfg.PingInterval = 5 * time.Millisecond })
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	garden, attic, cellar := h.gather("garden", ann, carl), h.gather("attic", ann, bob), h.gather("cellar", ann, carl)
	h.write(ann, garden, "before Bob")
	h.write(ann, cellar, "not for Bob")
	if _, err := h.rooms.Invite(t.Context(), ann.id, garden.ID, []chat.UserID{bob.id}); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		h.write(ann, garden, fmt.Sprint("garden ", i))
		h.write(carl, garden, fmt.Sprint("aside ", i))
		h.write(ann, attic, fmt.Sprint("attic ", i))
	}
	if err := h.messages.Submit(t.Context(), chat.Draft{Sender: ann.id, To: bob.id, Body: []byte(`"for Bob alone"`)}, nil); err != nil {
		t.Fatal(err)
	}
	path := "/ws/bob?device=phone&token=" + bob.token
	bobs := h.joinAs(bob, path, nil)
	heard, at := make(map[string][]string), int64(0)
	for range 16 {
		m := bobs.hear()
		if m.At < at {
			t.Errorf("%+v comes behind what is younger", m)
		}
		at = m.At
		if m.Type == "system" {
			m.Context = "invited"
		}
		heard[m.RoomID] = append(heard[m.RoomID], m.Context)
	}
	for room, want := range map[chat.RoomID]string{
		garden.ID: "[invited garden 0 aside 0 garden 1 aside 1 garden 2 aside 2 garden 3 aside 3 garden 4 aside 4]",
		attic.ID:  "[attic 0 attic 1 attic 2 attic 3 attic 4]",
	} {
		if got := fmt.Sprint(heard[string(room)]); got != want {
			t.Errorf("Bob hears %s, not %s", got, want)
		}
	}
	bobs.say(garden, "thanks")
	last := bobs.hears(bob, garden, "thanks").Seq

	// His answers to pings prove what he has.
	conv := chat.RoomConv(garden.ID)
	for proven := uint64(0); proven < last; {
		if f := bobs.frame(); f.Header.OpCode == ws.OpPing {
			bobs.send(ws.NewPongFrame(f.Payload))
		}
		cursors, err := h.engine.Cursors(t.Context(), bob.id, "phone")
		if err != nil {
			t.Fatal(err)
		}
		proven = cursors[conv]
	}
	bobs.conn.Close()
	h.until("he is gone", func() bool { return h.door.Connections() == 0 })
	h.write(ann, garden, "once more")
	h.joinAs(bob, path, nil).hears(ann, garden, "once more")
	h.join(bob).hears(ann, garden, "once more") // a new device begins where he is
}

// What was not proven to arrive is sent again.
func TestWhatIsNotProvenComesAgain(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	garden := h.gather("garden", ann, bob)
	h.write(ann, garden, "hello")
	for range 3 {
		bobs := h.join(bob)
		for f := bobs.frame(); !strings.Contains(string(f.Payload), "hello"); f = bobs.frame() {
		}
		bobs.conn.Close()
		h.until("he is gone", func() bool { return h.door.Connections() == 0 })
	}
}

// Bob comes and goes, and is put into a room and out of it, while Ann talks all the time. At each visit he hears her words
// in their order, without a gap and none twice, and nothing from before he was in.
func TestNeitherGapNorRepeatWhileOneTalks(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	garden := h.gather("garden", ann, bob)
	anns := h.join(ann)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				anns.say(garden, fmt.Sprint(i))
				anns.hear()
			}
		}
	}()
	listen := func(bobs *person, last uint64) {
		t.Helper()
		for range 150 {
			m := bobs.hear()
			if last > 0 && m.Seq != last+1 {
				t.Errorf("Bob hears %d behind %d", m.Seq, last)
			}
			last = m.Seq
		}
	}
	for visit := range 5 {
		listen(h.joinAs(bob, fmt.Sprint("/ws/bob?device=", visit, "&token=", bob.token), nil), 0)
	}
	bobs := h.join(bob)
	listen(bobs, 0)
	for range 5 {
		if _, err := h.rooms.Kick(t.Context(), ann.id, garden.ID, []chat.UserID{bob.id}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.rooms.Invite(t.Context(), ann.id, garden.ID, []chat.UserID{bob.id}); err != nil {
			t.Fatal(err)
		}
		self, err := h.engine.Member(t.Context(), garden.ID, bob.id)
		if err != nil {
			t.Fatal(err)
		}
		m := bobs.hear()
		for ; m.Seq <= self.From; m = bobs.hear() { // was on its way when he was kicked
		}
		if m.Seq != self.From+1 {
			t.Errorf("he may read from %d, and hears %d first", self.From+1, m.Seq)
		}
		listen(bobs, m.Seq)
	}
	close(stop)
	<-done
}

// The shutdown waits for those who are being told what they missed.
func TestShutdownDuringReplay(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	garden := h.gather("garden", ann, bob)
	text := strings.Repeat("x", 100_000)
	for range 30 {
		h.write(ann, garden, text)
	}
	for range 5 {
		if p, status := h.try(bob, "/ws/bob?token="+bob.token, nil); p == nil || status != http.StatusSwitchingProtocols {
			t.Fatal(status)
		}
	}
	// The house is closed behind this test, its engine last.
}
