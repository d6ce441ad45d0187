package main

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

// The short form of the suite: every kind of fault once. `make chaos` is the long one.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	var log, report bytes.Buffer
	seed := rand.Uint64()
	r := &run{log: &log, options: options{
		engine: "embedded", people: 6, messages: 1000, rate: 150, gap: 200 * time.Millisecond, seed: seed,
	}}
	for _, f := range faults() {
		if !f.engine {
			r.faults++
		}
	}
	v, err := r.chaos(t.Context(), t.TempDir())
	if err != nil {
		t.Fatalf("%v (seed %d)\n%s%s", err, seed, log.String(), r.said())
	}
	r.report(&report, &v)
	if v.broken() {
		t.Errorf("promises were broken\n%s%s%s", log.String(), report.String(), r.said())
	}
	// What shows nothing because nothing happened is no test.
	if v.Acked < 500 || v.Heard < v.Acked || v.Receipts == 0 || v.Marks == 0 || v.Syncs == 0 || v.Changes == 0 || r.house.starts < 5 || len(r.visits) < 6 {
		t.Errorf("too little has happened\n%s", report.String())
	}
	t.Logf("seed %d: %d messages, %d deliveries, %d connections, %v", seed, v.Sent, v.Heard, v.Links, r.took.Round(time.Second))
}

func TestOptions(t *testing.T) {
	var out bytes.Buffer
	o, err := parse([]string{"-faults", "3", "-engine", "mongo", "-seed", "9"}, &out)
	if err != nil || o.faults != 3 || o.engine != "mongo" || o.seed != 9 {
		t.Errorf("%+v, %v", o, err)
	}
	if a, _ := parse(nil, &out); a.seed == 0 {
		t.Error("no seed was chosen")
	}
	for _, bad := range [][]string{{"-engine", "sqlite"}, {"-faults", "0"}, {"-people", "1"}, {"-gap", "0"}, {"-nonsense"}} {
		if _, err := parse(bad, &out); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}
