package main

import (
	"io"
	"strings"
	"testing"

	"github.com/parley-chat/parley/bench/figure"
)

// Both measure for real, as little as they can; growth checks every answer itself.
func TestGrowthAndCommitMeasure(t *testing.T) {
	out := t.TempDir()
	var stderr strings.Builder
	for _, args := range [][]string{
		{"growth", "-sizes=5000", "-most=50ms", "-out=" + out},
		{"commit", "-senders=1,30", "-duration=1s", "-out=" + out},
	} {
		if err := run(t.Context(), args, io.Discard, &stderr); err != nil {
			t.Fatal(err, stderr.String())
		}
	}
	all, err := figure.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	for scenario, peers := range map[string][]string{"growth": {"5000"}, "commit": {"1", "30"}} {
		for _, peer := range peers {
			for _, c := range all[scenario].Columns {
				if v := all[scenario].Median(peer, c.Name); !(v > 0) {
					t.Errorf("%s, %s: %s was not measured: %v", scenario, peer, c.Name, v)
				}
			}
		}
	}
	one, many := all["commit"].Median("1", "messages a batch"), all["commit"].Median("30", "messages a batch")
	if one != 1 || many <= 1 || many > 30 {
		t.Errorf("batches of %v from one sender and of %v from 30", one, many)
	}
}

func TestGrowthAndCommitRefuse(t *testing.T) {
	for _, args := range []string{
		"growth -sizes=4999", "growth -sizes=", "growth -sizes=1e6", "growth more",
		"commit -senders=0", "commit -senders=8,", "commit -duration=1ms", "commit -body=31", "commit more",
	} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%s: measured", args)
		}
	}
}
