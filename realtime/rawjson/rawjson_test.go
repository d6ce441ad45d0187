package rawjson

import (
	"bytes"
	"encoding/json"
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
