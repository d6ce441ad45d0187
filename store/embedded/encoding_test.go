package embedded

import (
	"reflect"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// A value that was cut short, as a broken disk may give it, is an error and not a panic or another message.
func TestDecodeCutShort(t *testing.T) {
	m := hello("a ref")
	m.Seq, m.Device, m.Time, m.Body = 7, "phone", []byte(`"noon"`), []byte(`1`)
	m.At = time.UnixMilli(1_772_625_600_123).UTC()
	edited := m
	edited.State, edited.Change, edited.Changed = chat.Edited, 3, m.At.Add(time.Minute)
	edited.Files = []chat.FileID{chat.NewFileID(), chat.NewFileID()}
	called := m
	called.Mentions = []chat.UserID{ann, bob}
	all := edited
	all.MentionsAll = true
	for _, m := range []chat.Message{m, edited, called, all} {
		whole := encodeMessage(nil, &m)
		if got, err := decodeMessage(annBo, 7, whole); err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("got  %+v, error %v\nwant %+v", got, err, m)
		}
		for n := range len(whole) - len(m.Body) {
			if got, err := decodeMessage(annBo, 7, whole[:n]); chat.CodeOf(err) != chat.Internal {
				t.Errorf("%d bytes of %d make %+v, error %v", n, len(whole), got, err)
			}
		}
		newer := append([]byte{messageV3 + 1}, whole[1:]...)
		if _, err := decodeMessage(annBo, 7, newer); chat.CodeOf(err) != chat.Internal {
			t.Errorf("a layout to come: error %v", err)
		}
	}

	conv, err := parseConv(annBo)
	if err != nil {
		t.Fatal(err)
	}
	receipt := encodeReceipt(nil, &conv, 300, m.At)
	want := chat.Receipt{Conv: annBo, Seq: 300, At: m.At}
	if got, err := decodeReceipt(receipt); err != nil || got != want {
		t.Errorf("got %+v, error %v, want %+v", got, err, want)
	}
	for n := range receipt {
		if got, err := decodeReceipt(receipt[:n]); chat.CodeOf(err) != chat.Internal {
			t.Errorf("%d bytes of %d make %+v, error %v", n, len(receipt), got, err)
		}
	}
}

// Ids that are none must not become keys: hex in capitals would name the same bytes as another id.
func TestMalformedIDs(t *testing.T) {
	for _, id := range []chat.UserID{"", "x", "65F00000000000000000000A", ann + "0", ann[1:], "zzzzzzzzzzzzzzzzzzzzzzzz"} {
		if _, err := key(kindAccount, id); chat.CodeOf(err) != chat.Invalid {
			t.Errorf("user %q: error %v", id, err)
		}
		for _, conv := range []chat.ConvID{chat.ConvID(id), chat.ConvID(id + "|" + bob), "r:" + chat.ConvID(id), chat.ConvID(bob + "|" + ann)} {
			if _, err := parseConv(conv); chat.CodeOf(err) != chat.Invalid {
				t.Errorf("conversation %q: error %v", conv, err)
			}
		}
	}
}

// What is remembered of conversations has a bound, and what is forgotten is read again.
func TestNumberingForgets(t *testing.T) {
	var n numbering
	conv := func(i int) (k convKey) {
		k.bytes[0], k.bytes[1], k.bytes[2] = byte(i), byte(i>>8), byte(i>>16)
		return k
	}
	for i := range 5 * maxKnown {
		n.remember(tallies{conv(i): {first: 1, last: uint64(i)}})
	}
	if got := len(n.known) + len(n.older); got > 2*maxKnown {
		t.Errorf("%d conversations remembered, want at most %d", got, 2*maxKnown)
	}
	if last, ok := n.recall(conv(5*maxKnown - 1)); !ok || last != 5*maxKnown-1 {
		t.Errorf("the latest is %d, %v", last, ok)
	}
	if _, ok := n.recall(conv(0)); ok {
		t.Error("the first is still remembered")
	}

	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for want := uint64(1); want < 4; want++ {
		receipts, err := s.Append(t.Context(), []chat.Message{hello("")})
		if err != nil || receipts[0].Seq != want {
			t.Errorf("got %+v, error %v, want number %d", receipts, err, want)
		}
		s.numbering.reset()
	}
}
