package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The generator and the bare relay run for real, briefly: every message arrives once and in order.
func TestRunMeasuresTheBareRelay(t *testing.T) {
	out := filepath.Join(t.TempDir(), "figures.md")
	var stdout, stderr strings.Builder
	args := []string{"-peers=raw", "-scenario=chat", "-sockets=10", "-warmup=0s", "-duration=1s", "-out=" + out}
	if err := run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatal(err, stderr.String())
	}
	written, err := os.ReadFile(out)
	if err != nil || string(written) != stdout.String() {
		t.Errorf("the file holds %q (%v), standard output %q", written, err, stdout.String())
	}
	var row string
	for line := range strings.Lines(stdout.String()) {
		if strings.HasPrefix(line, "| bare relay") {
			row = line
		}
	}
	if !strings.HasSuffix(row, " | 0 | 0 | 0 | 0 |\n") {
		t.Errorf("row %q: want nothing refused, lost, duplicated or out of order", row)
	}
	if strings.Contains(row, " 0 | 0 | 0.0 |") {
		t.Errorf("row %q: nothing was measured", row)
	}
}

func TestParseRefusesWhatItCannotMeasure(t *testing.T) {
	for _, args := range []string{
		"-peers=parley,java", "-scenario=party", "-sockets=3", "-window=0", "-body=31", "-runs=0", "-duration=1ms", "-what",
	} {
		if _, err := parse([]string{args}, &strings.Builder{}); err == nil {
			t.Errorf("%s: accepted", args)
		}
	}
}
