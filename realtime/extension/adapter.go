package extension

import (
	"sync"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"
	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/realtime/engineio"
)

// adapters makes the adapters of namespaces.
type adapters struct{ server *Server }

// New implements socket.AdapterConstructor.
func (m adapters) New(namespace socket.Namespace) socket.Adapter {
	a := &adapter{Adapter: socket.MakeAdapter(), server: m.server, lists: make(map[socket.Room][]*socket.Socket)}
	a.Prototype(a)
	a.Construct(namespace)
	return a
}

// adapter is the library's, with joins and leaves one at a time, and broadcasts of our own. In the library a join that
// meets the last leave of the same room puts the socket into a set that nobody finds any more. Listeners of the adapter's
// own events run within them: protected, and they must not join or leave themselves. A broadcast of the library's copies
// the packet for each member and writes to one after the other before it returns.
type adapter struct {
	socket.Adapter
	server *Server
	mu     sync.Mutex // guards the two tables of rooms; taken before listing

	listing sync.Mutex                       // guards what follows
	lists   map[socket.Room][]*socket.Socket // who is in rooms that were broadcast to since somebody joined or left
	changes uint64                           // joins and leaves
}

// alone runs a join or leave.
func (a *adapter) alone(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	protect(a.server.log, a.Nsp().Name()+" adapter", do)
}

// AddAll implements socket.Adapter. A socket that has left joins nothing.
func (a *adapter) AddAll(id socket.SocketId, rooms *types.Set[socket.Room]) {
	a.alone(func() {
		if _, present := a.Nsp().Sockets().Load(id); present {
			a.changing(rooms, func() { a.Adapter.AddAll(id, rooms) })
		}
	})
}

// Del implements socket.Adapter.
func (a *adapter) Del(id socket.SocketId, room socket.Room) {
	a.alone(func() { a.changing(types.NewSet(room), func() { a.Adapter.Del(id, room) }) })
}

// DelAll implements socket.Adapter.
func (a *adapter) DelAll(id socket.SocketId) {
	a.alone(func() {
		if rooms := a.SocketRooms(id); rooms != nil {
			a.changing(rooms, func() { a.Adapter.DelAll(id) })
		}
	})
}

// Broadcast implements socket.Adapter.
func (a *adapter) Broadcast(p *parser.Packet, opts *socket.BroadcastOptions) {
	a.broadcast(p, opts, func(*socket.Socket) {})
}

// BroadcastWithAck implements socket.Adapter. The library counts answers without a lock, so they are let in one at a
// time.
func (a *adapter) BroadcastWithAck(p *parser.Packet, opts *socket.BroadcastOptions, counted func(uint64), ack socket.Ack) {
	var mu sync.Mutex
	one := func(args []any, err error) {
		mu.Lock()
		defer mu.Unlock()
		ack(args, err)
	}
	id, receivers := a.Nsp().Ids(), uint64(0) // one id for all: no socket is asked another thing under it
	p.Id = &id
	a.broadcast(p, opts, func(s *socket.Socket) {
		receivers++
		s.Acks().Store(id, one)
	})
	mu.Lock()
	defer mu.Unlock()
	counted(receivers)
}

// broadcast sends a packet to all that opts name. receiver hears of each before. The packet is encoded once, and all
// connections share its frames.
func (a *adapter) broadcast(p *parser.Packet, opts *socket.BroadcastOptions, receiver func(*socket.Socket)) {
	if opts == nil {
		opts = &socket.BroadcastOptions{}
	}
	p.Nsp = a.Nsp().Name()
	args, _ := p.Data.([]any) // encoding puts placeholders for bytes there
	frames := a.encode(p)
	if len(frames) == 0 {
		return
	}
	volatile := opts.Flags != nil && opts.Flags.Volatile
	var unsent []*engineio.Conn
	a.each(opts, func(s *socket.Socket) {
		w, ours := s.Conn().(*wire)
		if !ours {
			return
		}
		receiver(s)
		for _, listener := range s.ListenersAnyOutgoing() {
			protect(a.server.log, p.Nsp+" any outgoing", func() { listener(args...) })
		}
		if w.ReadyState() == stateOpen && (!volatile || w.writable()) {
			w.conn.Enqueue(frames...)
			unsent = append(unsent, w.conn) // also one that is being written to: flushers pace the broadcaster
		}
	})
	bytes := 0
	for _, frame := range frames {
		bytes += frame.Len()
	}
	engineio.FlushMany(unsent, len(frames), bytes)
}

// encode returns the frames of a packet, none when it cannot be encoded.
func (a *adapter) encode(p *parser.Packet) (frames []*engineio.Frame) {
	for i, part := range a.server.sockets.Encoder().Encode(p) {
		if i == 0 {
			frames = append(frames, textFrame(part.Bytes()))
		} else {
			frames = append(frames, engineio.NewBinary(part.Bytes()))
		}
	}
	return frames
}

// changing drops the lists of rooms that do changes: before it, since listeners of the change may broadcast, and after
// it, since what is listed meanwhile may be neither the one nor the other.
func (a *adapter) changing(rooms *types.Set[socket.Room], do func()) {
	changed := rooms.Keys()
	a.forget(changed)
	defer a.forget(changed)
	do()
}

func (a *adapter) forget(rooms []socket.Room) {
	a.listing.Lock()
	defer a.listing.Unlock()
	a.changes++
	for _, room := range rooms {
		delete(a.lists, room)
	}
}

// each calls do with every socket that opts name, once.
func (a *adapter) each(opts *socket.BroadcastOptions, do func(*socket.Socket)) {
	passed := make(map[*socket.Socket]struct{})
	if opts.Except != nil {
		for _, room := range opts.Except.Keys() {
			for _, s := range a.members(room) {
				passed[s] = struct{}{}
			}
		}
	}
	if opts.Rooms == nil || opts.Rooms.Len() == 0 {
		a.Sids().Range(func(id socket.SocketId, _ *types.Set[socket.Room]) bool {
			s, present := a.Nsp().Sockets().Load(id)
			if _, over := passed[s]; present && !over {
				do(s)
			}
			return true
		})
		return
	}
	rooms := opts.Rooms.Keys()
	for i, room := range rooms {
		for _, s := range a.members(room) {
			if _, over := passed[s]; over {
				continue
			}
			do(s)
			if i < len(rooms)-1 {
				passed[s] = struct{}{}
			}
		}
	}
}

// members returns those in a room. Looking one up takes as long as queueing a frame for her, so it is done once for as
// long as nobody joins or leaves.
func (a *adapter) members(room socket.Room) []*socket.Socket {
	a.listing.Lock()
	list, known := a.lists[room]
	changes := a.changes
	a.listing.Unlock()
	if known {
		return list
	}
	ids, present := a.Rooms().Load(room)
	if !present {
		return nil
	}
	for _, id := range ids.Keys() {
		if s, present := a.Nsp().Sockets().Load(id); present {
			list = append(list, s)
		}
	}
	a.listing.Lock()
	defer a.listing.Unlock()
	if a.changes == changes && list != nil {
		a.lists[room] = list
	}
	return list
}
