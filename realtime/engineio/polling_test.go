package engineio

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestPollTakesWhatWasPosted(t *testing.T) {
	h := open(t, Config{}, nil)
	for _, body := range []string{
		"4hello",
		"4test1\x1e4test2\x1e4test3",
		"4hello\x1ebAQIDBA==",
		"b\x1e4\x1eb//8=",
		"4你好\x1e4\x00\x1f",
	} {
		ann := h.come()
		h.must(ann.post(body), 200, "ok")
		h.must(ann.poll(), 200, body)
	}
}

func TestPollWaitsForTheFirstThingToSay(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	for range 3 {
		waiting := ann.wait()
		ann.guest.conn.Send(text("one"), text("two"))
		h.must(<-waiting, 200, "4one\x1e4two")
	}
	waiting := ann.wait()
	ann.post("4echo")
	h.must(<-waiting, 200, "4echo")
}

func TestPollIsTextThatNobodyStores(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	ann.post("4hello")
	response, err := h.web.Get(h.http.URL + "/?" + ann.query())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if string(body) != "4hello" || response.ContentLength != int64(len(body)) ||
		response.Header.Get("Content-Type") != "text/plain; charset=UTF-8" || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %q with %v", body, response.Header)
	}
}

// What waits for a poller comes in answers of at most maxPayload, in order.
func TestLongQueueComesInSeveralPolls(t *testing.T) {
	h := open(t, Config{MaxPayload: 1000}, nil)
	ann := h.come()
	var want strings.Builder
	for i := range 100 {
		part := strings.Repeat(string(rune('a'+i%26)), 90)
		want.WriteString("4" + part + "\x1e")
		ann.guest.conn.Send(text(part))
	}
	var got strings.Builder
	for got.Len() < want.Len() {
		a := ann.poll()
		if a.status != 200 || len(a.body) > 1000 {
			t.Fatalf("an answer of status %d and %d bytes", a.status, len(a.body))
		}
		got.WriteString(a.body + "\x1e")
	}
	if got.String() != want.String() {
		t.Error("the answers are not what was sent")
	}
	if n := ann.guest.conn.Queued(); n != 0 {
		t.Errorf("%d bytes still count as waiting", n)
	}
}

func TestTwoPollsAtOnceEndTheSession(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	first := ann.wait()
	h.must(ann.poll(), 400, badRequest)
	h.must(<-first, 200, "1")
	h.must(ann.poll(), 400, unknownSession)
	h.mustClose(ann.guest, "two polls at once")
}

func TestCancelledPollEndsTheSession(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	ctx, cancel := context.WithCancel(context.Background())
	request, _ := http.NewRequestWithContext(ctx, "GET", h.http.URL+"/?"+ann.query(), nil)
	done := make(chan error, 1)
	go func() {
		_, err := h.web.Do(request)
		done <- err
	}()
	await(t, "the server holds the poll", ann.held)
	cancel()
	if err := <-done; err == nil {
		t.Error("the cancelled poll was answered")
	}
	h.mustClose(ann.guest, "poll cancelled")
	h.must(ann.poll(), 400, unknownSession)
}

func TestTwoPostsAtOnceEndTheSession(t *testing.T) {
	hearing, goOn := make(chan struct{}), make(chan struct{})
	h := open(t, Config{}, func(*guest, []byte, bool) error {
		close(hearing)
		<-goOn
		return nil
	})
	ann := h.come()
	first := make(chan answer, 1)
	go func() { first <- ann.post("4slow") }()
	receive(t, "the first post", hearing)
	h.must(ann.post("4fast"), 400, badRequest)
	close(goOn)
	<-first
	h.mustClose(ann.guest, "two posts at once")
}

func TestBadPostEndsTheSession(t *testing.T) {
	h := open(t, Config{MaxPayload: 10_000}, nil)
	for _, c := range []struct {
		name, body, reason string
		status             int
	}{
		{"garbage", "abc", "invalid packet", 400},
		{"nothing", "", "invalid packet", 400},
		{"a handshake", "0{}", "invalid packet", 400},
		{"garbage behind a packet", "6\x1eabc", "invalid packet", 400},
		{"an empty packet at the end", "6\x1e", "invalid packet", 400},
		{"base64 that is none", "b!!!", "binary packet is not base64", 400},
		{"text that is not UTF-8", "4\xff", "text is not valid UTF-8", 400},
		{"too much", "4" + strings.Repeat("x", 10_000), "body over maxPayload", 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			ann := h.come()
			got := ann.post(c.body)
			if got.status != c.status {
				t.Errorf("got %d %s", got.status, got.body)
			}
			h.mustClose(ann.guest, c.reason)
		})
	}
	bob := h.come()
	got := h.ask("POST", bob.query(), "4hello", "Content-Type", "application/octet-stream")
	h.must(got, 400, badRequest)
	h.mustClose(bob.guest, "binary body")
}

func TestHalfAPostEndsTheSession(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	conn, err := net.Dial("tcp", h.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "POST /?"+ann.query()+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n4hello")
	conn.Close()
	h.mustClose(ann.guest, "body not received")
}

func TestPostAsLargeAsAllowed(t *testing.T) {
	h := open(t, Config{MaxPayload: 10_000}, nil)
	ann := h.come()
	body := "4" + strings.Repeat("x", 9_999)
	h.must(ann.post(body), 200, "ok")
	h.must(ann.poll(), 200, body)
}

// The handler's refusal ends the session; what came before it is answered.
func TestHandlersErrorIsTheReason(t *testing.T) {
	h := open(t, Config{}, func(g *guest, data []byte, binary bool) error {
		if string(data) == "bad" {
			return io.ErrNoProgress
		}
		return echo(g, data, binary)
	})
	ann := h.come()
	waiting := ann.wait()
	h.must(ann.post("4good\x1e4bad\x1e4late"), 400, badRequest)
	h.must(<-waiting, 200, "4good\x1e1")
	h.mustClose(ann.guest, io.ErrNoProgress.Error())
}

func TestClientSaysGoodbye(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	waiting := ann.wait()
	h.must(ann.post("1"), 200, "ok")
	h.must(<-waiting, 200, "6")
	h.must(ann.poll(), 400, unknownSession)
	h.mustClose(ann.guest, "closed by the client")
}

// The goodbye may overtake the poll that was sent before it.
func TestGoodbyeOvertakesThePoll(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	h.must(ann.post("1"), 200, "ok")
	h.mustEndWith(ann.guest, "closed by the client")
	h.must(ann.poll(), 200, "6")
	h.must(ann.poll(), 400, unknownSession)
	h.must(ann.post("4hello"), 400, unknownSession)
}

// A server's own ReadTimeout and WriteTimeout are about requests; they must not cut a poll that waits.
func TestPollOutlivesTheServersTimeouts(t *testing.T) {
	h := open(t, Config{}, nil, func(s *http.Server) {
		s.ReadTimeout, s.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	})
	ann := h.come()
	waiting := ann.wait()
	select {
	case got := <-waiting:
		t.Fatalf("the poll ended by itself: %v", got)
	case reason := <-ann.guest.closed:
		t.Fatalf("the session ended: %s", reason)
	case <-time.After(200 * time.Millisecond): // what must not happen would have happened
	}
	ann.guest.conn.Send(text("late"))
	h.must(<-waiting, 200, "4late")
}

// A client that asks and does not take the answer is not waited for.
func TestPollerThatTakesNothingIsCut(t *testing.T) {
	h := open(t, Config{WriteTimeout: 100 * time.Millisecond, MaxPayload: 8 << 20}, nil, func(s *http.Server) {
		s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			c.(*net.TCPConn).SetWriteBuffer(32 << 10)
			return ctx
		}
	})
	ann := h.come()
	ann.guest.conn.Send(text(strings.Repeat("x", 4<<20)))
	conn, err := net.Dial("tcp", h.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetReadBuffer(32 << 10)
	if _, err := io.WriteString(conn, "GET /?"+ann.query()+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	h.mustClose(ann.guest, "poll cancelled")
}

func TestBinaryPostIsDecodedOnce(t *testing.T) {
	data := bytes.Repeat([]byte{0, 1, 2, 250, 255}, 1001)
	h := open(t, Config{}, func(g *guest, got []byte, binary bool) error {
		if !binary || !bytes.Equal(got, data) {
			t.Errorf("binary %v, %d bytes", binary, len(got))
		}
		return nil
	})
	ann := h.come()
	h.must(ann.post("b"+base64.StdEncoding.EncodeToString(data)), 200, "ok")
}

// A browser repeats a request by itself when a kept connection breaks before the answer. What was in a lost answer is
// lost, so the session ends and the client comes back.
func TestRepeatedPollEndsTheSession(t *testing.T) {
	for _, query := range []string{"", "EIO=3"} {
		h := open(t, Config{}, nil)
		ann := h.come()
		if query != "" {
			ann = h.come3("")
		}
		ann.guest.conn.Send(text("one"))
		if a := h.ask("GET", ann.query()+"&t=first", ""); a.status != 200 || !strings.Contains(a.body, "4one") {
			t.Fatalf("%+v", a)
		}
		ann.guest.conn.Ping(0)
		ann.guest.conn.Send(text("two"))
		h.must(h.ask("GET", ann.query()+"&t=first", ""), 400, badRequest)
		h.mustEndWith(ann.guest, "poll repeated")
		ann.guest.noPong(t)
	}
}

// The first of two may come late, when its client has gone on: what it would take would be lost.
func TestLatePollEndsTheSession(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	for _, mark := range []string{"&t=a", "&t=b"} {
		ann.guest.conn.Send(text("one"))
		h.must(h.ask("GET", ann.query()+mark, ""), 200, "4one")
	}
	ann.guest.conn.Send(text("two"))
	h.must(h.ask("GET", ann.query()+"&t=a", ""), 400, badRequest)
	h.mustEndWith(ann.guest, "poll repeated")
}

func TestPollsOfTheirOwnMarks(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	for _, mark := range []string{"&t=a", "&t=b", "&t=c", "", "", "&t=" + strings.Repeat("x", 100), "&t=" + strings.Repeat("x", 100)} {
		ann.guest.conn.Send(text("one"))
		h.must(h.ask("GET", ann.query()+mark, ""), 200, "4one")
	}
}

func TestRepeatedPostIsHeardOnce(t *testing.T) {
	h := open(t, Config{}, nil)
	ann := h.come()
	for _, post := range []struct{ mark, body string }{
		{"&t=a", "4one"}, {"&t=a", "4one"}, {"&t=a", "4two"}, {"&t=b", "4two"}, {"&t=a", "4one"}, {"", "4three"}, {"", "4three"},
	} {
		h.must(h.ask("POST", ann.query()+post.mark, post.body), 200, "ok")
	}
	h.must(ann.poll(), 200, strings.Join([]string{"4one", "4two", "4two", "4three", "4three"}, "\x1e"))
}
