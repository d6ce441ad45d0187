package main

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report writes the verdict and what it rests on, as Markdown.
func (r *run) report(w io.Writer, v *verdict) {
	faults := 0
	for _, n := range r.broken {
		faults += n
	}
	fmt.Fprintf(w, "### %s engine: %d faults, %d messages\n\n", r.engine, faults, v.Sent)
	fmt.Fprintf(w, "Seed %d, %d people with two devices each, %v, %d cores shared with the clients, %s.\n\n",
		r.seed, len(r.people), r.took.Round(time.Second), runtime.GOMAXPROCS(0), runtime.Version())
	fmt.Fprintf(w, "| promise | broken |\n| --- | --- |\n")
	for _, promise := range promises {
		fmt.Fprintf(w, "| %s | %d |\n", promise, v.counts[promise])
	}
	fmt.Fprintf(w, "\n| what happened | how often |\n| --- | --- |\n")
	for _, row := range []struct {
		what string
		n    int
	}{
		{"messages written", v.Sent},
		{"put on the wire, the same ref again included", v.Attempts},
		{"acked", v.Acked},
		{"refused, and given up", v.Refused},
		{"never answered: no ref or no ack asked for, or given up", v.Unanswered},
		{"of those, stored", v.UnansweredStored},
		{"in the history", v.Stored},
		{"deliveries heard", v.Heard},
		{"of those, repeats that the number tells", v.Repeats},
		{"edits and recalls acked", v.Changes},
		{"receipts heard", v.Receipts},
		{"answers that tell a mark", v.Marks},
		{"syncs answered", v.Syncs},
		{"connections", v.Links},
		{"server started", r.house.starts},
		{"SIGTERM while the engine was away: given up in time", r.house.gaveUp},
		{"server's memory at the most, MB", int(r.house.peak >> 20)},
	} {
		fmt.Fprintf(w, "| %s | %d |\n", row.what, row.n)
	}
	table(w, "fault", r.broken)
	table(w, "connections by", r.visits)
	table(w, "tries to connect that failed, by", r.lost)
	table(w, "refusals, connections included", r.refusal)
	if len(v.examples) > 0 {
		fmt.Fprintf(w, "\nThe first of what was broken:\n\n")
		for _, e := range v.examples {
			fmt.Fprintf(w, "- %s\n", e)
		}
	}
}

func table(w io.Writer, what string, rows map[string]int) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n| %s | times |\n| --- | --- |\n", what)
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(w, "| %s | %d |\n", strings.ReplaceAll(name, "|", "/"), rows[name])
	}
}

// said is the last of what a server wrote that ended badly.
func (r *run) said() string {
	if r.house == nil || r.house.lastTail == "" {
		return ""
	}
	return "\nthe server said:\n" + r.house.lastTail
}
