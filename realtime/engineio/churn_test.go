package engineio

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// visitor comes and goes as real clients do: at any moment, mostly without a word.
type visitor struct {
	*house
	random *rand.Rand
}

// sometimes returns true once in n times.
func (v visitor) sometimes(n int) bool { return v.random.IntN(n) == 0 }

// hurry gives a context that may end at any moment of a request.
func (v visitor) hurry() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Duration(v.random.IntN(5_000))*time.Microsecond)
}

// visit is one visit. Errors are of no interest: what counts is what is left behind.
func (v visitor) visit() {
	query := "EIO=4&transport=polling"
	if v.sometimes(2) {
		got := v.ask("GET", query, "")
		query += "&sid=" + sidOf(v.t, got.body)
		for !v.sometimes(3) {
			v.ask("POST", query, "4hello\x1e4world")
			if v.sometimes(3) {
				ctx, cancel := v.hurry()
				request, _ := http.NewRequestWithContext(ctx, "GET", v.http.URL+"/?"+query, nil)
				if response, err := v.web.Do(request); err == nil {
					response.Body.Close()
				}
				cancel()
			}
		}
		switch v.random.IntN(4) {
		case 0:
			v.ask("POST", query, "1")
			return
		case 1:
			return // silence
		}
		query = query[len("EIO=4&transport=polling"):]
	} else {
		query = ""
	}
	ctx, cancel := v.hurry()
	defer cancel()
	conn, _, _, err := ws.Dial(ctx, "ws"+v.http.URL[len("http"):]+"/?EIO=4&transport=websocket"+query)
	if err != nil {
		return
	}
	defer conn.Close()
	for _, packet := range []string{"2probe", "5", "4hello", "3", "4world", "1"} {
		if query != "" || packet[0] != '5' {
			conn.Write(masked(ws.NewTextFrame([]byte(packet))))
		}
		switch v.random.IntN(8) {
		case 0:
			return
		case 1:
			conn.(*net.TCPConn).SetLinger(0) // a reset
			return
		case 2:
			conn.(*net.TCPConn).CloseWrite()
		case 3:
			conn.Write(masked(ws.NewCloseFrame(nil)))
		case 4:
			conn.Write([]byte{0x81}) // half a frame
		case 5:
			conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			conn.Read(make([]byte, 100))
		}
	}
}

// After two thousand visits nothing is left: no session, no timer, no goroutine, and each handler has heard of one end.
func TestNothingIsLeftOfTwoThousandVisits(t *testing.T) {
	const visitors, visits = 40, 50
	h := open(t, Config{PingInterval: 100 * time.Millisecond, PingTimeout: 100 * time.Millisecond, UpgradeTimeout: 100 * time.Millisecond}, nil)
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	for i := range visitors {
		all.Go(func() {
			v := visitor{h, rand.New(rand.NewPCG(7, uint64(i)))}
			for range visits {
				v.visit()
			}
		})
	}
	all.Wait()
	h.web.CloseIdleConnections()
	await(t, "no session is left", func() bool { return h.Len() == 0 })
	await(t, "no timer is left", func() bool { return h.wheel.count() == 0 })
	await(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
	if n := h.count(); n != 0 {
		t.Errorf("%d count as running", n)
	}
	t.Logf("%d sessions were opened", len(h.came))
	for len(h.came) > 0 {
		if g := <-h.came; len(g.closed) != 1 {
			t.Errorf("a handler heard of %d ends", len(g.closed))
		}
	}
}
