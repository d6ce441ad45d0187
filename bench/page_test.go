package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/bench/figure"
)

// measured are figures of two servers that talked, at two rates.
func measured() map[string]*figure.Series {
	s := &figure.Series{
		Scenario: "latency", Title: "people talk", Order: []string{"parley", "node"},
		Columns: []figure.Column{{Name: "peak/s", Format: "%.0f"}, {Name: "p99 ms", Format: "%.1f", Against: true}, {Name: "p99 ms" + atNodes, Format: "%.1f", Against: true}},
		Peers: map[string][]figure.Run{
			"parley": {{"peak/s": 100, "p99 ms": 3, "p99 ms" + atNodes: 2}},
			"node":   {{"peak/s": 50, "p99 ms": 4, "p99 ms" + atNodes: 8}},
		},
	}
	return map[string]*figure.Series{"latency": s}
}

func TestColumnsOfOneRate(t *testing.T) {
	p := &page{all: measured()}
	const own = "| | peak/s | p99 ms |\n| --- | ---: | ---: |\n| parley | 100 | **3.0** (0.75) |\n| node | 50 | **4.0** (1.00) |"
	if got := p.columns("latency", "", "peak/s", "p99 ms"); got != own {
		t.Errorf("got\n%s\nwant\n%s", got, own)
	}
	const nodes = "| | p99 ms |\n| --- | ---: |\n| parley | **2.0** (0.25) |\n| node | **8.0** (1.00) |"
	if got := p.columns("latency", atNodes, "peak/s", "p99 ms"); got != nodes {
		t.Errorf("got\n%s\nwant\n%s", got, nodes)
	}
}

func TestRatioIsOfMedians(t *testing.T) {
	p := &page{all: measured()}
	for _, c := range []struct{ scenario, column, peer, want string }{
		{"latency", "p99 ms", "parley", "0.75"}, {"latency", "peak/s", "parley", "2.00"},
		{"latency", "p99 ms", "raw", "–"}, {"latency", "lost", "parley", "–"}, {"chat", "p99 ms", "parley", "–"},
	} {
		if got := p.ratio(c.scenario, c.column, c.peer); got != c.want {
			t.Errorf("%v: %s", c, got)
		}
	}
}

func TestTimesIsAMedianOfParleys(t *testing.T) {
	p := &page{all: measured()}
	for _, c := range []struct{ scenario, column, want string }{{"latency", "peak/s", "50"}, {"latency", "p99 ms", "1.5"}, {"latency", "lost", "–"}, {"chat", "p99 ms", "–"}} {
		if got := p.times(0.5, c.scenario, c.column); got != c.want {
			t.Errorf("%v: %s", c, got)
		}
	}
}

// Figures become a page, a plot where there is one, and a text as it is; what is missing is said to be.
func TestReportSaysWhatItHas(t *testing.T) {
	results, docs := t.TempDir(), t.TempDir()
	if err := measured()["latency"].Save(results); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(results, "profile-chat.txt"), []byte("flat flat%\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	if err := runReport([]string{"-results=" + results, "-docs=" + docs}, &stderr); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(docs, "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| p99 from intended send to delivery, each at half of its own peak | ≤ 1 | 0.75 |",
		"](plots/latency.svg)", "| parley | 100 | **3.0** (0.75) |", "```\nflat flat%\n```", "### chat\n\n" + notMeasured,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page misses %q", want)
		}
	}
	if svg, err := os.ReadFile(filepath.Join(docs, "plots", "latency.svg")); err != nil || !strings.Contains(string(svg), "p99") {
		t.Errorf("plot %.100q, %v", svg, err)
	}
	if _, err := os.Stat(filepath.Join(docs, "plots", "cpu.svg")); err == nil {
		t.Error("a plot of nothing")
	}
}

// An estimate has two digits, or is a whole number, however large.
func TestEstimates(t *testing.T) {
	runs := map[string][]figure.Run{"parley": {{"us": 4.25}}}
	p := &page{all: map[string]*figure.Series{"chat": {Peers: runs}}}
	for factor, want := range map[float64]string{1: "4.2", 0.0166667: "0.071", 42.1: "179", 1e6: "4250000"} {
		if got := p.times(factor, "chat", "us"); got != want {
			t.Errorf("%g times: %s, want %s", factor, got, want)
		}
	}
	if got := p.times(1, "idle", "us"); got != "–" {
		t.Errorf("of nothing measured: %s", got)
	}
}
