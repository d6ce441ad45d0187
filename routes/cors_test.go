package routes_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/parley-chat/parley/routes"
)

func TestAnyPageMayCall(t *testing.T) {
	h := open(t, socket(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for _, path := range []string{"/login", "/friendList", "/nowhere", "/mongo/img/x.png", "/healthz"} {
		a := h.get(path, "Origin", "https://front.example")
		a.allows(t, "*", "", "")
	}
	h.get("/healthz").allows(t, "*", "", "")
	h.get("/socket.io/?EIO=4", "Origin", "https://front.example").allows(t, "https://front.example", "true", "Origin")
	h.get("/socket.io", "Origin", "null").allows(t, "null", "true", "Origin")
	h.get("/socket.io").allows(t, "", "", "Origin")
}

func TestListOfPages(t *testing.T) {
	h := open(t, socket(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }),
		func(c *routes.Config) {
			c.Origins = []string{"https://Front.example/", "http://localhost:8080"}
			c.PublicURL = "https://chat.example/base/"
		})
	for origin, allowed := range map[string]bool{
		"https://front.example":          true,
		"http://localhost:8080":          true,
		"https://chat.example":           true, // its own pages
		h.url:                            true, // the host that was asked
		"http://front.example":           false,
		"https://front.example.evil.com": false,
		"https://evil.com":               false,
		"null":                           false,
	} {
		want, credentials, status := "", "", http.StatusForbidden
		if allowed {
			want, credentials, status = origin, "true", http.StatusTeapot
		}
		h.get("/healthz", "Origin", origin).says(200, `{"status":"ok"}`).allows(t, want, "", "Origin")
		a := h.get("/socket.io/", "Origin", origin)
		a.allows(t, want, credentials, "Origin")
		if a.status != status {
			t.Errorf("%s: the socket door answers %d, want %d", origin, a.status, status)
		}
		a = h.get("/socket.io/", "Origin", origin, "Connection", "Upgrade", "Upgrade", "websocket")
		if a.status != status {
			t.Errorf("%s: an upgrade is answered with %d, want %d", origin, a.status, status)
		}
	}
	if got := h.get("/socket.io/").status; got != http.StatusTeapot {
		t.Errorf("a program without a browser is answered with %d", got)
	}
}

func TestPreflight(t *testing.T) {
	never := socket(func(w http.ResponseWriter, r *http.Request) { t.Errorf("the socket door was asked %s", r.Method) })
	wide := open(t, never)
	narrow := open(t, never, func(c *routes.Config) { c.Origins = []string{"https://front.example"} })
	asks := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization"}
	for _, path := range []string{"/login", "/Login/", "/updateImg", "/nowhere", "/", "/mongo/img/x", "/socket.io/", "/socket.io"} {
		for _, h := range []*house{wide, narrow} {
			a := h.ask("OPTIONS", path, nil, append(asks, "Origin", "https://front.example")...)
			if a.status != 204 {
				t.Errorf("OPTIONS %s: %d", path, a.status)
			}
			for name, want := range map[string]string{
				"Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
				"Access-Control-Allow-Headers": "Content-Type, Content-Length, Authorization, Accept, X-Requested-With",
				"Access-Control-Max-Age":       "86400",
			} {
				if got := a.header.Get(name); got != want {
					t.Errorf("OPTIONS %s: %s %q", path, name, got)
				}
			}
		}
		a := narrow.ask("OPTIONS", path, nil, append(asks, "Origin", "https://evil.example")...)
		if a.status != 204 || a.header.Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("OPTIONS %s of a forbidden page: %d %v", path, a.status, a.header)
		}
		a.allows(t, "", "", "Origin")
	}
	if got := wide.ask("OPTIONS", "/login", nil).status; got != 204 {
		t.Errorf("OPTIONS without a page: %d", got)
	}
}

// allows checks the CORS headers.
func (a answer) allows(t *testing.T, origin, credentials, vary string) {
	t.Helper()
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": credentials, "Vary": vary,
	} {
		var all []string
		if want != "" {
			all = []string{want}
		}
		if got := a.header.Values(name); !slices.Equal(got, all) {
			t.Errorf("%s %q, want %q", name, got, all)
		}
	}
}
