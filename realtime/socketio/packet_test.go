package socketio

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestPacketsAreTakenApart(t *testing.T) {
	for text, want := range map[string]packet{
		`0`:                        {kind: '0', namespace: "/", id: noID},
		`0/custom`:                 {kind: '0', namespace: "/custom", id: noID},
		`0/custom,{"a":1}`:         {kind: '0', namespace: "/custom", id: noID, data: []byte(`{"a":1}`)},
		`0/custom?token=a?b,`:      {kind: '0', namespace: "/custom", id: noID, query: []byte("token=a?b")},
		`0/?token=a`:               {kind: '0', namespace: "/", id: noID, query: []byte("token=a")},
		`2["a",1]`:                 {kind: '2', namespace: "/", id: noID, data: []byte(`["a",1]`)},
		`2/n,12["a"]`:              {kind: '2', namespace: "/n", id: 12, data: []byte(`["a"]`)},
		`30[]`:                     {kind: '3', namespace: "/", id: 0, data: []byte(`[]`)},
		`52-/n,7["a",{"num":0}]`:   {kind: '5', attachments: 2, namespace: "/n", id: 7, data: []byte(`["a",{"num":0}]`)},
		`60-[]`:                    {kind: '6', namespace: "/", id: noID, data: []byte(`[]`)},
		`2999999999999999999["a"]`: {kind: '2', namespace: "/", id: 999999999999999999, data: []byte(`["a"]`)},
	} {
		got, err := parse([]byte(text))
		if err != nil || got.kind != want.kind || got.attachments != want.attachments || got.namespace != want.namespace ||
			got.id != want.id || !bytes.Equal(got.query, want.query) || !bytes.Equal(got.data, want.data) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]error{
		"":                                       errType,
		"4":                                      errType,
		"7":                                      errType,
		"a":                                      errType,
		"5[]":                                    errAttachments,
		"5-[]":                                   errAttachments,
		"517-[]":                                 errAttachments,
		"51":                                     errAttachments,
		"0/" + strings.Repeat("n", maxNamespace): errNamespace,
		"0/n?" + strings.Repeat("q", maxQuery+1): errNamespace,
		"21234567890123456789[]":                 errID,
	} {
		if _, err := parse([]byte(text)); err != want {
			t.Errorf("%.20s: %v, want %v", text, err, want)
		}
	}
}

func TestFramesOfEventsAndAcks(t *testing.T) {
	args, attachments := [][]byte{[]byte(`1`), []byte(`{"a":"b"}`)}, [][]byte{{1}, {2, 3}}
	for want, got := range map[string]int{
		`4` + `2["say",1,{"a":"b"}]`:       EventFrames("/", -1, "say", args, nil)[0].Len(),
		`4` + `2/n,5["say"]`:               EventFrames("/n", 5, "say", nil, nil)[0].Len(),
		`4` + `52-/n,0["say",1,{"a":"b"}]`: EventFrames("/n", 0, "say", args, attachments)[0].Len(),
		`4` + `39[1,{"a":"b"}]`:            AckFrames("/", 9, args, nil)[0].Len(),
		`4` + `62-9[1,{"a":"b"}]`:          AckFrames("/", 9, args, attachments)[0].Len(),
	} {
		if got != len(want)+2 { // two bytes of WebSocket header
			t.Errorf("%s takes %d bytes", want, got)
		}
	}
	if frames := AckFrames("/", 9, args, attachments); len(frames) != 3 || frames[2].Len() != 4 {
		t.Errorf("%d frames", len(frames))
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

// Whatever comes, taking a packet apart does not panic, and keeps to its bounds.
func FuzzPacket(f *testing.F) {
	for _, seed := range []string{"0", "0/n?a=b,{}", `2/n,12["a",1]`, `52-/n,7["a",{"_placeholder":true,"num":0}]`, "30[]", "1", "42"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parse(data)
		if err != nil {
			return
		}
		if len(p.namespace) > maxNamespace || len(p.query) > maxQuery || p.attachments > maxAttachments || p.id < noID || len(p.data) > len(data) {
			t.Fatalf("%q: %+v", data, p)
		}
		if auth, err := queryAuth(p.query); err == nil && !json.Valid(auth) {
			t.Fatalf("%q became %q", p.query, auth)
		}
		name, args, err := arguments(p, make([][]byte, 0, maxArgs+1))
		if err != nil {
			return
		}
		for _, arg := range args {
			if !json.Valid(arg) {
				t.Fatalf("%q holds %q", data, arg)
			}
		}
		if name == "connect" || name == "disconnect" {
			t.Fatalf("%q is called %s", data, name)
		}
	})
}
