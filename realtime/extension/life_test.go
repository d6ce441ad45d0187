package extension_test

import (
	"errors"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/extension"
)

// Handlers, middleware and listeners of every kind panic. The log says so, the process and the connection live on.
func TestPanicsAreContained(t *testing.T) {
	over := make(chan struct{})
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(s *socket.Socket) {
			s.OnAny(func(args ...any) {
				if args[0] == "any" {
					panic("any listener")
				}
			})
			s.Use(func(args []any, next func(error)) {
				if args[0] == "use" {
					panic("socket middleware")
				}
				next(nil)
			})
			s.On("on", func(...any) { panic("event listener") })
			s.On("ask", func(...any) { s.Emit("what", func([]any, error) { panic("ack function") }) })
			s.On("hello", func(...any) { s.Emit("hi") })
			s.On("disconnecting", func(...any) { panic("end listener") })
			s.On("disconnect", func(...any) { close(over) })
			panic("connection listener")
		})
		io.Of("/shy", nil).Use(func(*socket.Socket, func(*socket.ExtendedError)) { panic("namespace middleware") })
	})
	ann := h.join("/rooms")
	ann.says(event("/rooms", "any"), event("/rooms", "use"), event("/rooms", "on"), event("/rooms", "ask"))
	ann.hears(`2/rooms,1["what"]`)
	ann.says("0/shy,")
	ann.hears(`4/shy,{"message":"internal error"}`)
	ann.says("3/rooms,1[]", event("/rooms", "hello"))
	ann.hears(event("/rooms", "hi"))
	ann.says("1/rooms,")
	happens(t, "the disconnect", over)
	for _, who := range []string{"any listener", "socket middleware", "event listener", "ack function", "end listener",
		"connection listener", "namespace middleware"} {
		for deadline := time.Now().Add(answerWait); !strings.Contains(h.log.String(), who); runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("%s: nothing in the log", who)
			}
		}
	}
}

// Middleware refuses whom it wants: at the door of the namespace, and event by event.
func TestMiddleware(t *testing.T) {
	refused := make(chan error, 1)
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		n := onConnect(io, "/rooms", func(s *socket.Socket) {
			s.Use(func(args []any, next func(error)) {
				switch args[0] {
				case "bad":
					next(errors.New("not that"))
				case "dropped":
				default:
					next(nil)
				}
			})
			s.On("error", func(args ...any) { refused <- args[0].(error) })
			s.On("hello", func(...any) { s.Emit("hi") })
		})
		n.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
			if auth, _ := s.Handshake().Auth.(map[string]any); auth["name"] != "Ann" {
				next(socket.NewExtendedError("who are you?", map[string]any{"code": 7}))
				return
			}
			next(nil)
		})
	})
	ann := h.dial()
	ann.says("0/rooms,", event("/rooms", "hello"))
	if got := ann.hears("4/rooms,"); got != `4/rooms,{"data":{"code":7},"message":"who are you?"}` {
		t.Error(got)
	}
	ann.says(`0/rooms,{"name":"Ann"}`, event("/rooms", "bad"), event("/rooms", "dropped"), event("/rooms", "hello"))
	ann.hears("0/rooms,")
	ann.hears(event("/rooms", "hi"))
	if err := happens(t, "the refusal", refused); err.Error() != "not that" {
		t.Error(err)
	}
	ann.says("0/nowhere,")
	ann.hears(`4/nowhere,{"message":"Invalid namespace"}`)
}

// Either side ends it, the other hears so, and the connection stays for other namespaces. Who has left may come back.
func TestDisconnectEitherWay(t *testing.T) {
	reasons := make(chan any, 10)
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(s *socket.Socket) {
			s.On("disconnect", func(args ...any) { reasons <- args[0] })
			s.On("out", func(...any) { s.Disconnect(false) })
			s.On("all out", func(...any) { s.Disconnect(true) })
		})
	})
	ann := h.join("/rooms")
	ann.says("1/rooms,", "0/rooms,") // comes back at once
	ann.hears("0/rooms,")
	if reason := happens(t, "her leaving", reasons); reason != "client namespace disconnect" {
		t.Error(reason)
	}
	ann.says(event("/rooms", "out"), event("/rooms", "still on its way"))
	ann.hears("1/rooms,")
	if reason := happens(t, "her being sent away", reasons); reason != "server namespace disconnect" {
		t.Error(reason)
	}
	ann.says("0/rooms,")
	ann.hears("0/rooms,")
	ann.says("0")
	ann.hears(`0{"sid":`)
	ann.says(event("/rooms", "all out"))
	ann.hears("1/rooms,")
	if reason := ann.isClosed(); !strings.Contains(reason, "closed by the server") {
		t.Error(reason)
	}
	happens(t, "her being sent away", reasons)
	bob := h.join("/rooms")
	bob.conn.Close()
	if reason := happens(t, "Bob's end", reasons); reason != "transport close" {
		t.Error(reason)
	}
}

// The namespace "/" is the chat's, and registering there says so.
func TestMainNamespaceIsTheChats(t *testing.T) {
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		if err := io.On("connection", func(...any) { t.Error("heard") }); err == nil {
			t.Error("On(connection) on / is no error")
		}
		if err := io.Of("/", nil).Once("connection", func(...any) { t.Error("heard") }); err == nil {
			t.Error("Once(connection) on / is no error")
		}
	})
	ann := h.dial()
	ann.says("0")
	ann.hears(`0{"sid":`)
}

// Handlers find the first request in the handshake.
func TestHandshake(t *testing.T) {
	seen := make(chan *socket.Handshake, 1)
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		onConnect(io, "/rooms", func(s *socket.Socket) {
			if name := s.Conn().Transport().Name(); name != "websocket" {
				t.Error(name)
			}
			seen <- s.Handshake()
		})
	})
	h.join("/rooms")
	shake := happens(t, "the connection", seen)
	if ip := net.ParseIP(shake.Address); ip == nil || !ip.IsLoopback() || shake.Query["EIO"][0] != "4" ||
		!strings.HasPrefix(shake.Url, "/socket.io/?") || len(shake.Headers) == 0 || shake.Secure {
		t.Errorf("%+v", shake)
	}
}

// Carl does not read. He is closed with a reason, and Ann's messages come as fast as before.
func TestSlowConsumerIsClosedAndDelaysNobody(t *testing.T) {
	ended := make(chan any, 2)
	h := open(t, engineio.Config{MaxQueued: 256 << 10}, func(io *extension.Sockets) {
		var n socket.Namespace
		n = onConnect(io, "/rooms", func(s *socket.Socket) {
			s.Join("kitchen")
			s.On("say", func(args ...any) { n.To("kitchen").Emit("said", args...) })
			s.On("disconnect", func(args ...any) { ended <- args[1] })
		})
	})
	carl := h.join("/rooms")
	ann := h.join("/rooms")
	text := strings.Repeat("x", 16<<10)
	sent := 0
	var slowest time.Duration
	for reason := any(nil); reason == nil; sent++ {
		begun := time.Now()
		ann.says(event("/rooms", "say", sent, text))
		ann.hears(event("/rooms", "said", sent, text))
		slowest = max(slowest, time.Since(begun))
		select {
		case reason = <-ended:
			if !strings.Contains(reason.(string), "read faster") {
				t.Error(reason)
			}
		default:
		}
		if sent > 10_000 {
			t.Fatal("Carl is still there")
		}
	}
	if reason := carl.isClosed(); !strings.Contains(reason, "1008") || !strings.Contains(reason, "read faster") {
		t.Errorf("Carl heard: %s", reason)
	}
	if slowest > 5*time.Second {
		t.Errorf("one of Ann's messages took %v", slowest)
	}
	t.Logf("closed after %d messages of 16 KB; the slowest of Ann's took %v", sent, slowest)
}

// People come and die at random moments. Nothing of them stays: no goroutine, no socket, no room, no timer.
func TestDisconnectStormLeavesNothing(t *testing.T) {
	const people, at = 2000, 50
	var n socket.Namespace
	var here, came atomic.Int32
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		n = onConnect(io, "/rooms", func(s *socket.Socket) {
			here.Add(1)
			came.Add(1)
			s.On("disconnect", func(...any) { here.Add(-1) })
			s.Join("kitchen", socket.Room(s.Id()+"'s own"))
			s.On("join", func(args ...any) { s.Join(socket.Room(args[0].(string))) })
		})
	})
	quiet := runtime.NumGoroutine()
	done := make(chan struct{}, at)
	for worker := range at {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := worker; i < people; i += at {
				p := h.dial()
				switch i % 5 {
				case 0: // dies before its CONNECT is answered
					p.says("0/rooms,")
				case 1:
					p.says("0/rooms,", event("/rooms", "join", "a"), event("/rooms", "join", "b"))
				case 2:
					p.says("0/rooms,", "1/rooms,")
				case 3:
					p.says("0/rooms,", event("/rooms", "join", "a"))
					p.hears("0/rooms,")
				case 4:
					p.says("0/rooms,")
					p.hears("0/rooms,")
					p.says("1/rooms,", "0/rooms,", event("/rooms", "join", "c"))
				}
				p.conn.Close()
			}
		}()
	}
	for range at {
		happens(t, "the storm", done)
	}
	count := func() [4]int {
		return [...]int{h.transport.Len(), n.Sockets().Len(), n.Adapter().Rooms().Len() + n.Adapter().Sids().Len(), int(here.Load())}
	}
	deadline := time.Now().Add(answerWait)
	for count() != [4]int{} || runtime.NumGoroutine() > quiet {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("left: connections, sockets, rooms, members: %v; %d goroutines, %d before\n%s", count(), runtime.NumGoroutine(), quiet, buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
	}
	t.Logf("%d came, nothing is left; %d goroutines as before", came.Load(), quiet)
}
