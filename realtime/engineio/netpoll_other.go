//go:build !linux

package engineio

// netpoll exists on Linux alone. Elsewhere each WebSocket has a goroutine that waits for it.
type netpoll struct{}

func newNetpoll() *netpoll        { return nil }
func (*netpoll) close()           {}
func (*netpoll) watch(*Conn) bool { return false }
func (*netpoll) forget(id uint64) {}
