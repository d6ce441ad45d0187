package chat

import "testing"

// A recent set has a bound, and keeps what is asked for.
func TestRecentForgets(t *testing.T) {
	var r recent[int]
	r.add(-1)
	for i := range 5 * recentMost {
		r.add(i)
		if !r.has(-1) {
			t.Fatalf("what is asked for all the time is forgotten after %d others", i)
		}
	}
	if got := len(r.new) + len(r.old); got > 2*recentMost {
		t.Errorf("%d are kept, want at most %d", got, 2*recentMost)
	}
	if r.has(0) || !r.has(5*recentMost-1) {
		t.Error("the first is kept, or the last is not")
	}
}
