package recent

import "testing"

// Ann is asked for all the time and never forgotten, while everybody else comes by once. Nobody's new value is hidden by
// the one before.
func TestWhatIsAskedForStays(t *testing.T) {
	m := New[string, int](10)
	if _, ok := m.Get("ann"); ok {
		t.Fatal("an empty map knows Ann")
	}
	m.Put("ann", 1)
	m.Put("bob", 2)
	for i := range 100 {
		m.Put(string(rune('!'+i)), i)
		if got, ok := m.Get("ann"); !ok || got != 1 {
			t.Fatalf("after %d others Ann is %d, %v", i+1, got, ok)
		}
		if len(m.new) > 10 || len(m.old) > 10 {
			t.Fatalf("%d and %d entries", len(m.new), len(m.old))
		}
	}
	if _, ok := m.Get("bob"); ok {
		t.Error("Bob was not asked for, and is remembered")
	}
	if m.Forget("ann"); m.new["ann"] != 0 || m.old["ann"] != 0 {
		t.Error("Ann is not forgotten")
	}
	if m.Forget("ann"); len(m.new) == 0 { // nor does it matter to the others
		t.Error("all are forgotten")
	}
	for i := range 30 {
		m.Put("ann", i)
		m.Put(string(rune('a'+i%9)), i)
		if got, _ := m.Get("ann"); got != i {
			t.Fatalf("Ann is %d, not %d", got, i)
		}
	}
}
