package sio

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

const patience = 20 * time.Second

func join(t *testing.T, url string, kind Kind) (*Session, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := Join(ctx, url, kind, "ann", "desk")
	if err == nil {
		t.Cleanup(s.Close)
	}
	return s, err
}

func mustRead(t *testing.T, s *Session, want string) {
	t.Helper()
	if packet, err := s.Read(); err != nil || string(packet) != want {
		t.Errorf("read %q, %v; want %q", packet, err, want)
	}
}

const opened = `0{"sid":"x","pingInterval":5000,"pingTimeout":5000}`

func TestSessionOverWebSocket(t *testing.T) {
	url := serve(t, func(conn net.Conn) {
		say(t, conn, opened)
		hear(t, conn, `40{"device":"desk","token":"ann"}`)
		say(t, conn, `40{"sid":"socket"}`)
		say(t, conn, "2")
		ws.WriteFrame(conn, ws.NewPingFrame([]byte("are you there?")))
		// The reader answers both while another goroutine says a word: only the answers have an order between them.
		var answers []string
		for range 3 {
			f, err := ws.ReadFrame(conn)
			if err != nil {
				t.Error(err)
				return
			}
			f = ws.UnmaskFrame(f)
			switch {
			case f.Header.OpCode == ws.OpPong:
				answers = append(answers, "pong "+string(f.Payload))
			case string(f.Payload) != `42["chat"]`:
				answers = append(answers, string(f.Payload))
			}
		}
		if want := []string{"3", "pong are you there?"}; !slices.Equal(answers, want) {
			t.Errorf("the client answered %q, want %q", answers, want)
		}
		say(t, conn, `42["newMessage"]`)
	})
	s, err := join(t, url, Kind{Protocol: 4})
	if err != nil {
		t.Fatal(err)
	}
	if s.Interval != 5*time.Second || s.Timeout != 5*time.Second {
		t.Errorf("the heartbeat is %v, %v", s.Interval, s.Timeout)
	}
	go s.Send([]byte(`2["chat"]`))
	mustRead(t, s, `2["newMessage"]`)
	if packet, err := s.Read(); err == nil {
		t.Errorf("read %q from a server that has hung up", packet)
	}
}

func TestSessionOfProtocol3OverWebSocket(t *testing.T) {
	url := serve(t, func(conn net.Conn) {
		say(t, conn, opened)
		say(t, conn, "40")
		hear(t, conn, "2")
		say(t, conn, "3")
		say(t, conn, `42["login"]`)
	})
	s, err := join(t, url, Kind{Protocol: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Beat(); err != nil {
		t.Error(err)
	}
	mustRead(t, s, `2["login"]`)
}

// pollServer answers polls by a script, and notes what is posted.
type pollServer struct {
	*httptest.Server
	answers, posts chan string
}

func newPollServer(t *testing.T, answers ...string) *pollServer {
	p := &pollServer{answers: make(chan string, len(answers)), posts: make(chan string, 10)}
	for _, a := range answers {
		p.answers <- a
	}
	close(p.answers)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			p.posts <- string(body)
			io.WriteString(w, "ok")
			return
		}
		answer, more := <-p.answers
		switch {
		case !more:
			w.WriteHeader(http.StatusBadRequest)
		case strings.HasPrefix(answer, "\x00"):
			w.Header().Set("Content-Type", "application/octet-stream")
			fallthrough
		default:
			io.WriteString(w, answer)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func TestSessionByPolling(t *testing.T) {
	server := newPollServer(t, opened, `40{"sid":"socket"}`, "2", "6", "42[\"a\"]\x1e42[\"é\"]")
	s, err := join(t, server.URL, Kind{Protocol: 4, Polling: true})
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, s, `2["a"]`)
	mustRead(t, s, `2["é"]`)
	if err := s.Send([]byte(`2["b"]`), []byte(`2["c"]`)); err != nil {
		t.Error(err)
	}
	for _, want := range []string{`40{"device":"desk","token":"ann"}`, "3", "42[\"b\"]\x1e42[\"c\"]"} {
		if got := <-server.posts; got != want {
			t.Errorf("posted %q, want %q", got, want)
		}
	}
	if packet, err := s.Read(); err == nil {
		t.Errorf("read %q from a session that the server does not know", packet)
	}
}

func TestSessionOfProtocol3ByPolling(t *testing.T) {
	server := newPollServer(t, "51:"+opened+"2:40", `9:42["é𝄞"]1:6`, "\x00\x08\xff42[\"é\"]")
	s, err := join(t, server.URL, Kind{Protocol: 3, Polling: true})
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, s, `2["é𝄞"]`)
	mustRead(t, s, `2["é"]`)
	if err := s.Send([]byte(`2["𝄞"]`), []byte(`2[]`)); err != nil {
		t.Error(err)
	}
	if got := <-server.posts; got != `8:42["𝄞"]4:42[]` {
		t.Errorf("posted %q", got)
	}
}

func TestMalformedPayloads(t *testing.T) {
	for _, c := range []struct {
		protocol   int
		kind, body string
	}{
		{4, "", ""}, {4, "", "2\x1e"},
		{3, "", ""}, {3, "", "5"}, {3, "", "x:2"}, {3, "", "3:42"}, {3, "", "0:"}, {3, "", "-1:2"},
		{3, "application/octet-stream", "\x00\xff2"}, {3, "application/octet-stream", "\x00\x02\xff2"},
		{3, "application/octet-stream", "\x01\x01\xff2"}, {3, "application/octet-stream", "\x00" + strings.Repeat("\x09", 30) + "\xff2"},
	} {
		if packets, err := decodePayload(c.protocol, c.kind, []byte(c.body)); err == nil {
			t.Errorf("protocol %d: %q was taken for %q", c.protocol, c.body, packets)
		}
	}
}

func TestUpgrade(t *testing.T) {
	socket := serve(t, func(conn net.Conn) {
		hear(t, conn, "2probe")
		say(t, conn, "3probe")
		hear(t, conn, "5")
		say(t, conn, `42["b"]`)
		hear(t, conn, `42["c"]`)
	})
	polls := newPollServer(t, opened, "40{}\x1e42[\"a\"]")
	s, err := join(t, polls.URL, Kind{Protocol: 4, Polling: true})
	if err != nil {
		t.Fatal(err)
	}
	s.url = socket + "/?sid=x"
	if err := s.Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustRead(t, s, `2["a"]`) // came by the last poll
	mustRead(t, s, `2["b"]`)
	if err := s.Send([]byte(`2["c"]`)); err != nil {
		t.Error(err)
	}
}

func TestJoinIsRefused(t *testing.T) {
	url := serve(t, func(conn net.Conn) {
		say(t, conn, opened)
		hear(t, conn, `40{"device":"desk","token":"ann"}`)
		say(t, conn, `44{"message":"not today"}`)
	})
	var refused *RefusedError
	if _, err := join(t, url, Kind{Protocol: 4}); !errors.As(err, &refused) || !strings.Contains(refused.Message, "not today") {
		t.Errorf("%v: want the refusal", err)
	}
}

// Close ends whatever waits, on either transport.
func TestCloseWakesTheReader(t *testing.T) {
	gone := make(chan struct{})
	socket := serve(t, func(conn net.Conn) {
		say(t, conn, opened)
		say(t, conn, "40")
		ws.ReadFrame(conn) // ends with the connection
		close(gone)
	})
	waiting := make(chan struct{}, 2)
	answers := []string{"51:" + opened + "2:40"}
	polls := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(answers) > 0 {
			io.WriteString(w, answers[0])
			answers = slices.Delete(answers, 0, 1)
			return
		}
		waiting <- struct{}{}
		<-r.Context().Done()
	}))
	defer polls.Close()
	for _, kind := range []Kind{{Protocol: 3}, {Protocol: 3, Polling: true}} {
		url := socket
		if kind.Polling {
			url = polls.URL
		}
		s, err := join(t, url, kind)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { _, err := s.Read(); ended <- err }()
		if kind.Polling {
			<-waiting
		}
		s.Close()
		if err := <-ended; err == nil {
			t.Errorf("%v: read on after Close", kind)
		}
	}
	<-gone
}
