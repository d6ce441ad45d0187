package engineio

import (
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"testing"
)

// form is how a JSONP client posts a payload (engine.io-client, polling-jsonp).
func form(payload string) string {
	payload = strings.ReplaceAll(payload, `\n`, "\\\n")
	return "d=" + url.QueryEscape(strings.ReplaceAll(payload, "\n", `\n`))
}

const formType = "application/x-www-form-urlencoded"

func TestJSONPTalks(t *testing.T) {
	h := open(t, Config{}, nil)
	got := h.ask("GET", "EIO=3&transport=polling&b64=1&j=7", "")
	var first string
	if payload, ok := strings.CutPrefix(strings.TrimSuffix(got.body, ");"), "___eio[7]("); !ok || json.Unmarshal([]byte(payload), &first) != nil {
		t.Fatalf("got %v", got)
	}
	_, packet, _ := strings.Cut(first, ":")
	ann := &poller{h, "3", sidOf(t, packet), h.guest()}
	query := ann.query() + "&b64=1&j=7"
	for said, want := range map[string]string{
		"6:4hello":              `___eio[7]("6:4hello");`,
		"4:4a\nb":               `___eio[7]("4:4a\nb");`,
		`5:4a\nb`:               `___eio[7]("5:4a\\nb");`,
		`6:4a\\nb`:              `___eio[7]("6:4a\\\\nb");`,
		"5:4<\u2028\u2029>":     `___eio[7]("5:4\u003c\u2028\u2029\u003e");`,
		"6:4hello10:b4AQIDBA==": `___eio[7]("6:4hello10:b4AQIDBA==");`,
		`8:4"</sc'\`:            `___eio[7]("8:4\"\u003c/sc'\\");`,
		"13:4name=a&b=c+d1:4":   `___eio[7]("13:4name=a&b=c+d1:4");`,
		"2:4é3:4😀1:2":           `___eio[7]("2:4é3:4😀1:3");`,
	} {
		want = strings.ReplaceAll(want, "&", `\u0026`)
		h.must(h.ask("POST", query, form(said), "Content-Type", formType), 200, "ok")
		h.must(h.ask("GET", query, ""), 200, want)
	}
}

func TestJSONPAnswersAreScripts(t *testing.T) {
	h := open(t, Config{}, nil)
	response, err := h.web.Get(h.http.URL + "/?EIO=3&transport=polling&j=0")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	h.guest()
	if response.Header.Get("Content-Type") != "text/javascript; charset=UTF-8" ||
		response.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(string(body), `___eio[0]("`) {
		t.Errorf("%q with %v", body, response.Header)
	}
}

// Nothing but digits gets into a script.
func TestJSONPIndexIsDigits(t *testing.T) {
	h := open(t, Config{}, nil)
	for _, j := range []string{"", "a", "1a", "-1", "1](alert(1));//", "12345678901", "१", "1\n"} {
		h.must(h.ask("GET", "EIO=3&transport=polling&j="+url.QueryEscape(j), ""), 400, badRequest)
	}
}

func TestMalformedFormsEndTheSession(t *testing.T) {
	h := open(t, Config{}, nil)
	for _, body := range []string{"", "d", "6:4hello", "e=6:4hello", "d=%zz", "d=%", "dd=1:4", "d=", "d=abc"} {
		h.ask("GET", "EIO=3&transport=polling&j=1", "")
		guest := h.guest()
		h.must(h.ask("POST", "EIO=3&transport=polling&j=1&sid="+guest.conn.ID(), body, "Content-Type", formType), 400, badRequest)
		receive(t, "the end", guest.closed)
	}
}
