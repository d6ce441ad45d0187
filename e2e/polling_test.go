package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const pollingPath = "/socket.io/?EIO=4&transport=polling"

// poll sends one request of the polling transport, with body as a POST.
func (s *server) poll(path, body string) (status int, answer string) {
	s.t.Helper()
	method, contentType := http.MethodGet, ""
	if body != "" {
		method, contentType = http.MethodPost, "text/plain;charset=UTF-8"
	}
	status, b := s.do(method, path, "", contentType, strings.NewReader(body))
	return status, string(b)
}

// session opens an Engine.IO session over polling and returns the path for its requests.
func (s *server) session() string {
	s.t.Helper()
	status, body := s.poll(pollingPath, "")
	var open struct{ Sid string }
	if !strings.HasPrefix(body, "0{") || json.Unmarshal([]byte(body[1:]), &open) != nil || status != http.StatusOK {
		s.t.Fatalf("open answered %d: %s", status, body)
	}
	return pollingPath + "&sid=" + open.Sid
}

// The errors of the polling transport are those of Node's server: clients show their codes.
func TestBadPolling(t *testing.T) {
	s := start(t, t.TempDir())
	onPhone, onDesk := s.join(s.register("Ann"), "phone"), s.join(s.register("Bob"), "desk")
	for _, c := range []struct {
		name, path, body string
		code             int
	}{
		{"an unknown transport", "/socket.io/?EIO=4&transport=pigeon", "", 0},
		{"no transport", "/socket.io/?EIO=4", "", 0},
		{"an unknown session", pollingPath + "&sid=nobody", "", 1},
		{"an unknown session, posted to", pollingPath + "&sid=nobody", "40", 1},
		{"a session with a path for a name", pollingPath + "&sid=../../etc/passwd", "", 1},
		{"no session, posted to", pollingPath, "40", 2},
		{"an unknown protocol", "/socket.io/?EIO=9&transport=polling", "", 5},
		{"no protocol", "/socket.io/?transport=polling", "", 5},
		{"WebSocket without an upgrade", "/socket.io/?EIO=4&transport=websocket", "", 3},
	} {
		status, body := s.poll(c.path, c.body)
		answer := struct {
			Code    int
			Message string
		}{Code: -1}
		err := json.Unmarshal([]byte(body), &answer)
		if err != nil || status != http.StatusBadRequest || answer.Code != c.code || answer.Message == "" {
			t.Errorf("%s: %d %s, want 400 with code %d and a message", c.name, status, body, c.code)
		}
		chats(t, onPhone, onDesk)
	}
}

// A bad body is refused and ends its session, nobody else's.
func TestBadPollingBodies(t *testing.T) {
	s := start(t, t.TempDir())
	onPhone, onDesk := s.join(s.register("Ann"), "phone"), s.join(s.register("Bob"), "desk")
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"garbage", "what is this", 400},
		{"an unknown packet among good ones", "40\x1e9", 400},
		{"an attachment that is not Base64", "b!!!", 400},
		{"two megabytes", "4" + strings.Repeat("x", 2<<20), 413},
	} {
		path := s.session()
		if status, body := s.poll(path, c.body); status != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, status, body, c.status)
		}
		if status, body := s.poll(path, "3"); status != http.StatusBadRequest {
			t.Errorf("%s: the session lives on: %d %s", c.name, status, body)
		}
		chats(t, onPhone, onDesk)
	}
}
