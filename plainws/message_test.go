package plainws_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/plainws"
)

// Ann and Bob talk in the garden, and Carl, who is not there, hears nothing of it. Everybody hears herself too, at each of
// her connections.
func TestMembersHearEachOther(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	garden, attic := h.gather("garden", ann, bob), h.gather("attic", carl, ann)
	annPhone, annLaptop, bobs, carls := h.join(ann), h.join(ann), h.join(bob), h.join(carl)

	annPhone.say(garden, "hello")
	for _, p := range []*person{annPhone, annLaptop, bobs} {
		m := p.hears(ann, garden, "hello")
		if m.Type != "text" || m.Seq == 0 || m.At == 0 || m.ID != chat.MessageID(chat.RoomConv(garden.ID), m.Seq) {
			t.Errorf("%s hears %+v", p.name, m)
		}
	}
	bobs.say(garden, "\"good\" <b>day</b> \n 早安")
	for _, p := range []*person{annPhone, annLaptop, bobs} {
		p.hears(bob, garden, "\"good\" <b>day</b> \n 早安")
	}
	carls.say(attic, "anybody?")
	for _, p := range []*person{carls, annPhone, annLaptop} {
		p.hears(carl, attic, "anybody?")
	}
}

// Who is not in a room, or no more, neither writes nor hears there, and is not told whether there is such a room.
func TestStrangersAndMutedDoNotWrite(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	garden, attic := h.gather("garden", ann, bob), h.gather("attic", bob)
	anns, bobs, carls := h.join(ann), h.join(bob), h.join(carl)

	var said []string
	for _, room := range []any{garden.ID, garden.Number, fmt.Sprint(garden.Number), strings.Repeat("0", 24), 7, "7"} {
		carls.write(object{"Msg": "let me in", "RoomId": room})
		said = append(said, carls.refused(chat.NotFound).Error.Message)
	}
	for _, text := range said {
		if text != said[0] {
			t.Errorf("a stranger can tell rooms from none: %q", said)
		}
	}
	if _, err := h.rooms.Mute(t.Context(), ann.id, garden.ID, bob.id, time.Hour); err != nil {
		t.Fatal(err)
	}
	bobs.hear() // that he is muted
	bobs.say(garden, "but")
	if m := bobs.refused(chat.Forbidden); m.Error.RetryAfter < 1000 {
		t.Errorf("muted for an hour, Bob may come back in %d ms", m.Error.RetryAfter)
	}
	if _, err := h.rooms.Kick(t.Context(), ann.id, garden.ID, []chat.UserID{bob.id}); err != nil {
		t.Fatal(err)
	}
	anns.hear()
	anns.hear()
	anns.say(garden, "alone at last")
	anns.hears(ann, garden, "alone at last")
	bobs.say(garden, "hello?")
	bobs.refused(chat.NotFound)
	bobs.say(attic, "alone")
	bobs.hears(bob, attic, "alone")
}

// Rooms are named by id or number, fields in any case. A ref names a message, and sent again stores nothing.
func TestMessagesAreNamed(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	garden := h.gather("garden", ann, bob)
	anns, bobs := h.join(ann), h.join(bob)
	first := uint64(0)
	for i, q := range []object{
		{"Msg": "hello", "RoomId": garden.ID},
		{"Msg": "hello", "RoomId": garden.Number},
		{"msg": "hello", "roomid": fmt.Sprint(garden.Number)},
		{"MSG": "hello", "Roomid": garden.ID, "else": []any{1, nil}},
	} {
		anns.write(q)
		for _, p := range []*person{anns, bobs} {
			if m := p.hears(ann, garden, "hello"); i > 0 && m.Seq != first+uint64(i) {
				t.Errorf("message %d has the number %d", i, m.Seq)
			} else if i == 0 {
				first = m.Seq
			}
		}
	}
	for range 3 {
		anns.write(object{"Msg": "once", "RoomId": garden.ID, "Ref": "r1"})
		if m := anns.hears(ann, garden, "once"); m.Seq != first+4 || m.Ref != "r1" {
			t.Errorf("Ann hears %+v", m)
		}
	}
	if m := bobs.hears(ann, garden, "once"); m.Ref != "r1" {
		t.Errorf("Bob hears %+v", m)
	}
	anns.say(garden, "over")
	bobs.hears(ann, garden, "over")
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	garden := h.gather("garden", ann)
	anns := h.join(ann)
	for _, q := range []any{
		"text", 1, nil, []any{}, object{}, object{"Msg": "hello"}, object{"RoomId": garden.ID},
		object{"Msg": "", "RoomId": garden.ID}, object{"Msg": nil, "RoomId": garden.ID},
		object{"Msg": object{"a": 1}, "RoomId": garden.ID}, object{"Msg": "hello", "RoomId": "garden"},
		object{"Msg": "hello", "RoomId": -1}, object{"Msg": "hello", "RoomId": object{}},
		object{"Msg": "hello", "RoomId": garden.ID, "Ref": strings.Repeat("x", chat.MaxRef+1)},
		object{"Msg": "hello", "RoomId": garden.ID, "Ref": 1},
	} {
		anns.write(q)
		anns.refused(chat.Invalid)
	}
	anns.write(object{"Msg": strings.Repeat("x", chat.MaxBody), "RoomId": garden.ID})
	anns.refused(chat.TooLarge)
	long := strings.Repeat("x", chat.MaxBody-2)
	anns.say(garden, long)
	anns.hears(ann, garden, long)
}

// What other doors send as other JSON is heard as a text of JSON.
func TestOtherContentIsHeardAsText(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	garden := h.gather("garden", ann, bob)
	anns := h.join(ann)
	err := h.messages.Submit(t.Context(), chat.Draft{
		Sender: bob.id, Room: garden.ID, Type: "image", Body: []byte(`{"url":"/files/a/b.png","w":[1,2]}`),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m := anns.hears(bob, garden, `{"url":"/files/a/b.png","w":[1,2]}`); m.Type != "image" {
		t.Errorf("Ann hears %+v", m)
	}
	if err := h.rooms.Rename(t.Context(), bob.id, garden.ID, "park"); chat.CodeOf(err) != chat.Forbidden {
		t.Fatal(err)
	}
	if err := h.rooms.Rename(t.Context(), ann.id, garden.ID, "park"); err != nil {
		t.Fatal(err)
	}
	if m := anns.hear(); m.Sender != "ann" || m.Type != "system" || !strings.Contains(m.Context, "park") {
		t.Errorf("Ann hears %+v", m)
	}
}

// Three talk at once. All hear all of it, in the same order, which is that of the numbers, and each in the order in which
// she said it.
func TestBurstsKeepTheirOrder(t *testing.T) {
	h := open(t)
	const each = 300
	people := []user{h.register("ann"), h.register("bob"), h.register("carl")}
	garden := h.gather("garden", people...)
	var here []*person
	for _, u := range people {
		here = append(here, h.join(u))
	}
	var all sync.WaitGroup
	for _, p := range here {
		all.Go(func() {
			for i := range each {
				p.say(garden, fmt.Sprint(i))
			}
		})
		all.Go(func() {
			next := map[string]int{}
			var last uint64
			for i := range each * len(people) {
				m := p.hear()
				if m.Context != fmt.Sprint(next[m.Sender]) || i > 0 && m.Seq != last+1 {
					t.Errorf("%s hears %+v behind %d, due is %v", p.name, m, last, next)
					return
				}
				next[m.Sender]++
				last = m.Seq
			}
		})
	}
	all.Wait()
}

func TestMessagesArePaced(t *testing.T) {
	h := open(t, func(cfg *plainws.Config) { cfg.Events = limit.NewBucket(3, time.Hour) })
	ann := h.register("ann")
	garden := h.gather("garden", ann)
	anns := h.join(ann)
	for range 3 {
		anns.say(garden, "hello")
		anns.hears(ann, garden, "hello")
	}
	anns.say(garden, "hello")
	if m := anns.refused(chat.TooMany); m.Error.RetryAfter <= 0 {
		t.Errorf("%+v", m.Error)
	}
	h.join(ann).say(garden, "each connection has its own allowance")
	anns.hears(ann, garden, "each connection has its own allowance")
}

// While the engine does not take messages, they are refused, and the connection lives.
func TestRefusalsComeFromTheEngineToo(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	garden := h.gather("garden", ann)
	anns := h.join(ann)
	end, cancel := context.WithTimeout(t.Context(), answerWait)
	defer cancel()
	if err := h.messages.Close(end); err != nil {
		t.Fatal(err)
	}
	anns.write(object{"Msg": "hello", "RoomId": garden.ID, "Ref": "mine"})
	if m := anns.refused(chat.Unavailable); m.Error.Ref != "mine" {
		t.Errorf("%+v", m.Error)
	}
}
