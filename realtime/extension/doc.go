// Package extension lets Go programs add Socket.IO namespaces with the API of github.com/zishang520/socket.io/v2, on
// Parley's own transport. It is the only package that imports that library, and it knows nothing of chat messages.
//
// The library keeps what it does well: namespaces, middleware, rooms, the adapter, acks. Its transport and its event
// dispatch are not used, for they lose and reorder events and can end the process. What is done about each:
//
//   - Order. The library starts a goroutine per packet. Here every namespace of a connection has a lane: its events,
//     and its disconnect, reach the handlers one after the other in the order they came. Acks have a lane of their own,
//     so a handler may wait for one.
//   - The first events. The library answers CONNECT before the listeners of `connection` have run. What the client
//     sends meanwhile waits in the lane until they have.
//   - Back-pressure. A lane is bounded; while it is full the connection is not read, pongs neither: a handler that
//     takes longer than the ping timeout costs its client the connection. Every event of a client waits for the one
//     before, so what takes long belongs into a goroutine of its own.
//   - Malformed packets. They end the connection before the library sees them: it hears parsed packets alone.
//   - Panics. A panic in a listener, middleware or ack function is logged, and its event is over.
//   - Slow readers. What the library sends goes to the connection's bounded queue; who overflows it is closed, with a
//     reason, and nobody else waits for him.
//   - Fan-out. The library copies a broadcast for every member and writes to one after the other. Here it is encoded
//     once and queued on every connection; writers, one per core, flush the connections while the handler goes on, and
//     what is broadcast meanwhile goes out in the same writes. Emit returns at once, or, for who broadcasts faster than
//     can be written, when the writers have begun with it.
//   - Binary. The parts of a packet go out with nothing between them.
//   - Rooms. The library's adapter loses a join that meets the last leave of the same room, and keeps rooms of sockets
//     that have left. Both are closed here by a lock.
//
// What cannot be closed from outside, and how it is contained:
//
//   - Broadcasts that wait for acks (Server.Timeout(…).EmitWithAck) race inside the library on one word when a client
//     answers before the call returns; the ack function may then be called twice. Guard it with a sync.Once. Acks of
//     one socket have no such race.
//   - An ack with a Timeout is the library's timer and goroutine until it is answered or the timeout is over, even when
//     its client has gone. Keep timeouts short.
//   - A panic in an ack function that a timeout calls, or in a goroutine that a handler started, ends the process, as
//     in every Go program.
//   - The modifiers of one socket (Volatile, Timeout, Compress) write to fields without a lock: use them from the
//     socket's own handlers. Those of a namespace or of To make a value of their own and are free of that.
//   - Namespaces belong registered before the server listens. A client that asks for one in the very moment it is made
//     is closed, and comes back.
//   - The library names no way to a socket's middleware. This package reads the one private field that holds it, and
//     New fails if that field is not there.
//
// Not there: what belongs to the library's own transport (Server.Engine is nil, Listen and Attach start a second one
// beside ours, Socket.Conn hears no packets), connection state recovery, and other adapters than the one in memory.
//
// The namespace "/" is the chat's. Clients never reach the library through it: listeners registered there hear nothing,
// and On says so by an error.
package extension
