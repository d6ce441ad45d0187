//go:build linux && !race

package engineio

import (
	"net"
	"net/http"
	"runtime"
	"syscall"
	"testing"

	"github.com/gobwas/ws"
)

// usage is what this process uses.
type usage struct {
	heap, stack int // bytes
	goroutines  int
}

func footprint() usage {
	runtime.GC()
	runtime.GC() // what the first one left in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{int(m.HeapAlloc), int(m.StackInuse), runtime.NumGoroutine()}
}

// knock opens a WebSocket through the system alone, so that the client's side takes no memory of the process.
func knock(t testing.TB, addr *net.TCPAddr) (fd int) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	to := &syscall.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())}
	if err := syscall.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	say(t, fd, []byte("GET /?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	return fd
}

func say(t testing.TB, fd int, data []byte) {
	if _, err := syscall.Write(fd, data); err != nil {
		t.Fatal(err)
	}
}

// listener is a handler for all connections, so that none has memory of its own.
type listener chan struct{}

func (l listener) Message([]byte, bool) error {
	l <- struct{}{}
	return nil
}
func (l listener) Pong(uint32)   {}
func (l listener) Tick()         {}
func (l listener) Closed(string) {}

// Connections that have said something and are silent now keep no goroutine, and no buffer.
func TestIdleConnectionsAreSmall(t *testing.T) {
	const n = 500
	heard := make(listener, 2*n)
	h := openWith(t, func(*Conn, *http.Request) Handler { return heard })
	addr := h.http.Listener.Addr().(*net.TCPAddr)
	fds := make([]int, n)
	before := footprint()
	for i := range fds {
		fds[i] = knock(t, addr)
	}
	for _, fd := range fds {
		say(t, fd, masked(ws.NewTextFrame([]byte("4hello")), ws.NewBinaryFrame(make([]byte, 5000))))
	}
	for range 2 * n {
		receive(t, "a message", heard)
	}
	await(t, "all is quiet", func() bool { return runtime.NumGoroutine() <= before.goroutines })
	after := footprint()
	heap, stack := (after.heap-before.heap)/n, (after.stack-before.stack)/n
	t.Logf("an idle connection takes %d bytes of heap and %d of stack", heap, stack)
	if heap > 2200 || stack > 1500 {
		t.Error("that is too much")
	}
}
