package realtime_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// synced is an answer to `sync` as a client sees it.
type synced struct {
	Conversations []struct {
		Conv, With           string
		Last, Received, Read uint64
		At                   int64
		Unread               int
		Peer                 struct{ Received, Read uint64 }
		Change               uint64
		Message              message
		Messages             []message
		More, MoreChanges    bool
	}
	Changed []struct {
		message
		Change uint64
		Edited int64
	}
	More bool
	Next string
}

func (p *person) sync(argument object) (s synced) {
	p.t.Helper()
	answer, err := json.Marshal(p.ask("sync", argument))
	if err != nil {
		p.t.Fatal(err)
	}
	decode(p.t, string(answer), &s)
	return s
}

// Ann's phone was away. One answer tells it how all stands: what it has missed, what was edited, what Bob has read.
func TestAnnSyncs(t *testing.T) {
	h := openChanges(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carlos")
	a, b, c := h.join(ann, "phone"), h.join(bob, "laptop"), h.join(carl, "phone")
	withBob, withCarl := convOf(ann, bob), convOf(ann, carl)
	a.say(bob, "在吗")
	b.ask("message:read", object{"conv": withBob, "seq": 1})
	h.proven(a, "phone", withBob, 1)
	h.until("it is known that she has read what she wrote", func() bool {
		a.drain()
		marks, err := h.cursors.Marks(t.Context(), []chat.Member{{User: ann.id, Conv: chat.ConvID(withBob)}})
		return err == nil && marks[0].Read == 1
	})
	h.leave(a)
	b.say(ann, "在")
	b.say(ann, "有事？")
	b.ask("message:edit", object{"conv": withBob, "seq": 2, "data": "在的"})
	c.say(ann, "hello")

	a = h.connect(ann, object{"token": ann.token}) // without login: nothing is delivered beside the answer
	s := a.sync(object{"cursors": object{withBob: 2, withCarl: 0}})
	if s.More || s.Next != "" || len(s.Conversations) != 2 || len(s.Changed) != 1 {
		t.Fatalf("synced: %+v", s)
	}
	first, second := s.Conversations[0], s.Conversations[1]
	if first.Conv != withCarl { // both may have come in the same millisecond
		first, second = second, first
	}
	if first.Conv != withCarl || first.With != string(carl.id) || first.Last != 1 || first.Received != 0 || first.Read != 0 || first.Unread != 1 ||
		first.At != first.Message.At || first.Message.Message != "hello" || len(first.Messages) != 1 || first.More {
		t.Errorf("with Carl: %+v", first)
	}
	if second.Conv != withBob || second.Last != 3 || second.Received != 1 || second.Read != 1 || second.Unread != 2 || second.Change != 1 ||
		second.Peer.Read < 1 || second.Message.Message != "有事？" || len(second.Messages) != 1 || second.Messages[0].Seq != 3 {
		t.Errorf("with Bob: %+v", second)
	}
	if m := s.Changed[0]; m.Seq != 2 || m.Message != "在的" || m.Change != 1 || m.Edited == 0 {
		t.Errorf("changed: %+v", m)
	}

	s = a.sync(object{"limit": 1, "changes": object{withBob: 1}})
	if !s.More || len(s.Conversations) != 1 || len(s.Changed) != 0 {
		t.Fatalf("the first page: %+v", s)
	}
	rest := a.sync(object{"limit": 1, "after": s.Next})
	if rest.More || len(rest.Conversations) != 1 || rest.Conversations[0].Conv == s.Conversations[0].Conv {
		t.Errorf("the second page: %+v", rest)
	}
}

func TestSyncIsRefused(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	a := h.join(ann, "phone")
	many := make(object)
	for i := range 2001 {
		many[fmt.Sprintf("%s|%024x", ann.id, i)] = 1
	}
	for _, wrong := range []any{
		"all", object{"limit": -1}, object{"limit": 201}, object{"cursors": object{"x": -1}}, object{"cursors": object{"x": "1"}},
		object{"cursors": []int{1}}, object{"after": "x"}, object{"after": "1.2." + strings.Repeat("y", 5000)}, object{"cursors": many}, object{"changes": many},
	} {
		if _, f := a.try("sync", wrong); f == nil || f.Code != string(chat.Invalid) {
			t.Errorf("%.80s: %+v", fmt.Sprint(wrong), f)
		}
	}
	if s := a.sync(object{"cursors": object{"nonsense": 1, "": 2}, "changes": nil}); len(s.Conversations) != 0 || s.More {
		t.Errorf("what is not hers is passed over: %+v", s)
	}
}
