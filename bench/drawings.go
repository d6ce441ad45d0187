package main

import (
	"bytes"
	"fmt"
	"math"

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
	return drawings, nil
}

// growthLines has a line for each peer: the medians of a column over the family's numbers. One member is no line.
func growthLines(members []*figure.Series, column string) []plot.Series {
	var lines []plot.Series
	index := make(map[string]int)
	for _, s := range members {
		_, n, _ := figure.Family(s.Scenario)
		for _, peer := range s.Order {
			v := s.Median(peer, column)
			if math.IsNaN(v) {
				continue
			}
			i, ok := index[peer]
			if !ok {
				i, index[peer] = len(lines), len(lines)
				lines = append(lines, plot.Series{Name: peer})
			}
			lines[i].Points = append(lines[i].Points, plot.Point{X: n, Y: v})
		}
	}
	if len(members) < 2 {
		return nil
	}
	return lines
}
