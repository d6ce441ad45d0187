// Package engineio serves Engine.IO, protocols 3 and 4 on one path: HTTP long-polling, JSONP, WebSocket, the upgrade from
// one to the other, the heartbeat, and a bound on everything that a peer can make grow.
//
// It carries messages, text or binary, in order, and knows nothing of what is in them.
//
// How it stays small: a silent WebSocket costs no goroutine (on Linux, elsewhere one that is parked), no buffer and no
// timer. A write goes straight to the kernel from whoever sends; only when the kernel takes no more does a goroutine
// wait for it.
// What many connections are to hear is encoded once, as a Frame.
//
// Where things are: server.go opens sessions and routes requests; conn.go queues what is sent and hears what comes;
// polling.go, read.go, write.go and upgrade.go are the transports of a Conn, heartbeat.go its time, close.go its end.
// Below them stand packet.go and frame.go (what is on the wire), accept.go and websocket.go (RFC 6455),
// netpoll_linux.go, turn.go and wait.go (who reads a socket, and when), wheel.go and queue.go.
//
// Locks are taken in this order: Conn.in, Conn.mu, then Server.mu or the wheel's. A Handler is called with Conn.in held
// at the most.
package engineio
