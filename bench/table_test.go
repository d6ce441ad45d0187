package main

import (
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	runs := func(values ...float64) (rs []result) {
		for _, v := range values {
			rs = append(rs, result{"x": v})
		}
		return rs
	}
	for _, c := range []struct {
		runs []result
		want float64
	}{{nil, 0}, {runs(4), 4}, {runs(9, 1, 5), 5}, {runs(1, 4, 2, 100), 3}} {
		if got := median(c.runs, "x"); got != c.want {
			t.Errorf("median of %v: %v, want %v", c.runs, got, c.want)
		}
	}
}

func TestQuantile(t *testing.T) {
	var sorted []time.Duration
	for i := range 100 {
		sorted = append(sorted, time.Duration(i+1))
	}
	if p50, p99 := quantile(sorted, 0.50), quantile(sorted, 0.99); p50 != 51 || p99 != 100 {
		t.Errorf("p50 %d, p99 %d; want 51, 100", p50, p99)
	}
	if quantile(nil, 0.99) != 0 {
		t.Error("a quantile of nothing is not 0")
	}
}

func TestTablePutsRatiosBesideNode(t *testing.T) {
	var out strings.Builder
	table(&out, "idle", options{peers: []string{"parley", "node"}, runs: 1}, map[string][]result{
		"parley": {{"KB/socket": 10, "connects/s": 3000, "RSS MB": 70}},
		"node":   {{"KB/socket": 20, "connects/s": 1500, "RSS MB": 120}},
	})
	if want := "| 10.0 (0.50) | 3000 (2.00) | 70 | 0 |"; !strings.Contains(out.String(), want) {
		t.Errorf("%s\nmisses %s", out.String(), want)
	}
}
