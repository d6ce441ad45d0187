package routes

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
)

// FuzzBody holds the decoder to its word: it never panics, it refuses with words for the client, and what it takes from
// a body is what encoding/json or net/url make of the whole of it.
func FuzzBody(f *testing.F) {
	const js, form = "application/json", "application/x-www-form-urlencoded"
	for _, seed := range []struct{ kind, body string }{
		{js, `{"username":"ann","password":1}`},
		{js, `{"username":null}`},
		{js, `{"username":{"username":"ann"}}`},
		{js, `{"username":-1.5e+3,"username":"\ud800"}`},
		{js, `[1]`},
		{js, `null`},
		{js, `{"username":"a"} {`},
		{js, "\ufeff{}"},
		{js + ";charset=gbk", `{}`},
		{form, "username=ann&password=%26"},
		{form, "username=a&username=b;c=%zz"},
		{"text/plain", "username=ann"},
		{"", ""},
	} {
		f.Add(seed.kind, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		find, err := parseBody(http.Header{"Content-Type": {kind}}, body)
		if err != nil {
			mustBeClients(t, err)
			return
		}
		found, err := find("username")
		if err != nil {
			mustBeClients(t, err)
			return
		}
		if found == nil {
			return
		}
		text := *found
		var object map[string]any
		if values, err := url.ParseQuery(string(body)); err == nil && values.Has("username") && values.Get("username") == text {
			return
		}
		d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
		d.UseNumber()
		if err := d.Decode(&object); err != nil {
			t.Fatalf("took %q from %q, which is no object: %v", text, body, err)
		}
		switch v := object["username"].(type) {
		case string:
			if v != text {
				t.Fatalf("took %q for %q", text, v)
			}
		case json.Number:
			if v.String() != text {
				t.Fatalf("took %q for %v", text, v)
			}
		default:
			t.Fatalf("took %q for %v", text, v)
		}
	})
}

func mustBeClients(t *testing.T, err error) {
	var plain *echo.HTTPError
	if errors.As(err, &plain) && plain.Code == http.StatusUnsupportedMediaType {
		return
	}
	if e := chat.AsError(err); e.Code != chat.Invalid || e.Message == "" {
		t.Fatalf("refused with %v", err)
	}
}
