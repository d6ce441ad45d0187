package figure

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// reference is the peer that others are compared with.
const reference = "node"

// Markdown is the series as a table with a heading: medians; of main figures the ratio to Node's in brackets and the
// spread; of faults the worst run. Runs that failed and peers that are missing stand below it.
func (s *Series) Markdown() string { return s.Heading() + s.Rows() }

// Heading is what was done, by which command, when and on what.
func (s *Series) Heading() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\n", s.Scenario, s.Title)
	if s.Command != "" {
		fmt.Fprintf(&b, "    %s\n\n", s.Command)
	}
	fmt.Fprintf(&b, "%s\n\n", joined(s.Date, s.Versions, s.Machine))
	return b.String()
}

// Rows is the table of Markdown alone, and what stands below it.
func (s *Series) Rows() string {
	var b strings.Builder
	head, line := "| |", "| --- |"
	for _, c := range s.Columns {
		head, line = head+" "+c.Name+" |", line+" ---: |"
	}
	fmt.Fprintf(&b, "%s\n%s\n", head, line)
	for _, peer := range s.Order {
		if s.Skipped[peer] != "" {
			continue
		}
		fmt.Fprintf(&b, "| %s |", s.title(peer))
		for _, c := range s.Columns {
			fmt.Fprintf(&b, " %s |", s.cell(peer, c))
		}
		b.WriteByte('\n')
	}
	for _, peer := range s.Order {
		if why := s.Failures[peer]; len(why) > 0 {
			fmt.Fprintf(&b, "\n%s: %d of %d runs failed, first: %s\n", s.title(peer), len(why), len(why)+len(s.Peers[peer]), oneLine(why[0]))
		}
		if why := s.Skipped[peer]; why != "" {
			fmt.Fprintf(&b, "\n%s: not measured, %s\n", s.title(peer), oneLine(why))
		}
	}
	return b.String()
}

func (s *Series) title(peer string) string {
	if title := s.Titles[peer]; title != "" {
		return title
	}
	return peer
}

func (s *Series) cell(peer string, c Column) string {
	values := Values(s.Peers[peer], c.Name)
	if len(values) == 0 {
		return "–"
	}
	if c.Worst {
		return fmt.Sprintf(c.Format, slices.Max(values))
	}
	median := Median(values)
	cell := fmt.Sprintf(c.Format, median)
	if !c.Against {
		return cell
	}
	if node := s.Median(reference, c.Name); node > 0 && !math.IsNaN(node) {
		cell = fmt.Sprintf("**%s** (%.2f)", cell, median/node)
	}
	if len(values) > 1 {
		cell += fmt.Sprintf(", "+c.Format+"–"+c.Format, slices.Min(values), slices.Max(values))
	}
	return cell
}

// Growth is a family of scenarios as one table of one main figure: a row for each peer, a column for each size.
func Growth(family []*Series, column Column) string {
	var b strings.Builder
	var order []string
	titles := make(map[string]string)
	head, line := "| "+column.Name+" |", "| --- |"
	for _, s := range family {
		_, n, _ := Family(s.Scenario)
		head, line = head+" "+Thousands(n)+" |", line+" ---: |"
		for _, peer := range s.Order {
			if _, known := titles[peer]; !known {
				order, titles[peer] = append(order, peer), s.title(peer)
			}
		}
	}
	fmt.Fprintf(&b, "%s\n%s\n", head, line)
	for _, peer := range order {
		fmt.Fprintf(&b, "| %s |", titles[peer])
		for _, s := range family {
			fmt.Fprintf(&b, " %s |", s.cell(peer, column))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Thousands writes a whole number with commas.
func Thousands(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// oneLine bounds a failure's text: a server's whole standard error may be in it.
func oneLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(line); len(runes) > 200 {
		line = string(runes[:200]) + "…"
	}
	return line
}
