package main

import "testing"

func TestOrderCountsEachKindOfFault(t *testing.T) {
	for _, c := range []struct {
		name                   string
		came                   []uint64
		sent                   uint64
		lost, late, duplicates int
	}{
		{"as sent", []uint64{1, 2, 3}, 3, 0, 0, 0},
		{"the first and the last lost", []uint64{2, 3}, 4, 2, 0, 0},
		{"one overtaken", []uint64{1, 3, 2}, 3, 0, 1, 0},
		{"one twice at once", []uint64{1, 1, 2}, 2, 0, 0, 1},
		{"one again after it came late", []uint64{2, 1, 1}, 2, 0, 1, 1},
		{"none", nil, 2, 2, 0, 0},
	} {
		var o order
		for _, n := range c.came {
			o.take(n)
		}
		if o.lost(c.sent) != c.lost || o.late != c.late || o.duplicates != c.duplicates {
			t.Errorf("%s: lost %d, late %d, duplicates %d; want %d, %d, %d",
				c.name, o.lost(c.sent), o.late, o.duplicates, c.lost, c.late, c.duplicates)
		}
	}
}
