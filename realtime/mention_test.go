package realtime_test

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// Bob is called while he is away. His list says so, and where, until he has read it.
func TestBobIsMentioned(t *testing.T) {
	h := openChanges(t)
	ann, carl, bobUser, dan := h.join(h.register("Ann"), "phone"), h.join(h.register("Carl"), "phone"), h.register("Bob"), h.register("Dan")
	room := ann.makeRoom("the garden", carl.user, bobUser)
	ann.ask("chat", object{"room": room, "message": "Bob?", "mentions": []any{bobUser.id, dan.id, "nobody"}})
	ann.ask("chat", object{"room": room, "message": "anyone?", "mentions": "all"})
	carl.write(room, "not me")

	bob := h.join(bobUser, "phone")
	bob.hearSystem("newMessage", ann.user, "created")
	for _, want := range []string{fmt.Sprintf("[%s]", bob.id), "[all]", "<nil>"} {
		if m := bob.hearMessage("newMessage"); fmt.Sprint(m.Mentions) != want {
			t.Errorf("number %d mentions %v, want %s", m.Seq, m.Mentions, want)
		}
	}
	state := func(p *person) object {
		t.Helper()
		return p.ask("sync", object{})["conversations"].([]any)[0].(object)
	}
	if s := state(bob); s["mentioned"] != true || s["mention"] != 3.0 || s["unread"] != 4.0 {
		t.Errorf("Bob's list has %v", s)
	}
	bob.ask("message:read", object{"conv": "r:" + room, "seq": 2})
	if s := state(bob); s["mentioned"] != true || s["mention"] != 3.0 || s["unread"] != 2.0 {
		t.Errorf("Bob's list has %v", s)
	}
	bob.ask("message:read", object{"conv": "r:" + room, "seq": 3})
	if s := state(bob); s["mentioned"] != nil || s["mention"] != nil || s["unread"] != 1.0 {
		t.Errorf("Bob's list has %v", s)
	}

	// What an edit says is as loud as what it replaces; what is taken back calls nobody.
	seq := uint64(ann.ask("chat", object{"room": room, "message": "Bob!", "mentions": []chat.UserID{bob.id}})["seq"].(float64))
	ann.ask("message:edit", object{"conv": "r:" + room, "seq": seq, "data": "Bob, please"})
	var edited message
	bob.hear("message:changed", &edited)
	if fmt.Sprint(edited.Mentions) != fmt.Sprintf("[%s]", bob.id) || state(bob)["mention"] != float64(seq) {
		t.Errorf("Bob hears %+v, and his list has %v", edited, state(bob))
	}
	ann.ask("message:recall", object{"conv": "r:" + room, "seq": seq})
	var recalled message
	bob.hear("message:changed", &recalled)
	if recalled.Mentions != nil || state(bob)["mentioned"] != nil {
		t.Errorf("Bob hears %+v, and his list has %v", recalled, state(bob))
	}
}
