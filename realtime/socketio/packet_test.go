package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestPacketsAreParsed(t *testing.T) {
	for _, c := range []struct {
		text, want string
		err        error
	}{
		{`0`, `0 / -1 `, nil},
		{`0{"token":"1"}`, `0 / -1 {"token":"1"}`, nil},
		{`0/shop`, `0 /shop -1 `, nil},
		{`0/shop,`, `0 /shop -1 `, nil},
		{`0/shop,{"a":"b,c"}`, `0 /shop -1 {"a":"b,c"}`, nil},
		{`0/shop?token=1,{}`, `0 /shop -1 {}`, nil}, // of clients older than the auth object
		{`0/,{}`, `0 / -1 {}`, nil},
		{`1/shop,`, `1 /shop -1 `, nil},
		{`2["chat"]`, `2 / -1 ["chat"]`, nil},
		{`212["chat"]`, `2 / 12 ["chat"]`, nil},
		{`2/shop,7["chat"]`, `2 /shop 7 ["chat"]`, nil},
		{`3` + strings.Repeat("9", 19) + `[]`, ``, errID},
		{`3` + strings.Repeat("9", 18) + `[]`, `3 / 999999999999999999 []`, nil},
		{`51-["a",{"_placeholder":true,"num":0}]`, `5 / -1 ["a",{"_placeholder":true,"num":0}] +1`, nil},
		{`616-/shop,3[]`, `6 /shop 3 [] +16`, nil},
		{`50-["a"]`, `5 / -1 ["a"]`, nil},
		{`52000000-["a"]`, ``, errAttachments},
		{`5["a"]`, ``, errAttachments},
		{`51["a"]`, ``, errAttachments},
		{`51`, ``, errAttachments},
		{`5-1-["a"]`, ``, errAttachments},
		{``, ``, errType},
		{`abc`, ``, errType},
		{`4{"message":"no"}`, ``, errType}, // a server's packet
		{`7`, ``, errType},
		{`2/` + strings.Repeat("x", maxNamespace), ``, errNamespace},
		{"0/sh\x1eop", ``, errNamespace},
		{`2abc["chat"]`, `2 / -1 abc["chat"]`, nil}, // refused as JSON
	} {
		p, err := parse([]byte(c.text))
		got := fmt.Sprintf("%c %s %d %s", p.kind, p.namespace, p.id, p.data)
		if p.attachments > 0 {
			got += fmt.Sprintf(" +%d", p.attachments)
		}
		if err != c.err || err == nil && got != c.want {
			t.Errorf("%q: got %s, %v; want %s, %v", c.text, got, err, c.want, c.err)
		}
	}
}

func TestArgumentsAreSplit(t *testing.T) {
	many := func(n int) string { return `["a"` + strings.Repeat(",1", n) + `]` }
	for _, c := range []struct {
		kind  byte
		id    int64
		json  string
		fails bool
		want  string
	}{
		{typeEvent, NoAck, `["chat"]`, false, `chat: `},
		{typeEvent, NoAck, ` [ "ch\u0061t" , {"a":[1]} , null ] `, false, `chat: {"a":[1]} null`},
		{typeEvent, NoAck, many(maxArgs), false, `a: ` + strings.TrimSpace(strings.Repeat("1 ", maxArgs))},
		{typeEvent, NoAck, many(maxArgs + 1), true, ``},
		{typeEvent, NoAck, ``, true, ``},
		{typeEvent, NoAck, `[]`, true, ``},
		{typeEvent, NoAck, `{}`, true, ``},
		{typeEvent, NoAck, `[1]`, true, ``},
		{typeEvent, NoAck, `["a",]`, true, ``},
		{typeEvent, NoAck, `["a"]x`, true, ``},
		{typeEvent, NoAck, `abc["a"]`, true, ``},
		{typeEvent, NoAck, `["disconnect"]`, true, ``},
		{typeEvent, NoAck, `["dis\u0063onnect"]`, true, ``},
		{typeAck, 1, `[]`, false, `: `},
		{typeAck, 1, `[{"ok":true},2]`, false, `: {"ok":true} 2`},
		{typeAck, NoAck, `[]`, true, ``},
		{typeAck, 1, `{}`, true, ``},
	} {
		var e Event
		name, args, err := arguments(packet{kind: c.kind, id: c.id, data: []byte(c.json)}, e.room[:0])
		if got := name + ": " + string(bytes.Join(args, []byte(" "))); (err != nil) != c.fails || err == nil && got != c.want {
			t.Errorf("%s: got %s, %v; want %s, failure %v", c.json, got, err, c.want, c.fails)
		}
	}
}

func TestQueriesOfNamespaces(t *testing.T) {
	for text, want := range map[string]string{
		`0/shop?token=a?b,`: "token=a?b", `0/?token=a`: "token=a", `0/shop,?no`: "", `2["a?b"]`: "",
	} {
		if p, err := parse([]byte(text)); err != nil || string(p.query) != want {
			t.Errorf("%s: %q, %v", text, p.query, err)
		}
	}
	if _, err := parse([]byte("0/n?" + strings.Repeat("q", maxQuery+1))); err != errNamespace {
		t.Errorf("a long query: %v", err)
	}
}

// The same JSON in ASCII alone means the same; what stands before it is left alone.
func TestPacketsInASCII(t *testing.T) {
	for _, argument := range []string{`["x"]`, `["é€😀登录",{"ключ":"\u00e9\n\\"}]`, `"plain"`, `{"a":"\"登\""}`} {
		got := appendASCII([]byte("before"), []byte("42/é,1"+argument))
		head, tail, _ := bytes.Cut(got, []byte(","))
		if string(head) != "before42/é" || tail[0] != '1' {
			t.Fatalf("%q", got)
		}
		var was, is any
		if json.Unmarshal([]byte(argument), &was) != nil || json.Unmarshal(tail[1:], &is) != nil {
			t.Fatalf("%q", got)
		}
		before, _ := json.Marshal(was)
		after, _ := json.Marshal(is)
		if !bytes.Equal(before, after) || bytes.ContainsFunc(tail, func(r rune) bool { return r > 0x7f }) {
			t.Errorf("%s became %s", argument, tail)
		}
	}
	if got := appendASCII(nil, []byte("40")); string(got) != "40" {
		t.Errorf("%q", got)
	}
}
