package figure

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{4}, 4}, {[]float64{9, 1, 5}, 5}, {[]float64{1, 4, 2, 100}, 3}} {
		if got := Median(c.values); got != c.want {
			t.Errorf("median of %v: %v, want %v", c.values, got, c.want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("nothing has a median")
	}
}

func TestFamily(t *testing.T) {
	for name, want := range map[string]float64{"room-10": 10, "idle-10000": 10000, "chat": -1, "chat-noack": -1, "room-": -1, "-5": -1, "x-nan": -1} {
		family, n, ok := Family(name)
		if ok != (want >= 0) || ok && (n != want || family+"-" != name[:len(family)+1]) || !ok && family != name {
			t.Errorf("%s: %q, %v, %v", name, family, n, ok)
		}
	}
}

// What was saved is what is loaded, a file for each scenario, and a family comes in the order of its numbers.
func TestSavedSeriesAreLoadedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	for _, name := range []string{"room-1000", "room-90", "chat"} {
		s := &Series{
			Scenario: name, Title: "people <talk>", Date: "2026-01-02", Columns: []Column{{Name: "x", Format: "%.1f", Against: true}},
			Order: []string{"parley"}, Peers: map[string][]Run{"parley": {{"x": 1.5}, {"x": 2.00000001}}},
			Failures: map[string][]string{"parley": {"fell over"}},
		}
		if err := s.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Load(dir)
	if err != nil || len(all) != 3 {
		t.Fatalf("%v, %v", all, err)
	}
	got := all["chat"]
	if !reflect.DeepEqual(got.Peers["parley"], []Run{{"x": 1.5}, {"x": 2}}) || got.Failures["parley"][0] != "fell over" || got.Title != "people <talk>" {
		t.Errorf("loaded %+v", got)
	}
	rooms := Grown(all, "room")
	if len(rooms) != 2 || rooms[0].Scenario != "room-90" || rooms[1].Scenario != "room-1000" {
		t.Errorf("rooms: %v", rooms)
	}
}

func TestLoadRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, text := range []string{`{`, `{"Scenario":"other"}`, `{"Scenario":"chat","Medians":{}}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "chat.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "chat.json") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSaveRefusesWhatIsNoFigure(t *testing.T) {
	for _, s := range []*Series{{Scenario: "../chat"}, {}, {Scenario: "chat", Peers: map[string][]Run{"node": {{"x": math.NaN()}}}}} {
		if err := s.Save(t.TempDir()); err == nil {
			t.Errorf("%q: saved", s.Scenario)
		}
	}
}
