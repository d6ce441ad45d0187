package main

import (
	"testing"

	"github.com/parley-chat/parley/bench/figure"
)

// Every scenario that does not talk in pairs runs for real, briefly: each of its figures is there, and nothing is lost.
func TestScenariosMeasureWhatTheirTablesShow(t *testing.T) {
	for _, c := range []struct{ scenario, peer, sockets string }{
		{"room-10", "raw", "6"}, {"storm", "raw", "20"}, {"idle-10000", "raw", "20"}, {"history", "parley", "4"}, {"sync", "parley", "20"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel() // they wait for most of the time
			out := t.TempDir()
			o, err := parse([]string{"-peers=" + c.peer, "-scenario=" + c.scenario, "-sockets=" + c.sockets, "-warmup=0s", "-duration=1s", "-out=" + out}, t.Output())
			if err != nil {
				t.Fatal(err)
			}
			if err := compare(t.Context(), o, t.Output(), t.Output()); err != nil {
				t.Fatal(err)
			}
			all, err := figure.Load(out)
			if err != nil || all[c.scenario] == nil || len(all[c.scenario].Peers[c.peer]) != 1 {
				t.Fatalf("saved %v, %v", all, err)
			}
			run := all[c.scenario].Peers[c.peer][0]
			for _, column := range all[c.scenario].Columns {
				v, measured := run[column.Name]
				if !measured || column.Worst && v != 0 {
					t.Errorf("%s: %v, measured: %v", column.Name, v, measured)
				}
			}
		})
	}
}

// A family's name stands for all its members, and every scenario can be played by somebody.
func TestScenariosAreChosenByName(t *testing.T) {
	o, err := parse([]string{"-scenario=room,idle-5000"}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range o.scenarios {
		names = append(names, s.name)
	}
	if len(names) != 6 || names[0] != "room-10" || names[4] != "room-10000" || names[5] != "idle-5000" {
		t.Errorf("chose %v", names)
	}
	for _, s := range scenarios() {
		if cast := (options{}).cast(s); len(cast) != len(s.peers) || len(cast) == 0 {
			t.Errorf("%s: %v, of which there are %d", s.name, s.peers, len(cast))
		}
	}
}
