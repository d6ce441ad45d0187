// Package socketio serves Socket.IO, protocols 3 to 5, over engineio: packets, namespaces, acks, binary attachments.
//
// It hands each event to the handler of its namespace, in order, on the goroutine that read it, checked: one array
// that begins with a name, JSON of bounded depth, attachments counted. It does not decode the arguments.
package socketio
