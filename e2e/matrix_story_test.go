package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/proc"
)

// Every client's program tells the same story. It prints the title of each leg when it begins it, in this order, and
// ends with exit code 0. Its environment holds URL, ECHO_URL, TRANSPORTS (polling, websocket, or empty for the client's
// default), and ANN and BOB, each "id token".
const (
	legEcho       = "echo"           // events and acks with several arguments, at the echo server
	legBinary     = "binary"         // the same with attachments, both ways
	legNamespaces = "namespaces"     // /custom beside / on the same connection
	legBadToken   = "bad token"      // is refused, and the client is told why
	legLogin      = "login"          // Ann and Bob connect with their tokens and log in, at every connect
	legFile       = "binary to chat" // becomes a file, which Bob fetches
	legChat       = "chat"           // both ways, each with its ack
	legRestart    = "restart"        // the server goes away and comes back; so do they, and get what they missed
	legHeartbeats = "heartbeats"     // the echo server's connection is still the first one
	legEnd        = "the end"
)

func allLegs() []string {
	return []string{legEcho, legBinary, legNamespaces, legBadToken, legLogin, legFile, legChat, legRestart, legHeartbeats, legEnd}
}

const (
	storyWait = time.Minute // for one story; it takes three seconds
	// The echo server ends a connection that is silent for pingInterval + pingTimeout. The outage lasts longer, so that
	// a connection which is there after it has kept its heartbeats.
	echoPingInterval = 300 * time.Millisecond
	echoPingTimeout  = time.Second
	outage           = echoPingInterval + echoPingTimeout + 200*time.Millisecond
)

// tell runs a client's program against a server of its own, and restarts that server where the story says so. It
// returns what the client was seen to speak.
func tell(t *testing.T, cmd func(context.Context) *exec.Cmd, echoURL, transports string, legs []string) sighting {
	t.Helper()
	dir := t.TempDir()
	s := start(t, dir)
	ann, bob, carl := s.register("Ann"), s.register("Bob"), s.register("Carl")
	watch := watched(t, echoURL)

	ctx, cancel := context.WithTimeout(t.Context(), storyWait)
	defer cancel()
	program := cmd(ctx)
	program.Env = append(program.Environ(), "URL="+s.URL, "ECHO_URL="+watch.url, "TRANSPORTS="+transports,
		"ANN="+ann.id+" "+ann.token, "BOB="+bob.id+" "+bob.token)
	var errs, chatter bytes.Buffer
	program.Stderr, program.SysProcAttr = &errs, proc.DieWithParent()
	stdout, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	leg, told := "its start", []string{}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if !slices.Contains(allLegs(), lines.Text()) {
			chatter.WriteString(lines.Text() + "\n") // what a library has to say
			continue
		}
		leg = lines.Text()
		told = append(told, leg)
		if leg == legRestart {
			s = restartWithout(t, s, dir, carl, ann, bob)
		}
	}
	switch err := program.Wait(); {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		t.Fatalf("stuck at: %s\n%s%s\nthe server said: %s", leg, &chatter, &errs, s.Stderr())
	case err != nil:
		t.Fatalf("failed at: %s: %v\n%s%s\nthe server said: %s", leg, err, &chatter, &errs, s.Stderr())
	}
	if !slices.Equal(told, legs) {
		t.Errorf("it told %q, want %q", told, legs)
	}
	var texts []string
	for _, m := range s.join(bob, "desk").history(ann.id, bob.id) {
		if m.Type != "file" {
			texts = append(texts, string(m.Message))
		}
	}
	if want := []string{"Hello Bob 👋", "Hello Ann", "Back again", "So am I"}; !slices.Equal(texts, want) {
		t.Errorf("the server holds %q, want %q", texts, want)
	}
	return watch.seen()
}

// restartWithout has the server go away for a while, in which Carl, who reaches it at another port, writes to those who
// cannot. It returns the server that is back at its port.
func restartWithout(t *testing.T, s *server, dir string, carl account, away ...account) *server {
	t.Helper()
	over := time.NewTimer(outage)
	s.stop()
	elsewhere := start(t, dir)
	writer := elsewhere.join(carl, "desk")
	for _, a := range away {
		writer.say(a, "while you were away 四 👋")
	}
	writer.conn.Close()
	elsewhere.stop()
	<-over.C
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, dir, "PORT="+at.Port())
}

// sighting is what a client was seen to ask for, each once, sorted: values of EIO and of transport.
type sighting struct{ protocols, transports []string }

// watcher stands before the echo server and notes what the handshakes ask for: a client's own word may be wrong.
type watcher struct {
	url  string
	mu   sync.Mutex
	note sighting
}

func watched(t *testing.T, target string) *watcher {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{}
	relay := httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ErrorHandler: func(rw http.ResponseWriter, _ *http.Request, _ error) { rw.WriteHeader(http.StatusBadGateway) },
	}
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.look(r.URL.Query())
		relay.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	w.url = front.URL
	return w
}

func (w *watcher) look(query url.Values) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note.protocols = append(w.note.protocols, query.Get("EIO"))
	w.note.transports = append(w.note.transports, query.Get("transport"))
}

func (w *watcher) seen() sighting {
	w.mu.Lock()
	defer w.mu.Unlock()
	set := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	return sighting{set(w.note.protocols), set(w.note.transports)}
}

// startEcho builds and starts the conformance server, which sends back what it gets.
func startEcho(t *testing.T) *proc.Process {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "conformance")
	if err := proc.Build(binary, proc.Module+"/realtime/conformance"); err != nil {
		t.Fatal(err)
	}
	p, err := proc.Start(exec.Command(binary, "-addr", "127.0.0.1:0",
		"-ping-interval", echoPingInterval.String(), "-ping-timeout", echoPingTimeout.String()), startWait)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}
