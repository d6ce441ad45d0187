//go:build !linux

package engineio

// netpoll exists on Linux alone. Elsewhere each WebSocket has a goroutine that waits for it.
type netpoll struct{}

// keptReaders is how many goroutines are kept for sockets that are woken.
const keptReaders = 0

func newNetpoll() *netpoll        { return nil }
func (*netpoll) close()           {}
func (*netpoll) watch(*Conn) bool { return false }
func (*netpoll) forget(id uint64) {}
