package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/bench/figure"
)

// Forty people live three seconds on a real server, coming and going all the time: every figure is there, and nothing is
// lost or out of order.
func TestALongRunInShort(t *testing.T) {
	out := t.TempDir()
	var stdout, stderr strings.Builder
	args := []string{"long", "-duration=3s", "-every=100ms", "-people=40", "-rate=400", "-stay=500ms", "-out=" + out}
	if err := run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatal(err, stderr.String())
	}
	text, err := os.ReadFile(filepath.Join(out, "long.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s figure.Series
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	whole := s.Peers[wholeRun][0]
	if whole["delivered"] < 40 || whole["logins"] < 40 || whole["questions"] < 40 {
		t.Errorf("hardly anything happened: %v", whole)
	}
	if n := len(s.Peers[allSamples]); n < fewestSamples {
		t.Errorf("%d samples", n)
	}
	there := 0.0 // everybody may be away at one moment
	for _, sample := range s.Peers[allSamples] {
		there += sample[connections]
		for _, name := range []string{rssMB, heapMB, goroutines, openFiles, diskMB, atMinute} {
			if sample[name] <= 0 {
				t.Errorf("%s: nothing in %v", name, sample)
			}
		}
	}
	if there == 0 {
		t.Error("no connections in any sample")
	}
	drawings, err := longDrawings(s.Peers[allSamples])
	if err != nil || len(drawings) != 3 {
		t.Errorf("%d drawings, %v", len(drawings), err)
	}
	if !strings.Contains(stdout.String(), "| goroutines | ") {
		t.Errorf("no verdict:\n%s", stdout.String())
	}
}

// A leak of one goroutine in ten seconds is seen among comings and goings of ten, and what only goes up and down is not.
func TestTheVerdictTellsGrowthFromNoise(t *testing.T) {
	noise := []float64{3, -7, 1, 9, -4, 0, -9, 6, 2, -1}
	var leaking, steady []figure.Run
	for i := range 240 {
		s := figure.Run{atMinute: float64(i) / 12, goroutines: 500 + noise[i%len(noise)], rssMB: 100}
		steady = append(steady, s)
		l := figure.Run{atMinute: s[atMinute], goroutines: s[goroutines] + float64(i)/2, rssMB: 100}
		leaking = append(leaking, l)
	}
	row := func(samples []figure.Run, name string) string {
		for line := range strings.Lines(verdict(samples)) {
			if strings.HasPrefix(line, "| "+name+" |") {
				return line
			}
		}
		return ""
	}
	if got := row(leaking, goroutines); !strings.Contains(got, "**grows**") || !strings.Contains(got, "| +60 |") {
		t.Errorf("a leak of 60 goroutines in ten minutes: %s", got)
	}
	if got := row(leaking, rssMB); !strings.Contains(got, "| flat |") {
		t.Errorf("memory that stays: %s", got)
	}
	if got := row(steady, goroutines); !strings.Contains(got, "| flat |") {
		t.Errorf("noise alone: %s", got)
	}
	if got := verdict(steady[:fewestSamples-1]); strings.Contains(got, "flat") {
		t.Errorf("a verdict on hardly anything: %s", got)
	}
}

func TestTrendOf(t *testing.T) {
	exact := trendOf([]float64{1, 2, 3, 5}, []float64{10, 12, 14, 18})
	if math.Abs(exact.growth-8) > 1e-9 || math.Abs(exact.mean-13.5) > 1e-9 || exact.error > 1e-6 || exact.flat() {
		t.Errorf("%+v, want growth 8 around 13.5, without error", exact)
	}
	if falling := trendOf([]float64{1, 2, 3}, []float64{3, 2, 1}); !falling.flat() {
		t.Errorf("what falls does not grow: %+v", falling)
	}
}

func TestLongRefusesWhatItCannotMeasure(t *testing.T) {
	for _, args := range []string{"-people=3", "-people=0", "-rate=0", "-every=1ms", "-duration=30s", "-stay=0s", "-body=31", "-what", "more"} {
		if _, err := parseLong([]string{args}, &strings.Builder{}); err == nil {
			t.Errorf("%s: accepted", args)
		}
	}
}
