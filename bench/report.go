package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/template"

	"github.com/parley-chat/parley/bench/figure"
	"github.com/parley-chat/parley/bench/proc"
)

//go:embed report.md.tmpl
var reportTemplate string

// runReport renders the page and its plots. It measures nothing, so the same figures make the same files.
func runReport(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench report", flag.ContinueOnError)
	flags.SetOutput(stderr)
	results := flags.String("results", "", "folder with the figures; empty for bench/results of this source tree")
	docs := flags.String("docs", "", "folder to write benchmarks.md and plots/ to; empty for docs of this source tree")
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, err := proc.Root()
	if err != nil {
		return err
	}
	if *results == "" {
		*results = filepath.Join(root, "bench", "results")
	}
	if *docs == "" {
		*docs = filepath.Join(root, "docs")
	}
	files, err := render(*results)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(*docs, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		fmt.Fprintln(stderr, path)
	}
	return nil
}

// render returns the files of the report, by their paths below docs.
func render(results string) (map[string][]byte, error) {
	all, err := figure.Load(results)
	if err != nil {
		return nil, err
	}
	drawings, err := draw(all)
	if err != nil {
		return nil, err
	}
	p := &page{all: all, drawings: drawings, results: results}
	page, err := template.New("report").Funcs(p.words()).Parse(reportTemplate)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := page.Execute(&text, nil); err != nil {
		return nil, err
	}
	files := map[string][]byte{"benchmarks.md": text.Bytes()}
	for name, svg := range drawings {
		files[filepath.Join("plots", name+".svg")] = svg
	}
	return files, nil
}
