package main

import (
	"fmt"
	"io"
	"math"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// result is what one run of one server came to, by the names of the table's columns.
type result map[string]float64

// column is a figure and how to print it.
type column struct {
	name, format string
	against      bool // print the ratio to Node's too
}

func columns(scenario string) []column {
	if scenario == "idle" {
		return []column{
			{"KB/socket", "%.1f", true}, {"connects/s", "%.0f", true}, {"RSS MB", "%.0f", false}, {"closed", "%.0f", false},
		}
	}
	return []column{
		{"delivered/s", "%.0f", true}, {"acked/s", "%.0f", false}, {"CPU us/msg", "%.1f", true}, {"p50 ms", "%.2f", false},
		{"p99 ms", "%.2f", false}, {"refused", "%.0f", false}, {"lost", "%.0f", false}, {"duplicates", "%.0f", false},
		{"out of order", "%.0f", false},
	}
}

func describe(p string) string {
	return map[string]string{
		"parley": "Parley, stored before the ack",
		"node":   "Node socket.io, in memory",
		"raw":    "bare relay, in memory",
	}[p]
}

// table writes the medians of a scenario as Markdown.
func table(w io.Writer, scenario string, o options, results map[string][]result) {
	what := fmt.Sprintf("%d sockets in pairs, %d-byte bodies, %d acks outstanding, %v", orElse(o.sockets, 200), o.body, o.window, o.duration)
	if scenario == "idle" {
		what = fmt.Sprintf("%d WebSockets, logged in, silent", orElse(o.sockets, 5000))
	}
	fmt.Fprintf(w, "### %s: %s\n\nMedian of %d, %d cores shared with the generator, %s, Node %s; in brackets: times Node's.\n\n",
		scenario, what, o.runs, runtime.NumCPU(), runtime.Version(), nodeVersion())
	cols := columns(scenario)
	head, line := "| server |", "| --- |"
	for _, c := range cols {
		head, line = head+" "+c.name+" |", line+" --- |"
	}
	fmt.Fprintf(w, "%s\n%s\n", head, line)
	for _, name := range o.peers {
		row := "| " + describe(name) + " |"
		for _, c := range cols {
			value := median(results[name], c.name)
			row += " " + fmt.Sprintf(c.format, value)
			if node := median(results["node"], c.name); c.against && node > 0 {
				row += fmt.Sprintf(" (%.2f)", value/node)
			}
			row += " |"
		}
		fmt.Fprintln(w, row)
	}
	fmt.Fprintln(w)
}

// median of one column; for an even number of runs the mean of the middle two, for none 0.
func median(runs []result, name string) float64 {
	if len(runs) == 0 {
		return 0
	}
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = r[name]
	}
	slices.Sort(values)
	low, high := values[(len(values)-1)/2], values[len(values)/2]
	return math.FMA(high-low, 0.5, low)
}

func orElse(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}

func nodeVersion() string {
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		return "absent"
	}
	return strings.TrimSpace(string(out))
}
