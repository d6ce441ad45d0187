package routes_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-chat/parley/routes"
)

func TestPathsInAnySpelling(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/friendList", 200},
		{"GET", "/friendlist", 200},
		{"GET", "/FRIENDLIST/", 200},
		{"GET", "/friendList?x=/y/", 200},
		{"GET", "/SERACH/user/?num=ann", 200},
		{"HEAD", "/friendList", 200},
		{"GET", "/healthz/", 200},
		{"GET", "/friendList//", 404},
		{"GET", "//friendList", 404},
		{"GET", "/friend%4Cist", 404}, // Express does not decode before it routes
		{"GET", "/friendList/x", 404},
		{"GET", "/", 404},
		{"GET", "/mongo/img", 404},
		{"GET", "/mongo/img/", 404},
		{"GET", "/socket.io/", 404}, // no such door in this house
		{"GET", "/etc/passwd", 404},
		{"GET", "/../friendList", 404},
	} {
		a := h.ask(c.method, c.path, nil, ann.bearer()...)
		if a.status != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, a.status, c.status)
		}
		if c.status == 404 {
			a.says(404, `{"err_code":404,"message":"*"}`)
		}
		if got := a.header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options %q", c.path, got)
		}
		if got := a.header.Get("Server"); got != "" {
			t.Errorf("Server %q", got)
		}
	}
}

func TestWrongMethod(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	for _, c := range []struct{ method, path, allow string }{
		{"GET", "/login", "POST"},
		{"GET", "/Toregister/", "POST"},
		{"PUT", "/updateImg", "POST"},
		{"DELETE", "/Addfriends", "POST"},
		{"PATCH", "/changePassword", "POST"},
		{"POST", "/friendList", "GET"},
		{"POST", "/serach/user", "GET"},
		{"DELETE", "/mongo/img/x.png", "GET"},
		{"POST", "/healthz", "GET"},
		{"BREW", "/readyz", "GET"},
	} {
		a := h.ask(c.method, c.path, nil, ann.bearer()...).says(405, `{"err_code":405,"message":"*"}`)
		if allow := a.header.Get("Allow"); !strings.Contains(allow, c.allow) {
			t.Errorf("%s %s: Allow %q", c.method, c.path, allow)
		}
	}
}

// socket puts a handler in the place of the Socket.IO door.
func socket(f http.HandlerFunc) func(*routes.Config) {
	return func(c *routes.Config) { c.Socket = f }
}

func TestSocketDoorGetsEverything(t *testing.T) {
	h := open(t, trust("127.0.0.1/32"), socket(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s %s %s %d %v", r.Method, r.URL.RequestURI(), r.RemoteAddr, n, err)
	}))
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH"} {
		for _, path := range []string{"/socket.io", "/socket.io/", "/Socket.IO/"} {
			a := h.ask(method, path+"?EIO=4&sid=A%20b", nil, "X-Forwarded-For", "9.9.9.9")
			if want := method + " /socket.io/?EIO=4&sid=A%20b 9.9.9.9:0 0 <nil>"; a.body != want {
				t.Errorf("heard %q, want %q", a.body, want)
			}
		}
	}
	big := h.ask("POST", "/socket.io/", strings.NewReader(strings.Repeat("x", 20<<20)), "X-Forwarded-For", "2001:db8::1")
	if want := "POST /socket.io/ [2001:db8::1]:0 20971520 <nil>"; big.body != want {
		t.Errorf("heard %q, want %q", big.body, want)
	}
	if a := h.get("/socket.io/"); !strings.HasPrefix(a.body, "GET /socket.io/ 127.0.0.1:") || strings.Contains(a.body, ":0 0") {
		t.Errorf("heard %q, want the connection's own address", a.body)
	}
	if a := h.get("/socket.io/more"); a.status != 404 {
		t.Errorf("/socket.io/more: %d", a.status)
	}
}

func TestSocketDoorHijacks(t *testing.T) {
	h := open(t, socket(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() { // the connection outlives the request, as a WebSocket does
			defer conn.Close()
			fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			line, _ := rw.ReadString('\n')
			fmt.Fprint(conn, "you said "+line)
		}()
	}))
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /socket.io/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", res, err)
	}
	fmt.Fprint(conn, "hello\n")
	if line, err := r.ReadString('\n'); line != "you said hello\n" {
		t.Errorf("heard %q, %v", line, err)
	}
}

func TestPanicIsAnswered(t *testing.T) {
	h := open(t, func(c *routes.Config) {
		c.Ready = func(context.Context) error { panic("the secret is 42") }
	}, socket(func(http.ResponseWriter, *http.Request) { panic(io.ErrUnexpectedEOF) }))
	for _, path := range []string{"/readyz", "/socket.io/"} {
		h.get(path).says(500, `{"err_code":500,"message":"internal error"}`)
	}
	lines := h.log.lines("ERROR")
	if len(lines) != 2 || !strings.Contains(lines[0], "the secret is 42") || !strings.Contains(lines[0], "server_test.go") {
		t.Errorf("log: %q, want each panic once with its stack", lines)
	}
	h.get("/healthz").says(200, `{"status":"ok"}`)
}

func TestClientMistakesAreLoggedAtDebug(t *testing.T) {
	h := open(t)
	h.get("/nowhere?password=hunter2")
	h.json("/login", `{"username":"ann","password":"hunter2"}`)
	h.get("/friendList")
	if lines := h.log.lines("ERROR"); len(lines) != 0 {
		t.Errorf("at level error: %q", lines)
	}
	lines := h.log.lines("DEBUG")
	if len(lines) != 3 {
		t.Errorf("at level debug: %q, want one line each", lines)
	}
	if strings.Contains(strings.Join(lines, ""), "hunter2") {
		t.Errorf("a password is in the log: %q", lines)
	}
}
