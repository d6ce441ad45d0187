package extension

import (
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"
	"github.com/zishang520/socket.io/v2/socket"
)

// member is one client in one namespace of the library, from its CONNECT to its end.
type member struct {
	conn      *connection
	namespace string
	auth      any   // what the client brought, nil or a map[string]any
	events    *lane // CONNECT, events and DISCONNECT
	acks      *lane

	sock       atomic.Pointer[socket.Socket]
	middleware *types.Slice[socket.SocketMiddleware] // of sock; written before it
	leaving    atomic.Bool                           // the client said DISCONNECT, or has left
	told       atomic.Bool                           // DISCONNECT goes to the client, who may come back upon it
	reason     atomic.Pointer[string]                // of its end, when the library knows less

	ready, over chan struct{} // closed when listeners of `connection` have run; when it is refused or has left
	overOnce    sync.Once

	mu      sync.Mutex // guards what follows
	isReady bool
	held    []func() // what is to be told when it is ready
}

func newMember(c *connection, namespace string, auth any) *member {
	return &member{
		conn: c, namespace: namespace, auth: auth, events: newLane(), acks: newLane(),
		ready: make(chan struct{}), over: make(chan struct{}),
	}
}

// join asks the library for the namespace and waits for the answer, as all that the client sends after it does.
func (m *member) join() {
	m.conn.connect(m.namespace, m.auth)
	select {
	case <-m.ready:
	case <-m.over:
	case <-m.conn.closed:
	}
}

// adopt takes hold of the library's socket before anyone else sees it.
func (m *member) adopt(s *socket.Socket) {
	s.StrictEventEmitter.EventEmitter = &socketEvents{EventEmitter: s.StrictEventEmitter.EventEmitter, member: m}
	field := reflect.ValueOf(s).Elem().Field(m.conn.server.fns)
	m.middleware = *(**types.Slice[socket.SocketMiddleware])(field.Addr().UnsafePointer())
	s.Handshake().Auth = m.auth // where the library has something else for clients of old
	m.sock.Store(s)
}

// connected is called when the listeners of `connection` have run.
func (m *member) connected() {
	m.conn.conn.CloseAfter(0, "") // it has joined something
	c := m.conn
	c.mu.Lock()
	over, reason := c.over, c.reason
	c.mu.Unlock()
	m.mu.Lock()
	again, held := m.isReady, m.held
	m.isReady, m.held = true, nil
	m.mu.Unlock()
	if again { // a program may emit `connection` too
		return
	}
	close(m.ready)
	for _, tell := range held {
		tell()
	}
	if over { // too late for the library to take the socket along
		m.leave(standardReason(reason))
	}
}

// hold keeps what comes too early until the listeners of `connection` have run; false when they have.
func (m *member) hold(tell func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isReady {
		m.held = append(m.held, tell)
	}
	return !m.isReady
}

// refused is called when CONNECT_ERROR goes out.
func (m *member) refused() {
	m.conn.forget(m)
	m.end()
}

// leave takes the socket out of its namespace. The library does so on behalf of the server alone, so why says what its
// listeners hear instead.
func (m *member) leave(reason string) {
	if s := m.sock.Load(); s != nil && s.Connected() {
		m.reason.CompareAndSwap(nil, &reason)
		s.Disconnect(false)
	}
}

// why returns the arguments of `disconnect`; nil for the library's own.
func (m *member) why() []any {
	reason := m.reason.Load()
	if reason == nil {
		return nil
	}
	m.conn.mu.Lock()
	defer m.conn.mu.Unlock()
	if m.conn.reason != "" {
		return []any{*reason, m.conn.reason}
	}
	return []any{*reason}
}

// left is called when the listeners of `disconnect` have run.
func (m *member) left() {
	if m.leaving.Swap(true) { // by DISCONNECT; who was sent away stays known, for what he has on its way
		m.conn.forget(m)
	}
	s := m.sock.Load()
	s.Nsp().Adapter().DelAll(s.Id()) // rooms joined while it was leaving
	m.end()
}

func (m *member) end() {
	m.overOnce.Do(func() { close(m.over) })
	m.events.close()
	m.acks.close()
}

// event hands an event to middleware and listeners, as the library's Socket does, but here and now.
func (m *member) event(args []any, id int64) {
	s := m.sock.Load()
	if s == nil || !s.Connected() {
		return // refused, or gone
	}
	if id >= 0 {
		args = append(args, m.acknowledge(uint64(id)))
	}
	log := m.conn.server.log
	for _, listener := range s.ListenersAny() {
		protect(log, m.namespace+" any", func() { listener(args...) })
	}
	protect(log, m.namespace+" middleware", func() {
		through(m.middleware.All(), args, func(err error) {
			switch {
			case err != nil:
				s.EmitReserved("error", err)
			case s.Connected():
				s.EmitUntyped(args[0].(string), args[1:]...)
			}
		})
	})
}

// through runs middleware one after the other. Each goes on by calling next; one that does not ends the event.
func through(fns []socket.SocketMiddleware, args []any, done func(error)) {
	if len(fns) == 0 {
		done(nil)
		return
	}
	fns[0](args, func(err error) {
		if err != nil {
			done(err)
			return
		}
		through(fns[1:], args, done)
	})
}

// acknowledge returns the function that answers an event, once.
func (m *member) acknowledge(id uint64) socket.Ack {
	var once sync.Once
	return func(args []any, _ error) {
		once.Do(func() {
			if args == nil {
				args = []any{}
			}
			m.conn.write(&parser.Packet{Type: parser.ACK, Nsp: m.namespace, Id: &id, Data: args})
		})
	}
}

// ack calls the function that waits for an ack. One that nobody waits for is no error.
func (m *member) ack(id uint64, args []any) {
	s := m.sock.Load()
	if s == nil {
		return
	}
	if ack, waits := s.Acks().LoadAndDelete(id); waits {
		protect(m.conn.server.log, m.namespace+" ack", func() { ack(args, nil) })
	}
}
