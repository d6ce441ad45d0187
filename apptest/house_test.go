// Package apptest plays people against the whole of Parley, through each of its doors, and says who may do what. It is for
// tests alone.
package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/app"
)

// patience is how long anything may take before a test gives up.
const patience = time.Minute

// secret signs the tokens of a House, and those that are too old.
const secret = "the secret of all houses in tests"

// House is a running server whose every word is kept.
type House struct {
	T   testing.TB
	URL string

	log     record
	people  []*Person
	secrets []marked
}

// record is a log that can be read while it is written.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// Open starts a server with further settings, NAME=value. The log of the process is its own until the test ends, so no
// other test may run beside it.
func Open(t testing.TB, settings ...string) *House {
	t.Helper()
	h := &House{T: t}
	former := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(former) })
	dir := t.TempDir()
	all := map[string]string{
		"DATA_DIR": dir + "/data", "TMP_DIR": dir + "/tmp", "BCRYPT_COST": "4", "RATE_LIMITS": "off", "TCP_PORT": "0",
		"HOST": "127.0.0.1", "JWT_SECRET": secret,
	}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		all[name] = value
	}
	cfg, err := app.Load(func(name string) string { return all[name] })
	if err != nil {
		t.Fatal(err)
	}
	server, err := app.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server.Handler())
	h.URL = web.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return h
}

// marked is a text that some people may come to see, and nobody else.
type marked struct {
	text string
	may  []*Person
}

// keep says who may see a text.
func (h *House) keep(text string, may ...*Person) { h.secrets = append(h.secrets, marked{text, may}) }

// noLeak looks through all that anybody was told, by whichever door, and through the log: for what belongs to other people,
// for the hash of a password, and for what was kept from them.
func (h *House) noLeak() {
	h.T.Helper()
	for _, leak := range h.leaks() {
		h.T.Error(leak)
	}
}

func (h *House) leaks() (found []string) {
	look := func(who, said, private string) {
		if at := strings.Index(said, private); private != "" && at >= 0 {
			found = append(found, fmt.Sprintf("%s learned %q: …%s…", who, private, said[max(0, at-200):min(len(said), at+100)]))
		}
	}
	hashes := []string{"$2a$", "$2b$", "$2y$"} // what those of bcrypt begin with
	log := h.log.String()
	for _, hash := range hashes {
		look("the log", log, hash)
	}
	for _, p := range h.people {
		for _, private := range []string{p.Email, p.Phone, p.password, p.Token} {
			look("the log", log, private)
		}
		said := p.said()
		for _, other := range h.people {
			for _, private := range []string{other.Email, other.Phone, other.password, other.Token} {
				if other != p {
					look(p.Name, said, private)
				}
			}
		}
		for _, hash := range hashes {
			look(p.Name, said, hash)
		}
		for _, s := range h.secrets {
			if !slices.Contains(s.may, p) {
				look(p.Name, said, s.text)
			}
		}
	}
	for _, s := range h.secrets {
		look("the log", log, s.text)
	}
	return found
}

// object is JSON.
type object = map[string]any

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
