package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/parley-chat/parley/bench/figure"
)

// page is what the report's template draws on.
type page struct {
	all      map[string]*figure.Series
	drawings map[string][]byte
	results  string // the folder
}

const notMeasured = "Not measured yet."

// words are what the template may say.
func (p *page) words() template.FuncMap {
	return template.FuncMap{
		"table": p.table, "heading": p.heading, "columns": p.columns, "growth": p.growth, "ratio": p.ratio, "times": p.times, "verdict": p.verdict, "plot": p.plot, "text": p.text,
	}
}

// table shows one scenario, with its heading.
func (p *page) table(scenario string) string {
	s := p.all[scenario]
	if s == nil {
		return "### " + scenario + "\n\n" + notMeasured
	}
	return strings.TrimSpace(s.Markdown())
}

// heading is the table's heading alone: what, how, where and when.
func (p *page) heading(scenario string) string {
	s := p.all[scenario]
	if s == nil {
		return "### " + scenario
	}
	return strings.TrimSpace(s.Heading())
}

// columns shows some columns of a scenario, without a heading. An ending that all of them share is left out.
func (p *page) columns(scenario, ending string, names ...string) string {
	s := p.all[scenario]
	if s == nil {
		return notMeasured
	}
	some := *s
	some.Columns = nil
	some.Peers = make(map[string][]figure.Run)
	for _, c := range s.Columns {
		if !slices.Contains(names, strings.TrimSuffix(c.Name, ending)) || !strings.HasSuffix(c.Name, ending) {
			continue
		}
		full := c.Name
		c.Name = strings.TrimSuffix(full, ending)
		some.Columns = append(some.Columns, c)
		for peer, runs := range s.Peers {
			for i, run := range runs {
				if len(some.Peers[peer]) <= i {
					some.Peers[peer] = append(some.Peers[peer], make(figure.Run))
				}
				if v, ok := run[full]; ok {
					some.Peers[peer][i][c.Name] = v
				}
			}
		}
	}
	return strings.TrimSpace(some.Rows())
}

// growth shows one figure of a family of scenarios.
func (p *page) growth(family, column string) string {
	members := figure.Grown(p.all, family)
	for _, s := range members {
		if i := slices.IndexFunc(s.Columns, func(c figure.Column) bool { return c.Name == column }); i >= 0 {
			return strings.TrimSpace(figure.Growth(members, s.Columns[i]))
		}
	}
	return notMeasured
}

// ratio is a peer's median as so many times Node's.
func (p *page) ratio(scenario, column, peer string) string {
	s := p.all[scenario]
	if s == nil {
		return "–"
	}
	ratio := s.Median(peer, column) / s.Median("node", column)
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) {
		return "–"
	}
	return fmt.Sprintf("%.2f", ratio)
}

// times is a median of Parley's, so many times, for estimates: to two digits, or a whole number.
func (p *page) times(factor float64, scenario, column string) string {
	s := p.all[scenario]
	if s == nil {
		return "–"
	}
	v := s.Median("parley", column) * factor
	if math.IsNaN(v) {
		return "–"
	}
	if v >= 10 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// verdict says what grew in the long run.
func (p *page) verdict() string {
	if p.all["long"] == nil {
		return verdict(nil)
	}
	return strings.TrimSpace(verdict(p.all["long"].Peers[allSamples]))
}

// plot shows a drawing, if there are figures for it.
func (p *page) plot(name, what string) string {
	if p.drawings[name] == nil {
		return ""
	}
	return fmt.Sprintf("![%s](plots/%s.svg)", what, name)
}

// text shows a file beside the figures, for instance a profile, as it is.
func (p *page) text(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(p.results, filepath.Base(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return notMeasured, nil
	}
	return "```\n" + strings.TrimRight(string(text), "\n") + "\n```", err
}
