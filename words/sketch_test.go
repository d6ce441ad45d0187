package words

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// someWords are made-up words, different for different seeds.
func someWords(seed uint64, n int) (list []string) {
	r := rand.New(rand.NewPCG(seed, 7))
	for range n {
		word := make([]byte, 4+r.IntN(6))
		for i := range word {
			word[i] = byte('a' + r.IntN(26))
		}
		list = append(list, string(word))
	}
	return list
}

// block makes the bodies of n messages of ten words each.
func block(seed uint64, n int) (bodies [][]byte) {
	list := someWords(seed, 10*n)
	for i := range n {
		bodies = append(bodies, fmt.Appendf(nil, "%q", fmt.Sprint(list[10*i:10*i+10])))
	}
	return bodies
}

func TestSketchesAreSmallAndSeldomWrong(t *testing.T) {
	w := New()
	bodies := block(1, 128)
	size := 0
	for _, body := range bodies {
		size += len(body)
	}
	sketch := w.Sketch(bodies)
	t.Logf("%d bytes of text, a sketch of %d bytes", size, len(sketch))
	if len(sketch) > 2*size {
		t.Errorf("a sketch of %d bytes for %d bytes of random text", len(sketch), size)
	}
	for _, word := range someWords(1, 1280) {
		if !ask(t, word).MayBeIn(sketch) {
			t.Fatalf("the sketch hides %q", word)
		}
	}
	wrong := 0
	for _, word := range someWords(2, 10_000) {
		if ask(t, word).MayBeIn(sketch) {
			wrong++
		}
	}
	if wrong > 300 {
		t.Errorf("of 10,000 other words, the sketch takes %d for its own", wrong)
	}
}

func TestSketchesHaveBounds(t *testing.T) {
	w := New()
	if got := len(w.Sketch(nil)); got != makingSize+leastSketch {
		t.Errorf("a sketch of nothing has %d bytes", got)
	}
	if got := len(w.Sketch([][]byte{[]byte(`"hi"`)})); got != makingSize+leastSketch {
		t.Errorf("a sketch of two letters has %d bytes", got)
	}
	r := rand.New(rand.NewPCG(3, 7))
	characters := make([]rune, 300_000)
	for i := range characters {
		characters[i] = rune(0x4E00 + r.IntN(20_000))
	}
	for name, bodies := range map[string][][]byte{
		"a text of all characters": {[]byte(`"` + string(characters) + `"`)},
		"a library":                slices.Repeat(block(4, 128), 200),
	} {
		crowded := w.Sketch(bodies)
		if len(crowded) != makingSize || !w.Current(crowded) {
			t.Errorf("a sketch of %s has %d bytes, current: %v", name, len(crowded), w.Current(crowded))
		}
		if !ask(t, "anything").MayBeIn(crowded) {
			t.Errorf("a sketch of %s hides something", name)
		}
	}
}

// A sketch that this program cannot read hides nothing, and is not current, so it is made anew.
func TestForeignSketchesHideNothing(t *testing.T) {
	w := New()
	sketch := w.Sketch([][]byte{[]byte(`"hello"`)})
	if ask(t, "other").MayBeIn(sketch) || !w.Current(sketch) {
		t.Fatal("the sketch of one word holds another, or is not current")
	}
	elder := bytes.Clone(sketch)
	elder[0]++
	for name, foreign := range map[string][]byte{"another making": elder, "nothing": nil, "three bytes": sketch[:3]} {
		if !ask(t, "other").MayBeIn(foreign) || w.Current(foreign) {
			t.Errorf("%s: hides something or is current", name)
		}
	}
	if !ask(t, "other").MayBeIn(sketch[:makingSize+37]) {
		t.Error("a sketch cut short hides something")
	}
}

func BenchmarkSketch(b *testing.B) {
	w := New()
	chinese := make([][]byte, 128)
	for i := range chinese {
		chinese[i] = fmt.Appendf(nil, `"今天天气很好，我们%d一起去公园散步吧，你觉得怎么样？"`, i)
	}
	for name, bodies := range map[string][][]byte{"ASCII": block(1, 128), "Chinese": chinese} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.Sketch(bodies)
			}
		})
	}
}

func BenchmarkAnswers(b *testing.B) {
	for name, body := range map[string]string{
		"ASCII": `"The quick brown fox jumps over the lazy dog, and what of it?"`, "Chinese": `"今天天气很好，我们一起去公园散步吧"`,
		"Turkish": `"Bugün hava çok güzel, parka gidelim mi?"`, "object": `{"url":"/files/x/y.pdf","name":"report.pdf","size":12345}`,
	} {
		b.Run(name, func(b *testing.B) {
			question := ask(b, "nowhere")
			b.ReportAllocs()
			for b.Loop() {
				question.Answers([]byte(body))
			}
		})
	}
}

func BenchmarkMayBeIn(b *testing.B) {
	sketch, question := New().Sketch(block(1, 128)), ask(b, "nowhere")
	for b.Loop() {
		question.MayBeIn(sketch)
	}
}
