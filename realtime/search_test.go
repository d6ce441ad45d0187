package realtime_test

import (
	"fmt"
	"math"
	"testing"
)

func TestSearchByWords(t *testing.T) {
	h := open(t)
	ann, bob, eve := h.register("ann"), h.register("bob"), h.register("eve")
	a, b, e := h.join(ann, "phone"), h.join(bob, "phone"), h.join(eve, "phone")
	for i := range 5 {
		a.say(bob, fmt.Sprint("The weather of day ", i))
		b.say(ann, fmt.Sprint("今天天气 ", i))
		e.say(ann, fmt.Sprint("WEATHER report ", i))
	}
	conv := convOf(ann, bob)
	find := func(question object) (texts []any) {
		t.Helper()
		answer := a.ask("message:search", question)
		for _, m := range answer["messages"].([]any) {
			texts = append(texts, m.(object)["message"])
		}
		if more := answer["more"] == true; more != (answer["next"] != nil) {
			t.Errorf("more is %v and next %v", answer["more"], answer["next"])
		}
		return texts
	}
	for _, c := range []struct {
		question object
		want     string
	}{
		{object{"q": "天气"}, "[今天天气 4 今天天气 3 今天天气 2 今天天气 1 今天天气 0]"},
		{object{"q": "Weather OF", "conv": conv, "limit": 2}, "[The weather of day 4 The weather of day 3]"},
		{object{"q": "weather of", "conv": conv, "before": 7}, "[The weather of day 2 The weather of day 1 The weather of day 0]"},
		{object{"q": "weather", "conv": conv, "before": 1}, "[]"},
		{object{"q": "3 report weather", "before": nil}, "[WEATHER report 3]"},
		{object{"q": "storm"}, "[]"},
	} {
		if got := find(c.question); fmt.Sprint(got) != c.want {
			t.Errorf("%v: %v, want %s", c.question, got, c.want)
		}
	}
	// Page by page: newest first, each conversation by its numbers.
	var at float64 = math.MaxInt64
	next := map[string]float64{conv: 9, convOf(ann, eve): 5}
	for question := (object{"q": "weather", "limit": 3}); ; {
		answer := a.ask("message:search", question)
		for _, found := range answer["messages"].([]any) {
			m := found.(object)
			if m["at"].(float64) > at || m["seq"] != next[m["conv"].(string)] {
				t.Errorf("%v after one of %v", m, at)
			}
			at = m["at"].(float64)
			next[m["conv"].(string)] -= map[bool]float64{true: 2, false: 1}[m["conv"] == conv] // Bob writes in between
		}
		if answer["next"] == nil {
			break
		}
		question["before"] = answer["next"]
	}
	if next[conv] != -1 || next[convOf(ann, eve)] != 0 {
		t.Errorf("it ends before %v", next)
	}
	for _, c := range []struct {
		question any
		code     string
	}{
		{object{"q": "x", "conv": conv}, "forbidden"},
		{object{"q": " "}, "invalid"},
		{object{"q": 7}, "invalid"},
		{object{"q": "x", "before": 7}, "invalid"},
		{object{"q": "x", "before": "7"}, "invalid"},
		{object{"q": "x", "before": object{}}, "invalid"},
		{object{"q": "x", "conv": conv, "before": -1}, "invalid"},
		{object{"q": "x", "limit": 201}, "invalid"},
		{"x", "invalid"},
	} {
		if _, f := e.try("message:search", c.question); f == nil || f.Code != c.code {
			t.Errorf("%v: %+v, want %s", c.question, f, c.code)
		}
	}
}
