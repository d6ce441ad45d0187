package extension

import (
	"sync"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"
	"github.com/zishang520/socket.io/v2/socket"
)

// adapters makes the adapters of namespaces.
type adapters struct{}

// New implements socket.AdapterConstructor.
func (adapters) New(namespace socket.Namespace) socket.Adapter {
	a := &adapter{Adapter: socket.MakeAdapter()}
	a.Prototype(a)
	a.Construct(namespace)
	return a
}

// adapter is the library's, with joins and leaves one at a time. In the library a join that meets the last leave of
// the same room puts the socket into a set that nobody finds any more.
type adapter struct {
	socket.Adapter
	mu sync.Mutex // guards the two tables of rooms
}

// AddAll implements socket.Adapter. A socket that has left joins nothing.
func (a *adapter) AddAll(id socket.SocketId, rooms *types.Set[socket.Room]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, present := a.Nsp().Sockets().Load(id); present {
		a.Adapter.AddAll(id, rooms)
	}
}

// Del implements socket.Adapter.
func (a *adapter) Del(id socket.SocketId, room socket.Room) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Adapter.Del(id, room)
}

// DelAll implements socket.Adapter.
func (a *adapter) DelAll(id socket.SocketId) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Adapter.DelAll(id)
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
	a.Adapter.BroadcastWithAck(p, opts, func(n uint64) {
		mu.Lock()
		defer mu.Unlock()
		counted(n)
	}, one)
}
