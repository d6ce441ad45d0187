// Package figure keeps what was measured: runs of servers, put together as a table and saved as JSON. It knows neither
// how figures are measured nor how a page or a plot shows them.
package figure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Run is what one run of one peer came to, by the names of columns.
type Run map[string]float64

// Column is a figure and how to show it.
type Column struct {
	Name    string // with its unit, as "p99 ms"
	Format  string // for fmt, of one float64
	Against bool   `json:",omitempty"` // a main figure: its ratio to Node's and its spread are shown
	Worst   bool   `json:",omitempty"` // a fault: the largest of all runs is shown, for a median would hide it
}

// Series is all runs of one scenario, and what it takes to judge and repeat them. A file holds one.
type Series struct {
	Scenario string // also the file's name; a scenario that grows is named FAMILY-NUMBER, as room-1000
	Title    string // what was done, one sentence without a full stop
	Command  string // that makes the figures, all settings named
	Machine  string
	Versions string
	Date     string // 2006-01-02

	Columns  []Column
	Order    []string            // of the peers in the table
	Titles   map[string]string   `json:",omitempty"` // of peers; one without is called by its name
	Peers    map[string][]Run    // in the order of the runs
	Failures map[string][]string `json:",omitempty"` // of peers: why a run has no figures
	Skipped  map[string]string   `json:",omitempty"` // peers that could not be started here, and why
}

// Family splits the name of a scenario that grows: room-1000 is room and 1000. Others have no number.
func Family(scenario string) (family string, n float64, ok bool) {
	i := strings.LastIndexByte(scenario, '-')
	if i <= 0 {
		return scenario, 0, false
	}
	n, err := strconv.ParseFloat(scenario[i+1:], 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return scenario, 0, false
	}
	return scenario[:i], n, true
}

// Values of one column, a run each; runs that did not measure it are left out.
func Values(runs []Run, column string) []float64 {
	var values []float64
	for _, r := range runs {
		if v, ok := r[column]; ok {
			values = append(values, v)
		}
	}
	return values
}

// Median of values; for an even number of them the mean of the middle two, for none NaN.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	low, high := sorted[(len(sorted)-1)/2], sorted[len(sorted)/2]
	return low + (high-low)/2
}

// Median of one column of one peer; NaN if nothing measured it.
func (s *Series) Median(peer, column string) float64 { return Median(Values(s.Peers[peer], column)) }

// Save writes the series to SCENARIO.json in dir, which it makes.
func (s *Series) Save(dir string) error {
	if s.Scenario == "" || s.Scenario != filepath.Base(s.Scenario) {
		return fmt.Errorf("no name for a file: %q", s.Scenario)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	rounded := *s
	rounded.Peers = make(map[string][]Run, len(s.Peers))
	for peer, runs := range s.Peers {
		for _, r := range runs {
			short := make(Run, len(r))
			for name, v := range r {
				short[name] = significant(v)
			}
			rounded.Peers[peer] = append(rounded.Peers[peer], short)
		}
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "\t")
	if err := enc.Encode(&rounded); err != nil { // for one of a figure that is no number
		return fmt.Errorf("%s: %w", s.Scenario, err)
	}
	return os.WriteFile(filepath.Join(dir, s.Scenario+".json"), text.Bytes(), 0o644)
}

// significant rounds to six digits; no figure here is known better.
func significant(v float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	if err != nil {
		return v
	}
	return short
}

// Load reads every series in dir, by scenario.
func Load(dir string) (map[string]*Series, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	all := make(map[string]*Series, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s := new(Series)
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(s); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if s.Scenario+".json" != filepath.Base(path) {
			return nil, fmt.Errorf("%s: holds %q", path, s.Scenario)
		}
		all[s.Scenario] = s
	}
	return all, nil
}

// Grown returns the members of a family, the smallest first.
func Grown(all map[string]*Series, family string) []*Series {
	members := make(map[float64]*Series)
	for name, s := range all {
		if f, n, ok := Family(name); ok && f == family {
			members[n] = s
		}
	}
	var sorted []*Series
	for _, n := range slices.Sorted(maps.Keys(members)) {
		sorted = append(sorted, members[n])
	}
	return sorted
}
