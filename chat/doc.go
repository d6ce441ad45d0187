// Package chat holds what is true of a chat, whatever carries or keeps it: accounts, friends, messages and their
// numbers, cursors, devices and sockets, the rules over them, and the interfaces that those rules need.
//
// It imports the standard library only. It knows nothing of HTTP, of Socket.IO, of databases or of files: those are
// doors and engines, and they depend on this package, never the other way.
package chat
