package main

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/parley-chat/parley/bench/figure"
)

// mostLatency is what a longer one counts as.
const mostLatency = time.Minute

// latencies gathers from many goroutines, to 1 %.
type latencies struct {
	mu        sync.Mutex
	histogram *hdrhistogram.Histogram // made by the first, of microseconds
}

// add counts one latency, in nanoseconds.
func (l *latencies) add(nanoseconds int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.histogram == nil {
		l.histogram = hdrhistogram.New(1, mostLatency.Microseconds(), 2)
	}
	l.histogram.RecordValue(min(max(nanoseconds/1e3, 1), mostLatency.Microseconds())) // in its range, so there is no error
}

// reset forgets everything.
func (l *latencies) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.histogram = nil
}

// put writes "p50 ms", "p99 ms" and "p99.9 ms", with a suffix, to a run. Of nothing gathered it writes nothing.
func (l *latencies) put(run figure.Run, suffix string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(run, suffix)
}

// take does so without a suffix, and forgets everything.
func (l *latencies) take(run figure.Run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(run, "")
	l.histogram = nil
}

func (l *latencies) write(run figure.Run, suffix string) {
	if l.histogram == nil {
		return
	}
	for name, quantile := range map[string]float64{p50ms: 50, p99ms: 99, p999ms: 99.9} {
		run[name+suffix] = float64(l.histogram.ValueAtQuantile(quantile)) / 1e3
	}
}
