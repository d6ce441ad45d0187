package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The server is looked into while people chat: its own functions are in the text, and who allocates.
func TestProfileSaysWhereTimeAndMemoryGo(t *testing.T) {
	out := filepath.Join(t.TempDir(), "results")
	var stdout, stderr strings.Builder
	if err := runProfile(t.Context(), []string{"-scenario=chat", "-duration=1s", "-out=" + out}, &stdout, &stderr); err != nil {
		t.Fatal(err, stderr.String())
	}
	text, err := os.ReadFile(filepath.Join(out, "profile-chat.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"delivered/s", "Type: cpu", "Type: alloc_space", "Type: alloc_objects", "parley/realtime"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the profile misses %q:\n%s", want, text)
		}
	}
}

func TestProfileRefusesWhatItCannotLookInto(t *testing.T) {
	for _, args := range [][]string{{"-scenario=party"}, {"-duration=1ms"}, {"-what"}} {
		if err := runProfile(t.Context(), args, &strings.Builder{}, &strings.Builder{}); err == nil {
			t.Errorf("%v: accepted", args)
		}
	}
}
