package main

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/bench/figure"
)

// scenario is one thing that is measured, of each peer that can play it.
type scenario struct {
	name     string        // FAMILY-NUMBER for one of several that grow
	summary  string        // what is done, one sentence without a full stop
	sockets  int           // by default
	duration time.Duration // measured by default; 0 for usualDuration
	peers    []string
	columns  []figure.Column
	// run measures one peer, not started yet, once. It leaves stopping it to its caller.
	run func(ctx context.Context, p *peer, o options) (figure.Run, error)
}

// usualDuration is what most scenarios measure.
const usualDuration = 10 * time.Second

// scenarios are all of them, in the order in which "all" measures them. Each stands in a file of its own.
func scenarios() []scenario {
	return slices.Concat(talks(), []scenario{latency()}, rooms(), idles(), []scenario{storm()}, asking())
}

// faults are the columns of what must not happen.
func faults(names ...string) []figure.Column {
	var columns []figure.Column
	for _, name := range names {
		columns = append(columns, figure.Column{Name: name, Format: "%.0f", Worst: true})
	}
	return columns
}
