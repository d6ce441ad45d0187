package realtime

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// object decodes what a reply appended as the one who asked will.
func object(t *testing.T, w written) map[string]any {
	t.Helper()
	text := append(w.appendMembers([]byte{'{'}), '}')
	if len(text) > w.wireSize()+2 {
		t.Errorf("%d bytes, said to be about %d", len(text), w.wireSize())
	}
	var o map[string]any
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}

func names(o map[string]any) []string { return slices.Sorted(maps.Keys(o)) }

func bobsMessage(seq uint64) chat.Message {
	return chat.Message{
		Conv: chat.DirectConv(benchAnn, benchBob), Seq: seq, Sender: benchBob, To: benchAnn, Type: "text", Ref: `"7f"`,
		Body: []byte(`{ "html" : "<b>在</b>" }`), At: time.UnixMilli(1714557600000),
	}
}

func TestPageOnTheWire(t *testing.T) {
	empty := object(t, page{})
	if want := (map[string]any{"messages": []any{}, "more": false}); !reflect.DeepEqual(empty, want) {
		t.Errorf("nothing said: %v", empty)
	}
	full := object(t, page{[]chat.Message{bobsMessage(1), bobsMessage(2)}, true})
	messages := full["messages"].([]any)
	if full["more"] != true || len(messages) != 2 || messages[1].(map[string]any)["seq"] != 2.0 ||
		!reflect.DeepEqual(messages[0].(map[string]any)["message"], map[string]any{"html": "<b>在</b>"}) {
		t.Errorf("two messages: %v", full)
	}
	next := chat.PlaceBelow(chat.DirectConv(benchAnn, benchBob), 7)
	found := object(t, foundPage{page{[]chat.Message{bobsMessage(7)}, true}, next})
	if found["next"] != next.String() || len(found["messages"].([]any)) != 1 || found["more"] != true {
		t.Errorf("a search that goes on: %v", found)
	}
	if found = object(t, foundPage{}); !slices.Equal(names(found), []string{"messages", "more"}) {
		t.Errorf("a search at its end: %v", found)
	}
}

func TestSyncOnTheWire(t *testing.T) {
	if got := object(t, syncReply{}); !reflect.DeepEqual(got, map[string]any{"conversations": []any{}, "changed": []any{}, "more": false}) {
		t.Errorf("nobody wrote: %v", got)
	}
	conv := chat.DirectConv(benchAnn, benchBob)
	next := chat.PlaceBelow(conv, 3)
	quiet := chat.ConvState{Conv: conv, With: benchBob, Newest: bobsMessage(3)}
	busy := quiet
	busy.Mine, busy.Peer = chat.Marks{Received: 2, Read: 1}, chat.Marks{Received: 5, Read: 4}
	busy.Unread, busy.Change, busy.Missed, busy.More, busy.MoreChanges = 6, 7, []chat.Message{bobsMessage(2)}, true, true
	got := object(t, syncReply{Convs: []chat.ConvState{busy, quiet}, Changed: []chat.Message{bobsMessage(1)}, Next: next})
	if got["more"] != true || got["next"] != next.String() || len(got["changed"].([]any)) != 1 {
		t.Errorf("the answer: %v", got)
	}
	first, second := got["conversations"].([]any)[0].(map[string]any), got["conversations"].([]any)[1].(map[string]any)
	if message, _ := first["message"].(map[string]any); message["seq"] != 3.0 {
		t.Errorf("the newest: %v", message)
	}
	if missed, _ := first["messages"].([]any); len(missed) != 1 {
		t.Errorf("missed: %v", missed)
	}
	delete(first, "message")
	delete(first, "messages")
	if want := (map[string]any{
		"conv": string(conv), "with": string(benchBob), "last": 3.0, "at": 1714557600000.0, "received": 2.0, "read": 1.0, "unread": 6.0,
		"peer": map[string]any{"received": 5.0, "read": 4.0}, "change": 7.0, "more": true, "moreChanges": true,
	}); !reflect.DeepEqual(first, want) {
		t.Errorf("a busy conversation: %v, want %v", first, want)
	}
	if want := []string{"at", "change", "conv", "last", "message", "peer", "read", "received", "unread", "with"}; !slices.Equal(names(second), want) {
		t.Errorf("a quiet one: %v", second)
	}
}
