package main

import (
	"math/rand/v2"
	"testing"
)

func TestPlan(t *testing.T) {
	for _, engine := range []bool{false, true} {
		steps := plan(rand.New(rand.NewPCG(7, 0)), 500, engine)
		again := plan(rand.New(rand.NewPCG(7, 0)), 500, engine)
		if len(steps) != 500 {
			t.Fatalf("%d faults, want 500", len(steps))
		}
		kinds := make(map[string]int)
		for i, f := range steps {
			if again[i].name != f.name {
				t.Fatalf("fault %d is %q, and with the same seed %q", i, f.name, again[i].name)
			}
			if f.engine && !engine {
				t.Errorf("%q without an engine to break", f.name)
			}
			kinds[f.name]++
		}
		once := make(map[string]bool)
		for _, f := range steps[:len(kinds)] {
			once[f.name] = true
		}
		for _, f := range faults() {
			if (!f.engine || engine) && !once[f.name] {
				t.Errorf("%q does not come before others come twice", f.name)
			}
		}
	}
}
