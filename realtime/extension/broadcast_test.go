package extension_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/realtime/engineio"
	"github.com/parley-chat/parley/realtime/extension"
)

// Ann is in the kitchen, Bob in the kitchen and the garden, Carl in the garden and Dora nowhere. Each broadcast reaches
// whom it names, once.
func TestBroadcastReachesWhomItNames(t *testing.T) {
	people := make(chan *socket.Socket, 4)
	var n socket.Namespace
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		n = onConnect(io, "/rooms", func(s *socket.Socket) { people <- s })
	})
	names := []string{"Ann", "Bob", "Carl", "Dora"}
	clients, sockets := make([]*person, len(names)), make([]*socket.Socket, len(names))
	for i := range names {
		clients[i] = h.join("/rooms")
		sockets[i] = happens(t, "joining", people)
	}
	sockets[0].Join("kitchen")
	sockets[1].Join("kitchen", "garden")
	sockets[2].Join("garden")
	for i, c := range []struct {
		to   *socket.BroadcastOperator
		hear string
	}{
		{n.To("kitchen"), "Ann Bob"},
		{n.To("kitchen", "garden"), "Ann Bob Carl"},
		{n.To("garden", "cellar"), "Bob Carl"},
		{n.To("cellar"), ""},
		{n.To("kitchen").Except("garden"), "Ann"},
		{n.Except("kitchen"), "Carl Dora"},
		{n.Except("kitchen", "garden", "cellar"), "Dora"},
		{n.Except(), "Ann Bob Carl Dora"},
		{sockets[1].To("kitchen", "garden"), "Ann Carl"},
		{sockets[3].Broadcast(), "Ann Bob Carl"},
		{n.To(socket.Room(sockets[3].Id())), "Dora"},
		{n.To("kitchen").Volatile(), "Ann Bob"},
	} {
		if err := c.to.Emit("said", i); err != nil {
			t.Error(err)
		}
		n.Emit("all", i)
		for person, name := range names {
			if strings.Contains(c.hear, name) {
				clients[person].hears(event("/rooms", "said", i))
			}
			clients[person].hears(event("/rooms", "all", i))
		}
	}
}

// Bob comes and goes and Carl hangs up, between broadcasts to the kitchen, which each reach who is there. A listener that
// tells of every newcomer reaches the newcomer too.
func TestBroadcastReachesWhoIsThere(t *testing.T) {
	people, gone := make(chan *socket.Socket, 3), make(chan struct{}, 3)
	var n socket.Namespace
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		n = onConnect(io, "/rooms", func(s *socket.Socket) {
			s.On("disconnect", func(...any) { gone <- struct{}{} })
			people <- s
		})
	})
	n.Adapter().On("join-room", func(args ...any) {
		if args[0] == socket.Room("kitchen") {
			n.To("kitchen").Emit("joined", args[1])
		}
	})
	all := map[*socket.Socket]*person{}
	var sockets []*socket.Socket // Ann's, Bob's, Carl's
	for range 3 {
		p := h.join("/rooms")
		s := happens(t, "joining", people)
		all[s], sockets = p, append(sockets, s)
	}
	said := 0
	say := func(hear ...*socket.Socket) {
		t.Helper()
		said++
		n.To("kitchen").Emit("said", said)
		for _, s := range hear {
			all[s].hears(event("/rooms", "said", said))
		}
	}
	for i, s := range sockets {
		s.Join("kitchen")
		for _, there := range sockets[:i+1] {
			all[there].hears(event("/rooms", "joined", s.Id()))
		}
		say(sockets[:i+1]...)
		say(sockets[:i+1]...)
	}
	sockets[1].Leave("kitchen")
	say(sockets[0], sockets[2])
	sockets[1].Join("kitchen")
	for _, there := range sockets {
		all[there].hears(event("/rooms", "joined", sockets[1].Id()))
	}
	say(sockets...)
	all[sockets[2]].conn.Close()
	happens(t, "hanging up", gone)
	say(sockets[:2]...)
	n.To("kitchen").FetchSockets()(func(left []*socket.RemoteSocket, err error) {
		if len(left) != 2 || err != nil {
			t.Errorf("%d are left, %v", len(left), err)
		}
	})
}

// Bytes are broadcast as one packet, to those who listen to what goes out as well. A listener that panics costs nobody
// the packet.
func TestBroadcastOfBytes(t *testing.T) {
	overheard := make(chan []any, 1)
	people := make(chan *socket.Socket, 2)
	var n socket.Namespace
	h := open(t, engineio.Config{}, func(io *extension.Sockets) {
		n = onConnect(io, "/rooms", func(s *socket.Socket) { people <- s })
	})
	ann, bob := h.join("/rooms"), h.join("/rooms")
	happens(t, "joining", people).OnAnyOutgoing(func(args ...any) {
		overheard <- args
		panic("overheard")
	})
	happens(t, "joining", people)
	n.Emit("drawn", "cat", []byte("a"), []byte("b"))
	for _, p := range []*person{ann, bob} {
		p.hears(`52-/rooms,["drawn","cat",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
		if parts := []string{string(p.receives()), string(p.receives())}; !slices.Equal(parts, []string{"a", "b"}) {
			t.Errorf("%q", parts)
		}
	}
	args := happens(t, "the packet on its way", overheard)
	if want := []any{"drawn", "cat", []byte("a"), []byte("b")}; !reflect.DeepEqual(args, want) {
		t.Errorf("overheard %q, not %q", args, want)
	}
}

// Ann broadcasts a thousand events at once to a room of 60 whose connections may have 100 packets waiting. Nobody is
// closed, because she is held up until they are written; and everyone hears all of them in order.
func TestBroadcasterWaitsForTheWriters(t *testing.T) {
	const people, messages = 60, 1000
	joined := make(chan struct{}, people)
	h := open(t, engineio.Config{MaxQueuedCount: 100}, func(io *extension.Sockets) {
		var n socket.Namespace
		n = onConnect(io, "/rooms", func(s *socket.Socket) {
			s.Join("kitchen")
			s.On("flood", func(...any) {
				for i := range messages {
					n.To("kitchen").Emit("said", i)
				}
			})
			joined <- struct{}{}
		})
	})
	var room []*person
	for range people {
		room = append(room, h.join("/rooms"))
		happens(t, "joining", joined)
	}
	heard := make(chan error, people)
	for _, p := range room {
		go func() {
			for i := range messages {
				packet, err := p.conn.Read()
				if want := event("/rooms", "said", i); err != nil || string(packet) != want {
					heard <- fmt.Errorf("%q, %v; not %q", packet, err, want)
					return
				}
			}
			heard <- nil
		}()
	}
	room[0].says(event("/rooms", "flood"))
	for range people {
		if err := happens(t, "the last event", heard); err != nil {
			t.Error(err)
		}
	}
}

// Carl reads nothing while 25 MB are broadcast that may be dropped. He misses some, and is not closed for being slow.
func TestVolatileBroadcastIsDroppedForTheSlow(t *testing.T) {
	const messages = 400
	text := strings.Repeat("x", 64<<10)
	var n socket.Namespace
	h := open(t, engineio.Config{}, func(io *extension.Sockets) { n = onConnect(io, "/rooms", func(*socket.Socket) {}) })
	carl := h.join("/rooms")
	for range messages {
		n.To().Volatile().Emit("said", text)
	}
	n.Emit("end")
	heard := 0
	for !strings.HasPrefix(carl.hears("2/rooms,"), event("/rooms", "end")) {
		heard++
	}
	if heard == 0 || heard == messages {
		t.Errorf("Carl heard %d of %d", heard, messages)
	}
}
