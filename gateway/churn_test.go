package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/gateway"
	"github.com/parley-chat/parley/gateway/gatewaytest"
	"github.com/parley-chat/parley/limit"
)

// visit is one connection that ends at any moment, mostly without a word. Errors are of no interest: what counts is what is
// left behind.
func (h *house) visit(random *rand.Rand, people []person, group uint64) {
	me, other := people[random.IntN(len(people))], people[random.IntN(len(people))]
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		return
	}
	defer conn.Close()
	for _, f := range []struct {
		id   uint16
		body object
	}{
		{1023, object{}}, {1005, object{"uid": me.uid, "token": me.token}}, {1009, object{"touid": other.uid}},
		{1017, object{"touid": other.uid, "text_array": texts(text("hi", ""))}}, {1025, object{}},
		{1017, object{"thread_id": group, "text_array": texts(text(strings.Repeat("x", 5000), ""))}},
		{1029, object{"thread_id": group}}, {9, object{}},
	} {
		body, _ := json.Marshal(f.body)
		frame := gatewaytest.Frame(f.id, uint16(len(body)), string(body))
		switch random.IntN(24) {
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
			conn.SetReadDeadline(time.Now().Add(patience))
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
	h := open(t, func(c *gateway.Config) {
		c.Connections = connections
		c.LoginTime, c.FrameTime, c.Silence = 100*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	})
	var people []person
	var ids []chat.UserID
	for i := range 5 {
		p := h.join(fmt.Sprint("Ann ", i))
		people, ids = append(people, p), append(ids, p.id)
	}
	room, _, err := h.cfg.Rooms.Create(context.Background(), ids[0], "Friends", ids[1:], "")
	if err != nil {
		t.Fatal(err)
	}
	first := h.dial() // what is made once; whether she is in time does not matter
	first.Send(1005, object{"uid": people[0].uid, "token": people[0].token})
	_, _, _ = first.Next()
	first.Conn.Close()
	h.until("the first is gone", func() bool { return h.door.Connections() == 0 })
	goroutines, descriptors := runtime.NumGoroutine(), openFiles()

	var all sync.WaitGroup
	for i := range visitors {
		all.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(i)))
			for range visits {
				h.visit(random, people, room.Number)
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
	if len(h.stored()) < visits {
		t.Errorf("only %d messages were sent", len(h.stored()))
	}
	if sockets, err := h.cfg.Devices.Sockets.Sockets(context.Background(), ids, time.Now()); err != nil || len(sockets) != 0 {
		t.Errorf("the registry has %+v, %v", sockets, err)
	}
	if here := h.cfg.Presence.Here(ids); slices.Contains(here, true) {
		t.Errorf("who is here: %v", here)
	}
}

// openFiles counts the descriptors of this process, where there is a place to read that.
func openFiles() int {
	all, _ := os.ReadDir("/proc/self/fd")
	return len(all)
}
