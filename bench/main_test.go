package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/bench/figure"
)

// The generator and the bare relay run for real, briefly: every message arrives once and in order, whatever the talk,
// and every figure is there.
func TestRunMeasuresTheBareRelay(t *testing.T) {
	for _, c := range []struct{ scenario, rate string }{{"chat", "0"}, {"chat", "200"}, {"chat-noack", "0"}, {"typing", "0"}, {"latency", "0"}} {
		out := t.TempDir()
		var stdout, stderr strings.Builder
		args := []string{"-peers=raw", "-scenario=" + c.scenario, "-rate=" + c.rate, "-sockets=10", "-warmup=0s", "-duration=1s", "-out=" + out}
		if err := run(t.Context(), args, &stdout, &stderr); err != nil {
			t.Fatal(err, stderr.String())
		}
		all, err := figure.Load(out)
		if err != nil || all[c.scenario] == nil || len(all[c.scenario].Peers["raw"]) != 1 {
			t.Fatalf("saved %v, %v", all, err)
		}
		run := all[c.scenario].Peers["raw"][0]
		for _, column := range all[c.scenario].Columns {
			v, measured := run[column.Name]
			switch {
			case strings.HasSuffix(column.Name, atNodes): // Node is not here
				if measured {
					t.Errorf("%s at %s: %s is %v", c.scenario, c.rate, column.Name, v)
				}
			case !measured:
				t.Errorf("%s at %s: no %s", c.scenario, c.rate, column.Name)
			case column.Worst && v != 0:
				t.Errorf("%s at %s: %v %s", c.scenario, c.rate, v, column.Name)
			case column.Against && v <= 0 && !strings.HasPrefix(column.Name, "CPU"): // of few messages, less than a tick
				t.Errorf("%s at %s: %s is %v", c.scenario, c.rate, column.Name, v)
			}
		}
		if c.rate == "200" && run["delivered/s"] > 1000 { // the closed loop makes many thousands
			t.Errorf("200 messages a second were to be sent, %v were delivered", run["delivered/s"])
		}
		if !strings.Contains(stdout.String(), "| bare relay, in memory |") {
			t.Errorf("no row of it in\n%s", stdout.String())
		}
	}
}

// A peer that does not start fails its runs, for all to see; the other's figures are there.
func TestAFailedRunIsShown(t *testing.T) {
	out := t.TempDir()
	var stdout, stderr strings.Builder
	args := []string{"-peers=raw", "-binary=broken=" + filepath.Join(out, "nothing"), "-scenario=chat", "-sockets=2", "-warmup=0s", "-duration=1s", "-out=" + out}
	err := run(t.Context(), args, &stdout, &stderr)
	if err == nil || !strings.Contains(err.Error(), "1 runs failed") {
		t.Errorf("ended with %v", err)
	}
	if !strings.Contains(stdout.String(), "Parley, binary broken: 1 of 1 runs failed, first: ") {
		t.Errorf("no failure in\n%s", stdout.String())
	}
	text, err := os.ReadFile(filepath.Join(out, "chat.json"))
	if err != nil || strings.Contains(string(text), out) || strings.Contains(string(text), os.TempDir()) {
		t.Errorf("a path of this machine is kept: %s, %v", text, err)
	}
	if all, err := figure.Load(out); err != nil || len(all["chat"].Peers["raw"]) != 1 || len(all["chat"].Failures["broken"]) != 1 {
		t.Errorf("saved %v, %v", all, err)
	}
}

// Hours of measuring are not lost with the last of them: what was played in whole rounds is kept.
func TestAnInterruptedSeriesKeepsItsRounds(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	played := 0
	party := scenario{name: "party", peers: []string{"raw"}, run: func(ctx context.Context, _ *peer, _ options) (figure.Run, error) {
		if played++; played == 2 {
			interrupt()
		}
		return figure.Run{"guests": 3}, ctx.Err()
	}}
	out := t.TempDir()
	err := compare(ctx, options{scenarios: []scenario{party}, runs: 5, out: out}, io.Discard, io.Discard)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if all, err := figure.Load(out); err != nil || all["party"] == nil || len(all["party"].Peers["raw"]) != 1 || played != 2 {
		t.Errorf("kept %v, %v, after %d runs", all, err, played)
	}
}

func TestParseRefusesWhatItCannotMeasure(t *testing.T) {
	for _, args := range []string{
		"-peers=parley,java", "-scenario=party", "-sockets=3", "-window=0", "-body=31", "-runs=0", "-duration=1ms", "-warmup=-1s", "-rate=-1", "-rate=NaN",
		"-binary=x", "-binary=node=/bin/x", "-binary==/bin/x", "-peers=parley -scenario=room-10000", "-what", "more",
	} {
		if _, err := parse(strings.Fields(args), &strings.Builder{}); err == nil {
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
