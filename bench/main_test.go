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

// The server runs for real with little in it: every figure is there, and every answer was as expected.
func TestStoreMeasuresReading(t *testing.T) {
	out := filepath.Join(t.TempDir(), "figures.md")
	var stdout, stderr strings.Builder
	args := []string{"store", "-messages=2000", "-times=2", "-conversations=20", "-backlog=100", "-most=50ms", "-out=" + out}
	if err := run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatal(err, stderr.String())
	}
	written, err := os.ReadFile(out)
	if err != nil || string(written) != stdout.String() {
		t.Errorf("the file holds %q (%v), standard output %q", written, err, stdout.String())
	}
	rows := 0
	for line := range strings.Lines(stdout.String()) {
		if cells := strings.Split(line, " | "); len(cells) == 8 && !strings.HasPrefix(line, "| what") && !strings.HasPrefix(line, "| ---") {
			rows++
			if cells[1] == "0.00" || cells[4] == "0.00" {
				t.Errorf("nothing was measured: %s", line)
			}
		}
	}
	if rows != 13 || !strings.Contains(stdout.String(), "of 4000 messages: 0.2 MB of text, sketches of 0.1 MB") {
		t.Errorf("%d rows, want 13:\n%s", rows, stdout.String())
	}
}

func TestStoreRefusesWhatItCannotMeasure(t *testing.T) {
	for _, args := range []string{"-messages=999", "-times=0", "-conversations=0", "-conversations=200001", "-backlog=0", "-what", "more"} {
		if _, err := parseStore([]string{args}, &strings.Builder{}); err == nil {
			t.Errorf("%s: accepted", args)
		}
	}
}
