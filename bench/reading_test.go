package main

import (
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	var sorted []time.Duration
	for i := range 100 {
		sorted = append(sorted, time.Duration(i+1))
	}
	if p50, p99 := quantile(sorted, 0.50), quantile(sorted, 0.99); p50 != 51 || p99 != 100 {
		t.Errorf("p50 %d, p99 %d; want 51, 100", p50, p99)
	}
	if quantile(nil, 0.99) != 0 {
		t.Error("a quantile of nothing is not 0")
	}
}
