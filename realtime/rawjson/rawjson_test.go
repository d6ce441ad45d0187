package rawjson

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestElementsComeAsTheyStand(t *testing.T) {
	got, err := Elements([]byte(` [ "chat" , {"a":[1,2]},-1.5e3 ,null] `), make([][]byte, 0, 4))
	if err != nil {
		t.Fatal(err)
	}
	if joined := string(bytes.Join(got, []byte("|"))); joined != `"chat"|{"a":[1,2]}|-1.5e3|null` {
		t.Errorf("got %s", joined)
	}
	if _, err := Elements([]byte(`[1,2,3]`), make([][]byte, 0, 2)); err != errMany {
		t.Errorf("three elements for two places: %v", err)
	}
	if _, err := Elements([]byte(`{}`), nil); err != errArray {
		t.Errorf("an object for an array: %v", err)
	}
}

func TestFieldsAreNamed(t *testing.T) {
	var got []string
	err := Fields([]byte(`{"to":"bob","\u0064ata" : {"x":1}}`), func(name, value []byte) error {
		got = append(got, string(name)+"="+string(value))
		return nil
	})
	if joined := strings.Join(got, " "); err != nil || joined != `to="bob" data={"x":1}` {
		t.Errorf("got %s, %v", joined, err)
	}
	if err := Fields([]byte(`[]`), nil); err != errObject {
		t.Errorf("an array for an object: %v", err)
	}
}

func TestDepthIsBounded(t *testing.T) {
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if err := Valid(nested(MaxDepth)); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
	for _, n := range []int{MaxDepth + 1, 10_000, 1_000_000} {
		if err := Valid(nested(n)); err != errDepth {
			t.Errorf("%d levels: %v", n, err)
		}
	}
}

func TestStringsGoThereAndBack(t *testing.T) {
	for _, s := range []string{"", "hello", `"\`, "你好", "a\x00b", "line\u2028end", "\x7f"} {
		quoted := AppendString(nil, s)
		if back, ok := String(quoted); !ok || back != s {
			t.Errorf("%q became %s became %q", s, quoted, back)
		}
	}
	if _, ok := String([]byte("12")); ok {
		t.Error("a number passed for a string")
	}
}

var event = []byte(`["chat",{"to":"bob","data":"how are \"you\"? 你好","time":1712345678901},[1,-2.5e3,{"x":[true,null]}]]`)

// Whatever passes through is looked at in place; a plain string is copied once.
func TestNothingIsAllocated(t *testing.T) {
	var room [8][]byte
	args, err := Elements(event, room[:0])
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(){
		"Valid":    func() { Valid(event) },
		"Elements": func() { Elements(event, room[:0]) },
		"Fields":   func() { Fields(args[1], func(name, value []byte) error { return nil }) },
	} {
		if n := testing.AllocsPerRun(100, do); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { String(args[0]) }); n > 1 {
		t.Errorf("String allocates %v times", n)
	}
}

func TestFieldsStopWhenTold(t *testing.T) {
	var seen []string
	err := Fields([]byte(`{"a":1,"b":2,"c":}`), func(name, _ []byte) error {
		seen = append(seen, string(name))
		if len(seen) == 2 {
			return errMany
		}
		return nil
	})
	if err != errMany || strings.Join(seen, "") != "ab" {
		t.Errorf("saw %v, %v", seen, err)
	}
}

func BenchmarkElements(b *testing.B) {
	var room [8][]byte
	b.ReportAllocs()
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		Elements(event, room[:0])
	}
}

// FuzzSplit compares with what the standard library finds in arrays and objects.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{string(event), `{}`, ` [ ] `, `{"a":1,"a":[2], "\u0061" : {}}`, `[[],{},"",-0,1e5]`, `{"a":1,}`, `["`, `{"\ud800":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !utf8.Valid(data) || Valid(data) == errDepth {
			return
		}
		if elements, err := Elements(data, make([][]byte, 0, len(data))); err == nil || err == errSyntax {
			var want []json.RawMessage
			wantErr := json.Unmarshal(data, &want)
			same := slices.EqualFunc(elements, want, func(a []byte, b json.RawMessage) bool { return bytes.Equal(a, b) })
			if (err == nil) != (wantErr == nil) || err == nil && !same {
				t.Fatalf("%q: %q, %v; the standard library has %q, %v", data, elements, err, want, wantErr)
			}
		}
		got := make(map[string]string)
		if err := Fields(data, func(name, value []byte) error {
			got[string(name)] = string(value)
			return nil
		}); err == nil || err == errSyntax {
			var want map[string]json.RawMessage
			wantErr := json.Unmarshal(data, &want)
			same := maps.EqualFunc(got, want, func(a string, b json.RawMessage) bool { return a == string(b) })
			if (err == nil) != (wantErr == nil) || err == nil && !same {
				t.Fatalf("%q: %q, %v; the standard library has %q, %v", data, got, err, want, wantErr)
			}
		}
	})
}

// FuzzString compares strings, there and back.
func FuzzString(f *testing.F) {
	for _, seed := range []string{`"plain"`, `"\ud83d\ude00"`, `"\ud800"`, `"\u0000\/\b"`, `12`, `""`, "\"\u2028\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if trimmed := bytes.TrimSpace(raw); !utf8.Valid(raw) || len(trimmed) != len(raw) || Valid(raw) != nil {
			return // not a value as it stands in a document
		}
		var want string
		wantErr := json.Unmarshal(raw, &want)
		got, ok := String(raw)
		if ok != (wantErr == nil && raw[0] == '"') || ok && got != want {
			t.Fatalf("%q: %q, %v; the standard library has %q, %v", raw, got, ok, want, wantErr)
		}
		if back, _ := String(AppendString(nil, got)); back != got {
			t.Fatalf("%q became %q became %q", raw, got, back)
		}
	})
}

// FuzzValid compares with the standard library, which agrees on everything but depth.
func FuzzValid(f *testing.F) {
	for _, seed := range []string{`[]`, `{"a":[1,-0.5E+9,true,null,"\u00e9\\"]}`, `[01]`, `"\x"`, `[1,]`, `{"a"}`, ` 1 `, `-`, `1.`, `"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Valid(data)
		if err == errDepth || !utf8.Valid(data) {
			return
		}
		if want := json.Valid(data); (err == nil) != want {
			t.Fatalf("%q: %v, the standard library says %v", data, err, want)
		}
	})
}
