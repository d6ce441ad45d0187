package chat

import "testing"

// A recent map has a bound, and keeps what is asked for.
func TestRecentForgets(t *testing.T) {
	var r recent[int, int]
	r.put(-1, 7, 0)
	for i := range 5 * recentMost {
		r.put(i, i, 0)
		if v, _, ok := r.get(-1); !ok || v != 7 {
			t.Fatalf("what is asked for all the time is forgotten after %d others", i)
		}
	}
	if got := len(r.new) + len(r.old); got > 2*recentMost {
		t.Errorf("%d are kept, want at most %d", got, 2*recentMost)
	}
	_, _, first := r.get(0)
	_, _, last := r.get(5*recentMost - 1)
	if first || !last {
		t.Error("the first is kept, or the last is not")
	}
}

// What was found out before something was forgotten is not remembered after it.
func TestRecentDoesNotRememberWhatMayBeOver(t *testing.T) {
	var r recent[string, int]
	_, before, _ := r.get("Ann")
	r.put("Bob", 1, before)
	r.forget("Bob", "Carl")
	r.put("Ann", 2, before)
	for _, name := range []string{"Ann", "Bob"} {
		if v, _, ok := r.get(name); ok {
			t.Errorf("%s is remembered as %d", name, v)
		}
	}
	_, now, _ := r.get("Ann")
	r.put("Ann", 3, now)
	if v, _, ok := r.get("Ann"); !ok || v != 3 {
		t.Errorf("Ann is %d, %v", v, ok)
	}
}
