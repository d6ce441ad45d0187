package routes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/auth"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/media"
	"github.com/parley-chat/parley/routes"
	"github.com/parley-chat/parley/store/embedded"
)

// house is the door on a real server with the real rules behind it.
type house struct {
	t        *testing.T
	dir      string // of uploads, finished and not
	url      string
	config   routes.Config
	accounts chat.AccountStore
	log      *logBook
}

// open opens the door; change may alter what it stands on.
func open(t *testing.T, change ...func(*routes.Config)) *house {
	t.Helper()
	store, err := embedded.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	passwords, err := auth.NewPasswords(4)
	if err != nil {
		t.Fatal(err)
	}
	book := &logBook{}
	log := slog.New(slog.NewJSONHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := t.TempDir()
	files, err := media.Open(filepath.Join(dir, "img"), filepath.Join(dir, "tmp"), log)
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := media.OpenFiles(filepath.Join(dir, "files"), files)
	if err != nil {
		t.Fatal(err)
	}
	config := routes.Config{
		Uploads: &chat.Files{
			Store: store, Bodies: bodies, Most: 1 << 20, Quota: 4 << 20, Keep: time.Hour, Now: time.Now, Log: log,
		},
		Bodies: bodies,
		Accounts: &chat.Accounts{
			Store:     store,
			Passwords: passwords,
			Tokens:    auth.NewTokens([]byte("a secret of the tests alone"), time.Now),
			Limits: chat.AccountLimits{
				LoginByAccount: limit.None{}, LoginByAddress: limit.None{}, RegisterByAddress: limit.None{},
				SearchByUser: limit.None{}, ProfileByUser: limit.None{},
			},
			Now: time.Now,
			Log: log,
		},
		Friends:  &chat.Friends{Store: store, Accounts: store, Now: time.Now},
		Pictures: &chat.Pictures{Files: files, Accounts: store, Log: log},
		Files:    files,
		Ready:    func(context.Context) error { return nil },
		Log:      log,
	}
	for _, f := range change {
		f(&config)
	}
	server := httptest.NewServer(routes.New(config))
	t.Cleanup(server.Close)
	return &house{t: t, dir: dir, url: server.URL, config: config, accounts: store, log: book}
}

// answer is what came back.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// ask sends a request; header holds pairs of name and value.
func (h *house) ask(method, path string, body io.Reader, header ...string) answer {
	h.t.Helper()
	r, err := http.NewRequest(method, h.url+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{h.t, res.StatusCode, res.Header, string(b)}
}

func (h *house) get(path string, header ...string) answer {
	h.t.Helper()
	return h.ask("GET", path, nil, header...)
}

// json posts a JSON text.
func (h *house) json(path, body string, header ...string) answer {
	h.t.Helper()
	return h.ask("POST", path, strings.NewReader(body), append(header, "Content-Type", "application/json;charset=utf-8")...)
}

// form posts pairs of name and value as a browser's form does.
func (h *house) form(path string, pairs []string, header ...string) answer {
	h.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return h.ask("POST", path, strings.NewReader(form.Encode()), append(header, "Content-Type", "application/x-www-form-urlencoded")...)
}

// says checks the whole answer: the status and the JSON, in which "*" stands for any text and -1 for any
// number above 0.
func (a answer) says(status int, want string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/json; charset=utf-8" {
		a.t.Errorf("Content-Type %q", ct)
	}
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		a.t.Fatal(err)
	}
	if !fits(a.value(), w) {
		a.t.Fatalf("answer %s\nwant   %s", a.body, want)
	}
	return a
}

func (a answer) value() (v any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		a.t.Fatalf("not JSON: %q", a.body)
	}
	return v
}

// text returns a text of the answer by its way: text("userInfo", "uid").
func (a answer) text(way ...string) string {
	a.t.Helper()
	v := a.value()
	for _, name := range way {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	s, ok := v.(string)
	if !ok {
		a.t.Fatalf("no text at %v of %s", way, a.body)
	}
	return s
}

func fits(got, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k := range w {
			if v, ok := g[k]; !ok || !fits(v, w[k]) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !fits(g[i], w[i]) {
				return false
			}
		}
		return true
	case string:
		g, ok := got.(string)
		return ok && (w == "*" && g != "" || g == w)
	case float64:
		g, ok := got.(float64)
		return ok && (w == -1 && g > 0 || g == w)
	default:
		return got == want
	}
}

// person is someone with an account.
type person struct {
	name, id, token string
}

// join registers someone by first name; phone and email are made of the name.
func (h *house) join(name string) person {
	h.t.Helper()
	phone := "1"
	for _, c := range name {
		phone += string('0' + c%10)
	}
	body, _ := json.Marshal(map[string]string{
		"username": name, "password": name + "'s password", "email": phone + "@example.com", "phoneNum": phone,
	})
	a := h.json("/toregister", string(body))
	return person{name, a.text("userInfo", "uid"), a.text("token")}
}

// bearer is the header that says who asks.
func (p person) bearer() []string { return []string{"Authorization", "Bearer " + p.token} }

// logBook keeps the log's lines.
type logBook struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// lines returns the lines that tell of refused requests, at a level.
func (b *logBook) lines(level string) (found []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.text.String()) {
		if strings.Contains(line, `"level":"`+level+`"`) && strings.Contains(line, `"msg":"request refused"`) {
			found = append(found, line)
		}
	}
	return found
}
