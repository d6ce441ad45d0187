package engineio

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"
)

// opening is the handshake's first packet, with every member that the protocol names.
func opening(t *testing.T, packet string) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(packet[1:]), &all); err != nil {
		t.Fatalf("%q: %v", packet, err)
	}
	return all
}

func TestHandshakeNamesTheSessionAndItsTimers(t *testing.T) {
	h := open(t, Config{}, nil)
	want := func(upgrades ...any) map[string]any {
		return map[string]any{"upgrades": append([]any{}, upgrades...), "pingInterval": 25_000.0,
			"pingTimeout": 20_000.0, "maxPayload": 1_000_000.0}
	}
	got := h.ask("GET", "EIO=4&transport=polling", "")
	ann := opening(t, got.body)
	annID := ann["sid"]
	delete(ann, "sid")
	if got.status != http.StatusOK || !reflect.DeepEqual(ann, want("websocket")) {
		t.Errorf("Ann, who polls, got %d %v", got.status, ann)
	}
	socket, err := h.dial("")
	if err != nil {
		t.Fatal(err)
	}
	bob := opening(t, socket.hear())
	bobID := bob["sid"]
	delete(bob, "sid")
	if !reflect.DeepEqual(bob, want()) {
		t.Errorf("Bob, on a WebSocket, got %v", bob)
	}
	for _, g := range []*guest{h.guest(), h.guest()} {
		switch g.conn.ID() {
		case annID:
			if g.conn.Transport() != "polling" {
				t.Errorf("Ann is on %s", g.conn.Transport())
			}
		case bobID:
			if g.conn.Transport() != "websocket" {
				t.Errorf("Bob is on %s", g.conn.Transport())
			}
		default:
			t.Errorf("%s is nobody's id", g.conn.ID())
		}
	}
	if h.Len() != 2 {
		t.Errorf("%d sessions", h.Len())
	}
}

func TestRequestsOutOfOrderAreAnsweredWithACode(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	for _, c := range []struct {
		name, method, query string
		header              []string
		want                string
	}{
		{"no transport", "GET", "EIO=4", nil, `{"code":0,"message":"Transport unknown"}`},
		{"a strange transport", "GET", "EIO=4&transport=pigeon", nil, `{"code":0,"message":"Transport unknown"}`},
		{"a strange session", "GET", "EIO=4&transport=polling&sid=nobody", nil, unknownSession},
		{"a post to a strange session", "POST", "EIO=4&transport=polling&sid=nobody", nil, unknownSession},
		{"an upgrade of a strange session", "GET", "EIO=4&transport=websocket&sid=nobody", upgrade, unknownSession},
		{"a handshake by POST", "POST", "EIO=4&transport=polling", nil, `{"code":2,"message":"Bad handshake method"}`},
		{"a handshake by PUT", "PUT", "EIO=4&transport=polling", nil, `{"code":2,"message":"Bad handshake method"}`},
		{"websocket without an upgrade", "GET", "EIO=4&transport=websocket", nil, badRequest},
		{"an upgrade to polling", "GET", "EIO=4&transport=polling", upgrade, badRequest},
		{"no protocol", "GET", "transport=polling", nil, `{"code":5,"message":"Unsupported protocol version"}`},
		{"protocol 2", "GET", "EIO=2&transport=polling", nil, `{"code":5,"message":"Unsupported protocol version"}`},
		{"protocol abc on a websocket", "GET", "EIO=abc&transport=websocket", upgrade, `{"code":5,"message":"Unsupported protocol version"}`},
		{"a post to a session's other transport", "POST", "EIO=4&transport=websocket&sid=" + ann.sid, nil, badRequest},
		{"an upgrade of a session to polling", "GET", "EIO=4&transport=polling&sid=" + ann.sid, upgrade, badRequest},
		{"a session by PUT", "PUT", "EIO=4&transport=polling&sid=" + ann.sid, nil, badRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := h.ask(c.method, c.query, "", c.header...); got != (answer{http.StatusBadRequest, c.want}) {
				t.Errorf("got %d %s, want 400 %s", got.status, got.body, c.want)
			}
		})
	}
	h.must(ann.post("4still there?"), 200, "ok")
	h.must(ann.poll(), 200, "4still there?")
	if h.Len() != 1 {
		t.Errorf("%d sessions, want Ann's alone", h.Len())
	}
}

// A WebSocket handshake that is none is refused by HTTP, and opens no session.
func TestBrokenWebSocketHandshakeOpensNoSession(t *testing.T) {
	h := open(t, Config{}, nil)
	got := h.ask("GET", "EIO=4&transport=websocket", "", "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "8", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	if got.status != http.StatusUpgradeRequired {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if h.Len() != 0 {
		t.Errorf("%d sessions", h.Len())
	}
}
