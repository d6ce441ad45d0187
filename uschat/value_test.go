package uschat_test

import (
	"encoding/json"
	"testing"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/uschat"
)

func TestClientsSendNumbersAndNumericStringsAlike(t *testing.T) {
	for given, want := range map[string]uschat.Number{
		`{"uid":123456789}`: 123456789, `{"uid":"123456789"}`: 123456789, `{"uid":0}`: 0, `{"uid":""}`: 0,
		`{"uid":null}`: 0, `{}`: 0,
	} {
		var q struct {
			UID uschat.Number `json:"uid"`
		}
		if err := json.Unmarshal([]byte(given), &q); err != nil || q.UID != want {
			t.Errorf("%s: got %d, %v; want %d", given, q.UID, err, want)
		}
	}
	for _, given := range []string{`-1`, `1.5`, `1e3`, `"ann"`, `true`, `[1]`, `{}`, `18446744073709551616`, `9007199254740993`} {
		var n uschat.Number
		if err := json.Unmarshal([]byte(given), &n); err == nil {
			t.Errorf("%s was read as %d", given, n)
		}
	}
}

func TestATextMayComeAsANumber(t *testing.T) {
	for given, want := range map[string]uschat.Text{`"ann"`: "ann", `12345`: "12345", `"12345"`: "12345", `null`: "", `"\u4f60"`: "你"} {
		var s uschat.Text
		if err := json.Unmarshal([]byte(given), &s); err != nil || s != want {
			t.Errorf("%s: got %q, %v; want %q", given, s, err, want)
		}
	}
	for _, given := range []string{`true`, `[]`, `{"a":1}`} {
		var s uschat.Text
		if err := json.Unmarshal([]byte(given), &s); err == nil {
			t.Errorf("%s was read as %q", given, s)
		}
	}
}

func TestEveryCodeHasAnErrorOfTheContract(t *testing.T) {
	for code, want := range map[chat.Code]uschat.Error{
		"": 0, chat.Invalid: 1001, chat.TooLarge: 1001, chat.Unavailable: 1002, chat.TooMany: 1002, chat.Internal: 1002,
		chat.Conflict: 1005, chat.Unauthenticated: 1010, chat.NotFound: 1011, chat.Forbidden: 1011,
	} {
		if got := uschat.ErrorOf(code); got != want {
			t.Errorf("%q: %d, want %d", code, got, want)
		}
	}
}
