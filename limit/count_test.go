package limit

import (
	"sync"
	"testing"
)

func TestCountLetsInAsManyAsMayBe(t *testing.T) {
	c := NewCount(2)
	come := func(key string, times int) (in int) {
		for range times {
			if c.Enter(key) {
				in++
			}
		}
		return in
	}
	if n := come("ann", 3); n != 2 || come("bob", 1) != 1 {
		t.Errorf("%d came in, two of each may", n)
	}
	c.Leave("ann")
	if n := come("ann", 2); n != 1 {
		t.Errorf("one left, and %d came", n)
	}
	c.Leave("ann")
	c.Leave("ann")
	c.Leave("bob")
	if len(c.now) != 0 {
		t.Errorf("nobody is in, but %v is kept", c.now)
	}
	var none *Count
	if !none.Enter("ann") {
		t.Error("no count bounds nothing")
	}
	none.Leave("ann")
}

func TestCountUnderARace(t *testing.T) {
	c := NewCount(10)
	var in sync.Map
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			if c.Enter("ann") {
				in.Store(i, true)
			}
		})
	}
	all.Wait()
	n := 0
	in.Range(func(any, any) bool { n++; return true })
	if n != 10 {
		t.Errorf("%d of 100 got in, not 10", n)
	}
}

func TestAddressesArePacedByWhoHasThem(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":           "192.0.2.1",
		"::ffff:192.0.2.1":    "192.0.2.1",
		"2001:db8:1:2:3::4":   "2001:db8:1:2::/64",
		"2001:db8:1:2:5::6%e": "2001:db8:1:2::/64",
		"a name":              "a name",
	} {
		if got := Address(addr); got != want {
			t.Errorf("%s counts as %s, not %s", addr, got, want)
		}
	}
}
