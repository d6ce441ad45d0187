package main

import (
	"bytes"
	"fmt"
	"testing"
)

var (
	ann = user{id: "00000000000000000000000a"}
	bob = user{id: "00000000000000000000000b"}
)

// What Ann says in chat, Bob reads back from the event that a server makes of it: number, time, and at least the size.
func TestChatterCarriesNumberAndTime(t *testing.T) {
	anns, bobs := chatWithAcks(ann, bob, 100)
	said := anns.say(nil, 7, 1_234_567)
	head := fmt.Sprintf(`427["chat",{"form_id":"%s","toUserid":"%s","message":"`, ann.id, bob.id)
	body, ok := bytes.CutPrefix(said, []byte(head))
	if !ok || !bytes.HasSuffix(body, []byte(`"}]`)) || len(body)-len(`"}]`) != 100 {
		t.Fatalf("said %s", said)
	}
	number, at, ours, err := bobs.hear(append([]byte(`2["newMessage",{"f_id":"a","message":"`), body...))
	if number != 7 || at != 1_234_567 || !ours || err != nil {
		t.Errorf("heard %d, %d, %v, %v", number, at, ours, err)
	}
	if _, _, ours, err := bobs.hear([]byte(`2["presence",{}]`)); ours || err != nil {
		t.Errorf("of another event: %v, %v", ours, err)
	}
	for _, bad := range []string{`2["newMessage",{}]`, `2["newMessage",{"message":"short"}]`, `2["newMessage",{"message":"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"}]`} {
		if _, _, _, err := bobs.hear([]byte(bad)); err == nil {
			t.Errorf("%s: taken", bad)
		}
	}
	if quiet, _ := chatWithoutAcks(ann, bob, minBody); !bytes.HasPrefix(quiet.say(nil, 7, 0), []byte(`42["chat",`)) {
		t.Error("an ack is asked for")
	}
}

// Ann types and stops, again and again. Bob knows each by its turn; one that is lost, and one that was never said, show.
func TestTypistKnowsTurns(t *testing.T) {
	on, off := []byte(`2["typing",{"user":"a","conv":"c","on":true}]`), []byte(`2["typing",{"user":"a","conv":"c","on":false}]`)
	anns, bobs := typing(ann, bob, 0)
	for n := uint64(1); n <= 4; n++ {
		want := fmt.Sprintf(`42["typing",{"to":"%s","on":%v}]`, bob.id, n%2 == 1)
		if said := anns.say(nil, n, int64(10*n)); string(said) != want {
			t.Fatalf("said %s, want %s", said, want)
		}
	}
	for _, c := range []struct {
		event  []byte
		number uint64
		at     int64
	}{{on, 1, 10}, {on, 3, 30}, {off, 4, 40}, {on, 4, 0}} { // 2 is lost; the last was never said
		number, at, ours, err := bobs.hear(c.event)
		if number != c.number || at != c.at || !ours || err != nil {
			t.Errorf("heard %d, %d, %v, %v; want %d, %d", number, at, ours, err, c.number, c.at)
		}
	}
	if _, _, ours, err := bobs.hear([]byte(`2["login",{}]`)); ours || err != nil {
		t.Errorf("of another event: %v, %v", ours, err)
	}
}
