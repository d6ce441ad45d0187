package mongo

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/chat"
)

func TestNumbersForgetTheOldAndStayBounded(t *testing.T) {
	var n numbers
	conv := func(i int) chat.ConvID { return chat.ConvID(fmt.Sprint("conv ", i)) }
	if _, ok := n.get(conv(0)); ok {
		t.Error("a number out of nothing")
	}
	const total = 3 * numbersMost
	for i := range total {
		n.set(conv(i), uint64(i))
		n.set("busy", uint64(i))
	}
	if kept := len(n.young) + len(n.old); kept > 2*numbersMost {
		t.Errorf("%d conversations kept, want at most %d", kept, 2*numbersMost)
	}
	if _, ok := n.get(conv(0)); ok {
		t.Error("the oldest is still there")
	}
	for _, c := range []struct {
		conv chat.ConvID
		want uint64
	}{{"busy", total - 1}, {conv(total - 1), total - 1}, {conv(total - numbersMost), total - numbersMost}} {
		if seq, ok := n.get(c.conv); !ok || seq != c.want {
			t.Errorf("%s: %d %v, want %d", c.conv, seq, ok, c.want)
		}
	}
	n.set("busy", 1) // read long ago
	if seq, _ := n.get("busy"); seq != total-1 {
		t.Errorf("went back to %d", seq)
	}
	n.forget("busy") // it stands in both generations
	if seq, ok := n.get("busy"); ok {
		t.Errorf("forgotten, and yet %d", seq)
	}
}
