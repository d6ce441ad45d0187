package realtime

import (
	"encoding/json"
	"testing"
)

// TestTextsAreReadAsJSONReadsThem holds readTexts to encoding/json.
func TestTextsAreReadAsJSONReadsThem(t *testing.T) {
	for _, given := range []string{
		`{}`, `{"token":"x","device":"phone"}`, `{"TOKEN":"x","Device":"phone"}`, `{"token":null,"device":"a\u0062\n\"安"}`,
		`{"token":"x","token":"y"}`, `{"token":"x","token":null}`, ` { "to\u006ben" : "x" , "other" : [1,{"token":2}] } `,
		`{"token":7}`, `{"device":{}}`, `{"token":"x","device":true}`, `{"token":"\ud800"}`,
		``, `null`, `"x"`, `[]`, `[{"token":"x"}]`, `{"token":"x"`, `{"token":"x"}x`, `{"token":"\x"}`, `{token:"x"}`,
	} {
		var want struct{ Token, Device string }
		good := json.Unmarshal([]byte(given), &want) == nil && given != "null" // which is no object
		var token, device string
		if ok := readTexts([]byte(given), text{"token", &token}, text{"device", &device}); ok != good {
			t.Errorf("%s: %v, encoding/json says %v", given, ok, good)
		} else if ok && (token != want.Token || device != want.Device) {
			t.Errorf("%s: token %q, device %q, encoding/json reads %+v", given, token, device, want)
		}
	}
}

func TestLoginReplyOnTheWire(t *testing.T) {
	got := object(t, loginReply{"s0ck-et", benchAnn, "安's \"phone\""})
	if len(got) != 4 || got["message"] != "登录成功" || got["id"] != "s0ck-et" || got["userId"] != string(benchAnn) || got["device"] != "安's \"phone\"" {
		t.Errorf("%v", got)
	}
}
