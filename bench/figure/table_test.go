package figure

import (
	"strings"
	"testing"
)

func chat() *Series {
	return &Series{
		Scenario: "chat-200", Title: "pairs write to each other", Command: "go run ./bench", Date: "2026-01-02", Machine: "2 cores",
		Columns: []Column{{Name: "CPU us/msg", Format: "%.1f", Against: true}, {Name: "p99 ms", Format: "%.0f"}, {Name: "lost", Format: "%.0f", Worst: true}},
		Order:   []string{"parley", "node", "rust"}, Titles: map[string]string{"parley": "Parley"},
		Peers: map[string][]Run{
			"parley": {{"CPU us/msg": 10, "p99 ms": 3, "lost": 0}, {"CPU us/msg": 12, "p99 ms": 5, "lost": 7}, {"CPU us/msg": 11, "p99 ms": 4, "lost": 0}},
			"node":   {{"CPU us/msg": 20, "lost": 0}},
		},
		Failures: map[string][]string{"node": {"connection refused\nat line 5"}},
		Skipped:  map[string]string{"rust": "missing: no cargo"},
	}
}

func TestMarkdownShowsRatiosSpreadAndTheWorstRun(t *testing.T) {
	const want = `### chat-200: pairs write to each other

    go run ./bench

2026-01-02; 2 cores

| | CPU us/msg | p99 ms | lost |
| --- | ---: | ---: | ---: |
| Parley | **11.0** (0.55), 10.0–12.0 | 4 | 7 |
| node | **20.0** (1.00) | – | 0 |

node: 1 of 2 runs failed, first: connection refused

rust: not measured, missing: no cargo
`
	if got := chat().Markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Without Node's figures there is no ratio.
func TestMarkdownWithoutNode(t *testing.T) {
	s := chat()
	delete(s.Peers, "node")
	if got := s.Rows(); !strings.Contains(got, "| Parley | 11.0, 10.0–12.0 | 4 | 7 |\n| node | – | – | – |\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestGrowthPutsSizesSideBySide(t *testing.T) {
	small, large := chat(), chat()
	large.Scenario = "chat-10000"
	large.Order = []string{"node", "raw"}
	const want = `| CPU us/msg | 200 | 10,000 |
| --- | ---: | ---: |
| Parley | **11.0** (0.55), 10.0–12.0 | **11.0** (0.55), 10.0–12.0 |
| node | **20.0** (1.00) | **20.0** (1.00) |
| rust | – | – |
| raw | – | – |
`
	if got := Growth([]*Series{small, large}, small.Columns[0]); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
