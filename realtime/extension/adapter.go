package extension

import (
	"log/slog"
	"sync"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"
	"github.com/zishang520/socket.io/v2/socket"
)

// adapters makes the adapters of namespaces.
type adapters struct{ log *slog.Logger }

// New implements socket.AdapterConstructor.
func (m adapters) New(namespace socket.Namespace) socket.Adapter {
	a := &adapter{Adapter: socket.MakeAdapter(), log: m.log}
	a.Prototype(a)
	a.Construct(namespace)
	return a
}

// adapter is the library's, with joins and leaves one at a time. In the library a join that meets the last leave of
// the same room puts the socket into a set that nobody finds any more. Listeners of the adapter's own events run within
// them: protected, and they must not join or leave themselves.
type adapter struct {
	socket.Adapter
	log *slog.Logger
	mu  sync.Mutex // guards the two tables of rooms
}

// alone runs a join or leave.
func (a *adapter) alone(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	protect(a.log, a.Nsp().Name()+" adapter", do)
}

// AddAll implements socket.Adapter. A socket that has left joins nothing.
func (a *adapter) AddAll(id socket.SocketId, rooms *types.Set[socket.Room]) {
	a.alone(func() {
		if _, present := a.Nsp().Sockets().Load(id); present {
			a.Adapter.AddAll(id, rooms)
		}
	})
}

// Del implements socket.Adapter.
func (a *adapter) Del(id socket.SocketId, room socket.Room) {
	a.alone(func() { a.Adapter.Del(id, room) })
}

// DelAll implements socket.Adapter.
func (a *adapter) DelAll(id socket.SocketId) {
	a.alone(func() { a.Adapter.DelAll(id) })
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
