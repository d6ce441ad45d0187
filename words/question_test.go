package words

import (
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/parley-chat/parley/chat"
)

func ask(t testing.TB, q string) chat.Question {
	t.Helper()
	question, err := New().Question(q)
	if err != nil {
		t.Fatalf("%q: %v", q, err)
	}
	return question
}

func TestQuestionsInManyLanguages(t *testing.T) {
	for _, c := range []struct {
		q, body string
		want    bool
	}{
		{"hello", `"Hello, Bob"`, true},
		{"ELLO", `"hello"`, true},
		{"hello bob", `"Bob says hello"`, true},
		{"hello bob", `"hello, Carl"`, false},
		{"bob hello", `{"title":"hello","text":["Bob"]}`, true}, // in any of its texts
		{"hellobob", `["hello","bob"]`, false},                  // but none over two
		{"天气", `"今天天气很好"`, true},
		{"天好", `"今天天气很好"`, false},
		{"猫", `"我家的猫"`, true},
		{"カメラ", `"新しいｶﾒﾗを買った"`, true},        // half width
		{"ガス", `"ｶﾞｽ"`, true},                // half width, with a mark of its own
		{"ABC123", `"ａｂｃ１２３"`, true},         // full width
		{"ａｂｃ", `"xABCx"`, true},             // the other way round
		{"strasse", `"Hauptstraße 7"`, true}, // full case folding
		{"ΣΊΣΥΦΟΣ", `"σίσυφος"`, true},
		{"café", `"Cafe\u0301 au lait"`, true}, // composed or not
		{"cafe", `"café"`, false},              // an accent counts
		{"привет", `"ПРИВЕТ, мир"`, true},
		{"สวัสดี", `"สวัสดีครับ"`, true},
		{"한국", `"대한국민"`, true},
		{"👍", `"ok 👍🏽"`, true},
		{"line", `"first\nline\ttwo"`, true},
		{"a/b", `"a\/b"`, true},
		{`\n`, `"a\nb"`, false}, // escapes are not text
		{"12", `12`, false},     // numbers are not text
		{"tru", `true`, false},
		{"name", `{"name":"x"}`, false}, // nor are names of members
		{"report", `{"url":"/files/x/report.pdf","name":"a.pdf"}`, false},
		{"report", `{"url":"/files/x/y","name":"Report.pdf"}`, true},
		{"deep", `{"a":[{"b":[["so deep"]]}]}`, true},
		{"x", `null`, false},
		{"x", `not JSON x`, false},
	} {
		question := ask(t, c.q)
		for range 2 { // a second time, on what the first one left behind
			if got := question.Answers([]byte(c.body)); got != c.want {
				t.Errorf("%q in %s: %v", c.q, c.body, got)
			}
		}
		if sketch := New().Sketch([][]byte{[]byte(c.body)}); c.want && !question.MayBeIn(sketch) {
			t.Errorf("the sketch of %s hides %q", c.body, c.q)
		}
	}
}

func TestQuestionsAreBounded(t *testing.T) {
	for _, q := range []string{
		"", " \t\n", "\u3000", strings.Repeat("x", maxQuestion+1), "a b c d e f g h i", "\xff", "a\xc3",
	} {
		if _, err := New().Question(q); chat.CodeOf(err) != chat.Invalid {
			t.Errorf("%q: %v", q, err)
		}
	}
	for _, q := range []string{"a b c d e f g h", strings.Repeat("x", maxQuestion), "\x00", "ﷺ"} {
		if _, err := New().Question(q); err != nil {
			t.Errorf("%q: %v", q, err)
		}
	}
}

// oracle answers a question the slow and plain way.
func oracle(q, body string) bool {
	fold := func(s string) string { return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s))) }
	var all []string
	var collect func(v any)
	collect = func(v any) {
		switch v := v.(type) {
		case string:
			all = append(all, fold(v))
		case []any:
			for _, item := range v {
				collect(item)
			}
		case map[string]any:
			for name, item := range v {
				if name != "url" && name != "thumb" {
					collect(item)
				}
			}
		}
	}
	var value any
	if json.Unmarshal([]byte(body), &value) == nil {
		collect(value)
	}
	for _, word := range strings.Fields(fold(q)) {
		found := false
		for _, text := range all {
			found = found || strings.Contains(text, word)
		}
		if !found {
			return false
		}
	}
	return true
}

// FuzzQuestion compares with the oracle, and holds sketches to their promise: none hides an answer.
func FuzzQuestion(f *testing.F) {
	for _, seed := range [][2]string{
		{"hello", `"Hello, Bob"`}, {"天气 ok", `["今天天气","ＯＫ"]`}, {"ガ", `"ｶﾞ"`}, {"ss", `"ß"`}, {"é", `"e\u0301"`}, {"ﬁ", `"FI"`},
		{"i", `"İ"`}, {"\u3099", `"か\u3099"`}, {"a\x00b", `"a\u0000b"`}, {"ำ", `"นำ"`}, {"\u1e9e", `{"url":"ss","x":"SS"}`}, {"ͅ", `"ᾼ"`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, q, body string) {
		question, err := New().Question(q)
		if err != nil || !json.Valid([]byte(body)) || strings.TrimSpace(body) != body {
			return // not a body as it is stored
		}
		want := oracle(q, body)
		if got := question.Answers([]byte(body)); got != want {
			t.Fatalf("%q in %q: %v, the oracle says %v", q, body, got, want)
		}
		other := []byte(`"something else, 别的"`)
		if sketch := New().Sketch([][]byte{other, []byte(body)}); want && !question.MayBeIn(sketch) {
			t.Fatalf("the sketch of %q hides %q", body, q)
		}
	})
}
