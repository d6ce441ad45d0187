package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/parley-chat/parley/bench/figure"
	"github.com/parley-chat/parley/bench/plot"
)

// draw makes every plot for which there are figures, by file name without .svg.
func draw(all map[string]*figure.Series) (map[string][]byte, error) {
	var samples []figure.Run
	if long := all["long"]; long != nil {
		samples = long.Peers[allSamples]
	}
	drawings, err := longDrawings(samples)
	if err != nil {
		return nil, err
	}
	for _, g := range []struct{ family, column, xLabel string }{
		{"room", "CPU us/delivery", "members of the room"},
		{"idle", "KB/socket", "WebSockets"},
	} {
		lines := growthLines(figure.Grown(all, g.family), g.column)
		if len(lines) == 0 {
			continue
		}
		var svg bytes.Buffer
		if err := plot.Lines(&svg, g.family+": "+g.column, g.xLabel, g.column, true, false, lines...); err != nil {
			return nil, fmt.Errorf("%s: %w", g.family, err)
		}
		drawings["growth-"+g.family] = svg.Bytes()
	}
	for _, b := range []struct {
		name, title, yLabel string
		groups              []group
	}{
		{"cpu", "server CPU per message", "us", []group{
			{"chat", "chat", "CPU us/msg"}, {"chat-noack", "no ack", "CPU us/msg"}, {"typing", "typing", "CPU us/msg"}, {"chat-polling", "polling", "CPU us/msg"},
		}},
		{"latency", "latency at half of Node's peak rate", "ms", []group{
			{"latency", "p50", "p50 ms" + atNodes}, {"latency", "p99", "p99 ms" + atNodes}, {"latency", "p99.9", "p99.9 ms" + atNodes},
		}},
	} {
		labels, bars := groupBars(all, b.groups)
		if len(bars) == 0 {
			continue
		}
		var svg bytes.Buffer
		if err := plot.Bars(&svg, b.title, b.yLabel, labels, bars...); err != nil {
			return nil, fmt.Errorf("%s: %w", b.name, err)
		}
		drawings[b.name] = svg.Bytes()
	}
	return drawings, nil
}

// group is a group of bars: a column of a scenario, a bar for each peer.
type group struct{ scenario, label, column string }

// groupBars are the medians of all groups that were measured.
func groupBars(all map[string]*figure.Series, groups []group) (labels []string, bars []plot.Series) {
	for _, g := range groups {
		s := all[g.scenario]
		if s == nil {
			continue
		}
		labels = append(labels, g.label)
		for _, peer := range s.Order {
			bars = addPoint(bars, peer, plot.Point{X: float64(len(labels) - 1), Y: s.Median(peer, g.column)})
		}
	}
	sortPeers(bars)
	return labels, bars
}

// addPoint adds a point to the series of a peer, unless nothing was measured there.
func addPoint(all []plot.Series, peer string, point plot.Point) []plot.Series {
	if math.IsNaN(point.Y) {
		return all
	}
	i := slices.IndexFunc(all, func(s plot.Series) bool { return s.Name == peer })
	if i < 0 {
		i, all = len(all), append(all, plot.Series{Name: peer})
	}
	all[i].Points = append(all[i].Points, point)
	return all
}

// sortPeers gives peers the same order in every plot, and so the same colours where the same ones are drawn.
func sortPeers(series []plot.Series) {
	rank := func(s plot.Series) int {
		return slices.IndexFunc(kinds(), func(k kind) bool { return k.name == s.Name })
	}
	slices.SortStableFunc(series, func(a, b plot.Series) int { return cmp.Compare(rank(a), rank(b)) })
}

// growthLines has a line for each peer: the medians of a column over the family's numbers. One member is no line.
func growthLines(members []*figure.Series, column string) []plot.Series {
	var lines []plot.Series
	for _, s := range members {
		_, n, _ := figure.Family(s.Scenario)
		for _, peer := range s.Order {
			lines = addPoint(lines, peer, plot.Point{X: n, Y: s.Median(peer, column)})
		}
	}
	if len(members) < 2 {
		return nil
	}
	sortPeers(lines)
	return lines
}
