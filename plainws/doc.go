// Package plainws is the plain WebSocket door of the room chat (wire contract, section 3): JSON texts in WebSocket
// messages (RFC 6455), without Socket.IO. A client hears every room that its user is in, first what its device missed, and
// writes to them. It is for small clients: direct messages, and changes of messages, are not told here.
package plainws
