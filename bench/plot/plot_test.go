package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

// texts are what an SVG says, so that a test sees labels, and that it is well-formed.
func texts(t *testing.T, svg []byte) string {
	t.Helper()
	var said []string
	for dec := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return strings.Join(said, "|")
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok && len(bytes.TrimSpace(text)) > 0 {
			said = append(said, string(text))
		}
	}
}

func TestLinesAreLabelledAndAlwaysTheSame(t *testing.T) {
	parley := Series{"parley", []Point{{10, 2}, {1000, 3}, {10000, 3.5}}}
	node := Series{"node", []Point{{10, 5}, {1000, 6}}}
	var first, second bytes.Buffer
	for _, w := range []*bytes.Buffer{&first, &second} {
		if err := Lines(w, "growth & cost", "members", "us", true, false, parley, node); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same figures made two different plots")
	}
	said := texts(t, first.Bytes())
	for _, want := range []string{"growth & cost", "members", "us", "parley", "node", "10", "1,000", "10,000"} {
		if !strings.Contains("|"+said+"|", "|"+want+"|") {
			t.Errorf("%q misses %q", said, want)
		}
	}
	if !strings.Contains(first.String(), "#0072B2") || !strings.Contains(first.String(), "#D55E00") {
		t.Error("two lines, but not two colours")
	}
}

func TestBars(t *testing.T) {
	var svg bytes.Buffer
	err := Bars(&svg, "chat", "us", []string{"Parley", "Node"}, Series{"CPU", []Point{{0, 11}, {1, 25}}}, Series{"system", []Point{{0, 3}, {1, 9}}})
	if err != nil {
		t.Fatal(err)
	}
	said := texts(t, svg.Bytes())
	for _, want := range []string{"chat", "us", "Parley", "Node", "CPU", "system"} {
		if !strings.Contains("|"+said+"|", "|"+want+"|") {
			t.Errorf("%q misses %q", said, want)
		}
	}
}

func TestWhatHasNoPlaceIsRefused(t *testing.T) {
	for _, p := range []Point{{0, 1}, {1, -1}, {1, math.NaN()}, {math.Inf(1), 1}} {
		if err := Lines(io.Discard, "x", "", "", true, true, Series{"ann", []Point{{1, 1}, p}}); err == nil {
			t.Errorf("line through %v", p)
		}
	}
	for _, p := range []Point{{2, 1}, {-1, 1}, {0, -1}, {0, math.NaN()}} {
		if err := Bars(io.Discard, "x", "", []string{"a", "b"}, Series{"ann", []Point{p}}); err == nil {
			t.Errorf("bar at %v", p)
		}
	}
	if err := Lines(io.Discard, "x", "", "", false, false, Series{"ann", nil}); err == nil {
		t.Error("a line without points")
	}
}

func TestNumbersAreWrittenOut(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 12: "12", 123: "123", 1234: "1,234", 10_000: "10,000", 1e6: "1,000,000", -1234: "-1,234", 0.05: "0.05", 2.5: "2.5"} {
		if got := written(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}
