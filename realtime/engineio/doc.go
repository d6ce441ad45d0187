// Package engineio serves Engine.IO, protocols 3 and 4 on one path: HTTP long-polling, JSONP, WebSocket, the upgrade from
// one to the other, the heartbeat, and a bound on everything that a peer can make grow.
//
// It carries messages, text or binary, in order, and knows nothing of what is in them.
//
// How it stays small: an idle WebSocket costs one goroutine that is parked without a buffer, and no timer. A write
// goes straight to the kernel from whoever sends; only when the kernel takes no more does a goroutine wait for it.
// What many connections are to hear is encoded once, as a Frame.
package engineio
