package limit

import (
	"net"
	"time"
)

// Pacer is a bucket for each key, as New makes it, or None.
type Pacer interface {
	Allow(key string) (retry time.Duration, ok bool)
}

// Admit lets one more connection of a host in: so many new ones in a while, so many at once. Each may be nil, for no limit.
// leave is called once, at the connection's end. When it is not let in, retry says when to come back, 0 for unknown.
func Admit(handshakes Pacer, connections *Count, host string) (leave func(), retry time.Duration, ok bool) {
	key := Address(host)
	if handshakes != nil {
		if retry, ok := handshakes.Allow(key); !ok {
			return nil, retry, false
		}
	}
	if !connections.Enter(key) {
		return nil, 0, false
	}
	return func() { connections.Leave(key) }, 0, true
}

// Host is the address of a peer, as net/http's RemoteAddr has it, without the port.
func Host(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}
