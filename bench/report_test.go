package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The page in docs is what the committed figures come to: nobody edits a figure by hand, and no figure is forgotten.
func TestTheReportIsRenderedFromTheCommittedFigures(t *testing.T) {
	files, err := render("results")
	if err != nil {
		t.Fatal(err)
	}
	docs := filepath.Join("..", "docs")
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not what bench/results renders to: go run ./bench report", name)
		}
	}
	drawn, err := filepath.Glob(filepath.Join(docs, "plots", "*.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range drawn {
		if files[filepath.Join("plots", filepath.Base(path))] == nil {
			t.Errorf("%s: nothing draws it any more", path)
		}
	}
}
