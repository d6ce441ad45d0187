package extension_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/extension"
)

// Ann sends 50,000 events as fast as the wire takes them. The handlers hear every one, in the order she sent them.
func TestBurstKeepsItsOrder(t *testing.T) {
	const burst = 50_000
	var next, wrong int
	all := make(chan struct{})
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(s *socket.Socket) {
			s.Use(func(_ []any, next func(error)) { next(nil) })
			s.On("n", func(args ...any) {
				if int(args[0].(float64)) != next {
					wrong++
				}
				if next++; next == burst {
					close(all)
				}
			})
		})
	})
	ann := h.join("/rooms")
	for i := range burst {
		ann.conn.Write([]byte("4" + event("/rooms", "n", i)))
	}
	ann.flush()
	happens(t, "the last event", all)
	if wrong != 0 {
		t.Errorf("%d of %d out of order", wrong, burst)
	}
}

// What is broadcast to a room of 200 reaches everyone, in order, while Ann's next events are on their way.
func TestBroadcastKeepsItsOrder(t *testing.T) {
	const people, messages = 200, 100
	joined := make(chan struct{}, people)
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		var n socket.Namespace
		n = onConnect(io, "/rooms", func(s *socket.Socket) {
			s.Join("kitchen")
			s.On("say", func(args ...any) { n.To("kitchen").Emit("said", args...) })
			joined <- struct{}{}
		})
	})
	var room []*person
	for range people {
		room = append(room, h.join("/rooms"))
		happens(t, "joining", joined)
	}
	for i := range messages {
		room[0].conn.Write([]byte("4" + event("/rooms", "say", i)))
	}
	room[0].flush()
	for _, p := range room {
		for i := range messages {
			p.hears(event("/rooms", "said", i))
		}
	}
}

// A thousand people connect at once, and each sends an event without waiting for the answer to CONNECT. Nobody hangs,
// and no first event is lost.
func TestConnectStormLosesNoFirstEvent(t *testing.T) {
	const people = 1000
	var heard atomic.Int32
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(s *socket.Socket) {
			s.On("hello", func(args ...any) {
				heard.Add(1)
				args[1].(socket.Ack)([]any{args[0]}, nil)
			})
		})
	})
	var storm []*person
	for range people {
		storm = append(storm, h.dial())
	}
	for i, p := range storm {
		p.says("0/rooms,", fmt.Sprintf(`2/rooms,7["hello",%d]`, i))
	}
	for i, p := range storm {
		p.hears(`0/rooms,{"sid":`)
		p.hears(fmt.Sprintf(`3/rooms,7[%d]`, i))
	}
	if heard.Load() != people {
		t.Errorf("%d first events, not %d", heard.Load(), people)
	}
}

// The listeners of `connection` take their time; what Ann sends meanwhile waits for them.
func TestEventsWaitForConnection(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(s *socket.Socket) {
			close(entered)
			<-leave
			s.On("hello", func(args ...any) { s.Emit("hi", args...) })
		})
	})
	ann := h.dial()
	ann.says("0/rooms,", event("/rooms", "hello", 1), event("/rooms", "hello", 2))
	happens(t, "the connection", entered)
	ann.hears(`0/rooms,{"sid":`)
	ann.says(event("/rooms", "hello", 3))
	close(leave)
	for i := range 3 {
		ann.hears(event("/rooms", "hi", i+1))
	}
}

// A handler may wait for the ack of what it sent, for acks do not queue behind events.
func TestHandlerMayWaitForAck(t *testing.T) {
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(s *socket.Socket) {
			s.On("ask me", func(...any) {
				answer := make(chan any, 1)
				s.Emit("what?", func(args []any, _ error) { answer <- args[0] })
				s.Emit("so", <-answer)
			})
		})
	})
	ann := h.join("/rooms")
	ann.says(event("/rooms", "ask me"), event("/rooms", "ask me"))
	for i := range 2 {
		asked := ann.hears("2/rooms,")
		var id int
		if _, err := fmt.Sscanf(asked, "2/rooms,%d", &id); err != nil {
			t.Fatal(asked)
		}
		ann.says(fmt.Sprintf("3/rooms,%d[%d]", id, i))
		ann.hears(event("/rooms", "so", i))
	}
}
