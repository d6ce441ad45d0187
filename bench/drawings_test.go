package main

import "testing"

// Node is measured first where latencies are, and Parley first elsewhere. In plots they stand in one order.
func TestPeersHaveOneOrderInPlots(t *testing.T) {
	all := measured()
	all["latency"].Order = []string{"node", "parley"}
	labels, bars := groupBars(all, []group{{"latency", "p99", "p99 ms"}, {"chat", "chat", "CPU us/msg"}})
	if len(labels) != 1 || len(bars) != 2 || bars[0].Name != "parley" || bars[0].Points[0].Y != 3 || bars[1].Name != "node" || bars[1].Points[0].Y != 4 {
		t.Errorf("labels %v, bars %v", labels, bars)
	}
}
