package plainws_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/plainws"
)

// visit is one connection that ends at any moment, mostly without a word. Errors are of no interest: what counts is what is
// left behind.
func (h *house) visit(random *rand.Rand, people []user, room chat.Room) {
	me := people[random.IntN(len(people))]
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if random.IntN(10) == 0 { // gone in the handshake
		ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(5_000))*time.Microsecond)
		defer cancel()
	}
	conn, _, _, err := ws.Dial(ctx, "ws://"+h.address+"/ws/"+url.PathEscape(me.name)+"?token="+me.token)
	if err != nil {
		return
	}
	defer conn.Close()
	masked := func(f ws.Frame) []byte { return ws.MustCompileFrame(ws.MaskFrame(f)) }
	text := fmt.Sprintf(`{"Msg":"%s","RoomId":"%s"}`, strings.Repeat("x", 100), room.ID)
	for _, frame := range [][]byte{
		masked(ws.NewTextFrame([]byte(text))), masked(ws.NewPingFrame([]byte("x"))), masked(ws.NewTextFrame([]byte("{}"))),
		masked(ws.NewFrame(ws.OpText, false, []byte(text[:10]))), masked(ws.NewFrame(ws.OpContinuation, true, []byte(text[10:]))),
		masked(ws.NewCloseFrame(nil)),
	} {
		switch random.IntN(18) {
		case 0:
			return
		case 1:
			conn.(*net.TCPConn).SetLinger(0) // a reset
			return
		case 2:
			conn.(*net.TCPConn).CloseWrite()
		case 3:
			conn.Write(frame[:random.IntN(len(frame))])
			return
		case 4: // half a frame, and then silence until the server has enough of it
			conn.Write(frame[:random.IntN(len(frame))])
			conn.SetReadDeadline(time.Now().Add(answerWait))
			io.Copy(io.Discard, conn)
			return
		case 5:
			conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			conn.Read(make([]byte, 100))
		}
		conn.Write(frame)
	}
}

// Of a thousand connections that end at any moment nothing is left: no session, no goroutine, no descriptor, no place taken
// from their address, and nobody is shown as online.
func TestNothingIsLeftOfAThousandConnections(t *testing.T) {
	const visitors, visits, places = 25, 40, 20
	connections := limit.NewCount(places)
	h := open(t, func(cfg *plainws.Config) {
		cfg.Connections = connections
		cfg.PingInterval, cfg.PingTimeout = 100*time.Millisecond, 100*time.Millisecond
	})
	var people []user
	var ids []chat.UserID
	for i := range 5 {
		u := h.register(fmt.Sprint("ann ", i))
		people, ids = append(people, u), append(ids, u.id)
	}
	room := h.gather("garden", people...)
	h.join(people[0]).conn.Close() // what is made once
	h.until("the first is gone", func() bool { return h.door.Connections() == 0 })
	goroutines, descriptors := runtime.NumGoroutine(), openFiles()

	var all sync.WaitGroup
	for i := range visitors {
		all.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(i)))
			for range visits {
				h.visit(random, people, room)
			}
		})
	}
	all.Wait()
	h.until("no session is left", func() bool { return h.door.Connections() == 0 })
	h.until("no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
	h.until("no descriptor is left", func() bool { return openFiles() <= descriptors })
	for i := range places {
		if !connections.Enter(limit.Address("127.0.0.1")) {
			t.Fatalf("%d places of %d are free again", i, places)
		}
	}
	last, err := h.engine.Last(t.Context(), []chat.ConvID{chat.RoomConv(room.ID)})
	if err != nil || last[0] < visits {
		t.Errorf("only %d messages were sent, %v", last, err)
	}
	if sockets, err := h.engine.Sockets(t.Context(), ids, time.Now()); err != nil || len(sockets) != 0 {
		t.Errorf("the registry has %+v, %v", sockets, err)
	}
	if n := h.rooms.Online(room.ID); n != 0 {
		t.Errorf("%d are online", n)
	}
}

// openFiles counts the descriptors of this process, where there is a place to read that.
func openFiles() int {
	all, _ := os.ReadDir("/proc/self/fd")
	return len(all)
}
