package routes_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestBodiesThatAreRefused(t *testing.T) {
	h := open(t)
	const js, form = "application/json", "application/x-www-form-urlencoded"
	missing := `{"err_code":400,"message":"username: missing"}`
	object := `{"err_code":400,"message":"the body must be a JSON object"}`
	kind := `{"err_code":415,"message":"send the body uncompressed, in UTF-8, as application/json or application/x-www-form-urlencoded"}`
	for _, c := range []struct {
		name, kind, body string
		status           int
		says             string
	}{
		{"nothing", "", "", 400, missing},
		{"empty JSON", js, "", 400, missing},
		{"empty form", form, "", 400, missing},
		{"empty text", "text/plain", "", 400, missing},
		{"null", js, "null", 400, object},
		{"array", js, `[{"username":"ann"}]`, 400, object},
		{"number", js, "7", 400, object},
		{"string", js, `"username"`, 400, object},
		{"blank", js, "  ", 400, `{"err_code":400,"message":"the body is not valid JSON: unexpected end of JSON input, at byte 2"}`},
		{"garbage", js, "username=ann", 400, `{"err_code":400,"message":"*"}`},
		{"trailing garbage", js, `{"username":"ann"} x`, 400, `{"err_code":400,"message":"*"}`},
		{"two values", js, `{"username":"ann"}{"password":"1"}`, 400, `{"err_code":400,"message":"*"}`},
		{"cut off", js, `{"username":"an`, 400, `{"err_code":400,"message":"*"}`},
		{"too deep", js, `{"x":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`, 400, `{"err_code":400,"message":"*"}`},
		{"not UTF-8", js, "{\"username\":\"\xff\"}", 400, `{"err_code":400,"message":"the body is not UTF-8"}`},
		{"form not UTF-8", form, "username=%ff", 400, `{"err_code":400,"message":"username: not UTF-8"}`},
		{"form malformed", form, "username=%zz", 400, `{"err_code":400,"message":"the body is not a valid urlencoded form"}`},
		{"form with an operator", form, "username[$ne]=1&password[$ne]=1", 400, missing},
		{"form with a list", form, "username=ann&username=bob", 400, `{"err_code":400,"message":"username: given more than once"}`},
		{"text", "text/plain;charset=UTF-8", `{"username":"ann","password":"1"}`, 415, kind},
		{"no kind", "", `{"username":"ann","password":"1"}`, 415, kind},
		{"malformed kind", ";;", `{"username":"ann","password":"1"}`, 415, kind},
		{"another charset", "application/json; charset=gbk", `{"username":"ann","password":"1"}`, 415, kind},
		{"64 KiB and more", js, `{"username":"` + strings.Repeat("a", 64<<10) + `"}`, 413,
			`{"err_code":413,"message":"the body is too large: at most 65536 bytes"}`},
		{"form of 64 KiB and more", form, "username=" + strings.Repeat("a", 64<<10), 413, `{"err_code":413,"message":"*"}`},
		{"1 MB", js, strings.Repeat(" ", 1<<20), 413, `{"err_code":413,"message":"*"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := h.ask("POST", "/login", strings.NewReader(c.body), "Content-Type", c.kind)
			a.t = t
			a.says(c.status, c.says)
		})
	}
	h.json("/login", `{"username":"ann","password":"1"}`, "Content-Encoding", "gzip").says(415, kind)
}

func TestBodiesThatAreRead(t *testing.T) {
	h := open(t)
	h.join("ann")
	for _, c := range []struct{ name, kind, body string }{
		{"JSON", "application/json", `{"username":"ann","password":"ann's password"}`},
		{"capitals", "Application/JSON; Charset=UTF-8", `{"username":"ann","password":"ann's password"}`},
		{"byte order mark", "application/json", "\ufeff" + `{"username":"ann","password":"ann's password"}`},
		{"blanks and more fields", "application/json", "\r\n {\"x\":[{}],\"username\" : \"ann\", \"password\": \"ann's password\", \"y\":null}\n"},
		{"the last of two counts, as in JavaScript", "application/json", `{"username":"bob","username":"ann","password":"ann's password"}`},
		{"escapes", "application/json", `{"username":"\u0061nn","password":"ann\u0027s password"}`},
		{"form", "application/x-www-form-urlencoded; charset=utf-8", "username=ann&password=ann%27s+password&x=1&x=2"},
		{"just 64 KiB", "application/json", `{"username":"ann","password":"ann's password"}` + strings.Repeat(" ", 64<<10-46)},
	} {
		a := h.ask("POST", "/login", strings.NewReader(c.body), "Content-Type", c.kind)
		if a.status != http.StatusOK {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
	}
}
