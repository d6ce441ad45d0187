package realtime_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// makeRoom makes a room of a's with others in it.
func (h *house) makeRoom(a user, others ...user) (room chat.RoomID, conv string) {
	h.t.Helper()
	var ids []chat.UserID
	for _, u := range others {
		ids = append(ids, u.id)
	}
	r, added, err := h.rooms.Create(h.t.Context(), a.id, "kitchen", ids, "")
	if err != nil || len(added) != len(others) {
		h.t.Fatalf("added %v, error %v", added, err)
	}
	return r.ID, string(chat.RoomConv(r.ID))
}

func (h *house) invite(by user, room chat.RoomID, who user) {
	h.t.Helper()
	if added, err := h.rooms.Invite(h.t.Context(), by.id, room, []chat.UserID{who.id}); err != nil || len(added) != 1 {
		h.t.Errorf("added %v, error %v", added, err)
	}
}

func (h *house) putOut(by user, room chat.RoomID, who user) {
	h.t.Helper()
	if kicked, err := h.rooms.Kick(h.t.Context(), by.id, room, []chat.UserID{who.id}); err != nil || len(kicked) != 1 {
		h.t.Errorf("kicked %v, error %v", kicked, err)
	}
}

// listen waits for the next event of those named, whichever it is, and decodes its argument.
func (p *person) listen(into map[string]any) (name string) {
	p.t.Helper()
	try := func(packet string) bool {
		for name = range into {
			if argument, ours := strings.CutPrefix(packet, `2["`+name+`",`); ours {
				decode(p.t, strings.TrimSuffix(argument, "]"), into[name])
				return true
			}
		}
		return false
	}
	for i, packet := range p.waiting {
		if try(packet) {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			return name
		}
	}
	for {
		packet, err := p.conn.Read()
		if err != nil {
			p.t.Fatalf("%s waits: %v", p.name, err)
		}
		if try(string(packet)) {
			return name
		}
		p.waiting = append(p.waiting, string(packet))
	}
}

// hearUntil hears of a room, without gap or repeat from behind last on, until it is said what happened to her there. It
// returns the number heard last.
func (p *person) hearUntil(what string, last uint64) uint64 {
	p.t.Helper()
	for {
		var m message
		var changed struct{ What string }
		switch p.listen(map[string]any{"newMessage": &m, "room:changed": &changed}) {
		case "newMessage":
			if m.Seq != last+1 {
				p.t.Fatalf("%s heard number %d behind %d", p.name, m.Seq, last)
			}
			last = m.Seq
		case "room:changed":
			if changed.What == what {
				return last
			}
		}
	}
}

// Carl comes into the room and is put out of it, again and again, while Ann and Bob never stop: each time he hears all from
// when he came, once and in order, and nothing more once he has been told that he is out.
func TestNoGapAndNoOverlapWhileHeComesAndGoes(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	room, _ := h.makeRoom(ann, bob)
	c := h.join(carl, "phone")
	var over atomic.Bool
	var sending sync.WaitGroup
	for _, u := range []user{ann, bob} {
		p := h.join(u, "phone")
		sending.Go(func() {
			for i := 0; !over.Load(); i++ {
				p.conn.Write([]byte(event("", "chat", object{"room": room, "message": strconv.Itoa(i)})))
				if i%50 == 49 {
					p.send(event("1", "message:before", object{"room": room, "limit": 1}))
					p.await("31[")
					p.waiting = nil
				}
			}
			p.conn.Flush()
		})
	}
	defer sending.Wait()
	defer over.Store(true)
	for range 8 {
		h.invite(ann, room, carl)
		member, err := h.engine.Member(t.Context(), room, carl.id)
		if err != nil {
			t.Fatal(err)
		}
		last := member.From
		for range 300 {
			m := c.hearMessage("newMessage")
			if m.Seq != last+1 || m.Room != string(room) {
				t.Fatalf("Carl heard %+v behind number %d; he came behind %d", m, last, member.From)
			}
			last = m.Seq
		}
		h.putOut(ann, room, carl)
		c.hearUntil("kicked", last)
	}
}

// He logs in just when he is let into a room, or put out of it: between the question for his rooms and its answer.
func TestHeLogsInWhileHeComesOrGoes(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	a := h.join(ann, "phone")
	room, conv := h.makeRoom(ann, bob)
	a.write(string(room), "before he came")
	var from uint64
	h.engine.meanwhile(func() {
		h.invite(ann, room, carl)
		member, err := h.engine.Member(t.Context(), room, carl.id)
		if err != nil {
			t.Error(err)
		}
		from = member.From
		a.write(string(room), "as he came")
	})
	c := h.join(carl, "phone")
	a.write(string(room), "when he was there")
	heard := c.hearSeqs("newMessage", from+1, 3)
	if heard[0].Type != "system" || heard[1].Message != "as he came" || heard[2].Message != "when he was there" {
		t.Errorf("Carl heard %+v", heard)
	}
	h.proven(c, "phone", conv, from+3)
	h.leave(c)

	a.write(string(room), "while he was away")
	h.engine.meanwhile(func() {
		h.putOut(ann, room, carl)
		a.write(string(room), "when he was out")
	})
	c = h.join(carl, "phone")
	a.write(string(room), "and then")
	c.heardNothingElse("newMessage")
}

// Carl is put out while he is sent what he missed. What was read for him from the engine by then is not sent to him.
func TestHeIsPutOutWhileHeCatchesUp(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	room, _ := h.makeRoom(ann, bob, carl)
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	for i := range 100 {
		a.write(string(room), fmt.Sprint(i))
	}
	b.say(carl, "between you and me")
	pages := 0
	onPage := func() {
		if pages++; pages == 3 {
			h.engine.onPage.Store(nil)
			h.putOut(ann, room, carl)
		}
	}
	h.engine.onPage.Store(&onPage)
	c := h.join(carl, "phone")
	if last := c.hearUntil("kicked", 0); last == 0 || last > 100 {
		t.Errorf("Carl heard up to %d", last)
	}
	a.write(string(room), "he is out")
	if m := c.hearMessage("newMessage"); m.Message != "between you and me" {
		t.Errorf("then Carl heard %+v", m)
	}
	c.heardNothingElse("newMessage")
}

// Bob is let into a room by another process, so that no message of it has passed through this door: when the door is told, he
// gets what has been said since.
func TestHeHearsOfARoomByItsChange(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	b := h.join(bob, "phone")
	room := h.largeRoom(2, ann, bob)
	said := chat.Message{Conv: chat.RoomConv(room), Room: room, Sender: ann.id, Type: "text", Body: []byte(`"hello"`), At: time.Now()}
	if _, err := h.engine.Append(t.Context(), []chat.Message{said}); err != nil {
		t.Fatal(err)
	}
	h.door.RoomChanged(&chat.RoomChange{
		Room: chat.Room{ID: room}, What: chat.RoomInvited, By: ann.id, Users: []chat.UserID{bob.id}, Hearers: []chat.UserID{ann.id, bob.id},
	})
	if m := b.hearSeqs("newMessage", 1, 1)[0]; m.Message != "hello" {
		t.Errorf("Bob heard %+v", m)
	}
}
