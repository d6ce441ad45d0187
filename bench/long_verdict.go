package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/parley-chat/parley/bench/figure"
	"github.com/parley-chat/parley/bench/plot"
)

// trend is how a figure went over the second half of a long run, when what fills at first is full: the line through its
// samples.
type trend struct {
	mean   float64
	growth float64 // from the half's begin to its end
	error  float64 // standard error of growth
}

// A figure is flat when it grew by less than flatShare of its mean, or by less than noise explains.
const (
	flatShare = 0.05
	flatSigma = 2
)

func (t trend) flat() bool {
	return t.growth <= flatShare*math.Abs(t.mean) || t.growth <= flatSigma*t.error
}

// trendOf fits a line to ys over xs, least squares. There are three points at least.
func trendOf(xs, ys []float64) trend {
	n := float64(len(xs))
	var sumX, sumY float64
	for i := range xs {
		sumX, sumY = sumX+xs[i], sumY+ys[i]
	}
	meanX, meanY := sumX/n, sumY/n
	var sxx, sxy, rest float64
	for i := range xs {
		sxx += (xs[i] - meanX) * (xs[i] - meanX)
		sxy += (xs[i] - meanX) * (ys[i] - meanY)
	}
	slope := sxy / sxx
	for i := range xs {
		off := ys[i] - meanY - slope*(xs[i]-meanX)
		rest += off * off
	}
	span := xs[len(xs)-1] - xs[0]
	return trend{mean: meanY, growth: slope * span, error: math.Sqrt(rest/(n-2)/sxx) * span}
}

// watched are the figures that must not grow. The number of connections is about the same all the time, and the disk is to
// grow by the same for each message.
func watched() []struct{ name, format string } {
	return []struct{ name, format string }{
		{rssMB, "%.0f"}, {heapMB, "%.0f"}, {goroutines, "%.0f"}, {openFiles, "%.0f"}, {connections, "%.0f"}, {diskPerMsg, "%.0f"},
		{cpuPerMsg, "%.1f"}, {p50ms, "%.2f"}, {p99ms, "%.2f"}, {p999ms, "%.2f"},
	}
}

// fewestSamples is what a verdict takes.
const fewestSamples = 8

// verdict is the table of the figures that must not grow.
func verdict(samples []figure.Run) string {
	if len(samples) < fewestSamples {
		return "Not measured yet."
	}
	half := samples[len(samples)/2:]
	var b strings.Builder
	b.WriteString("| in the second half of the run | mean | grew from begin to end | standard error | |\n| --- | ---: | ---: | ---: | --- |\n")
	for _, w := range watched() {
		var minutes, values []float64
		for _, s := range half {
			if v, ok := s[w.name]; ok {
				minutes, values = append(minutes, s[atMinute]), append(values, v)
			}
		}
		if len(values) < fewestSamples/2 {
			continue
		}
		t := trendOf(minutes, values)
		word := "flat"
		if !t.flat() {
			word = "**grows**"
		}
		fmt.Fprintf(&b, "| %s | "+w.format+" | "+strings.Replace(w.format, "%", "%+", 1)+" | "+w.format+" | %s |\n",
			w.name, t.mean, t.growth, t.error, word)
	}
	return b.String()
}

// longDrawings are the plots of a long run, over its minutes.
func longDrawings(samples []figure.Run) (map[string][]byte, error) {
	drawings := make(map[string][]byte)
	if len(samples) == 0 {
		return drawings, nil
	}
	for _, d := range []struct {
		name, title, unit string
		log               bool
		lines             []string
	}{
		{"long-memory", "memory", "MB", false, []string{rssMB, heapMB}},
		{"long-handles", "goroutines and open files", "", false, []string{goroutines, openFiles, connections}},
		{"long-latency", "from when it was due until it was delivered", "ms", true, []string{p999ms, p99ms, p50ms}},
	} {
		lines := make([]plot.Series, len(d.lines))
		for i, name := range d.lines {
			lines[i].Name = name
			for _, s := range samples {
				if v, ok := s[name]; ok { // nothing was delivered in some samples
					lines[i].Points = append(lines[i].Points, plot.Point{X: s[atMinute], Y: v})
				}
			}
		}
		var svg bytes.Buffer
		if err := plot.Lines(&svg, d.title, "minutes", d.unit, false, d.log, lines...); err != nil {
			return nil, err
		}
		drawings[d.name] = svg.Bytes()
	}
	return drawings, nil
}
