package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/bench/figure"
)

// FerretDB and the server run for real, briefly. Times vary; how many commands something takes does not.
func TestMongoCountsCommands(t *testing.T) {
	t.Setenv("MONGO_URI", "") // a FerretDB of its own
	out := t.TempDir()
	var stdout, stderr strings.Builder
	if err := run(t.Context(), []string{"mongo", "-most=10ms", "-out=" + out}, &stdout, &stderr); err != nil {
		t.Fatal(err, stderr.String())
	}
	text, err := os.ReadFile(filepath.Join(out, "mongo.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s figure.Series
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]figure.Run{
		"1 message stored":      {commandsEach: 1, "insert": 1},
		"a batch of 64":         {commandsEach: 1, "insert": 1},
		"a page of 50 messages": {commandsEach: 1, "find": 1},
		"1 cursor moved":        {commandsEach: 1, "update": 1},
	} {
		runs := s.Peers[what]
		if len(runs) != 1 {
			t.Fatalf("%s: %d runs", what, len(runs))
		}
		for name, n := range want {
			if runs[0][name] != n {
				t.Errorf("%s: %v %s, want %v", what, runs[0][name], name, n)
			}
		}
		if runs[0][timesPerSecond] <= 0 {
			t.Errorf("%s: no time was measured", what)
		}
	}
	for _, what := range s.Order {
		if each := s.Peers[what][0][commandsEach]; each <= 0 {
			t.Errorf("%s takes no command", what)
		}
	}
	if len(s.Order) != 12 || !strings.HasPrefix(s.Order[11], "a message, ") {
		t.Errorf("rows %q", s.Order)
	}
}

func TestMongoRefusesWhatItCannotMeasure(t *testing.T) {
	none := func(string) string { return "" }
	for _, args := range []string{"-most=1ms", "-most=2h", "-what", "more"} {
		if _, err := parseMongo([]string{args}, none, &strings.Builder{}); err == nil {
			t.Errorf("%s: accepted", args)
		}
	}
	_, err := parseMongo(nil, func(string) string { return "localhost:27017 with a password" }, &strings.Builder{})
	if err == nil || strings.Contains(err.Error(), "password") {
		t.Errorf("MONGO_URI that is none: %v", err)
	}
}
