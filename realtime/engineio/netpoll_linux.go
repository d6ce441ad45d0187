package engineio

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// netpoll waits for bytes on many sockets at once, so that a socket that waits needs no goroutine, by epoll(7).
//
// No thread of the system blocks in it: an epoll instance is itself a file that can be waited for, so its goroutine is
// parked in Go's own poller until some socket has something. A socket is registered once, wakes once each time that it is
// armed (EPOLLONESHOT), and leaves the kernel's list by being closed.
//
// Whoever is woken has its messages handled by a goroutine of its own, since a Handler may wait.
type netpoll struct {
	file *os.File
	raw  syscall.RawConn

	mu    sync.RWMutex // guards what follows; taken after Conn.mu
	conns map[uint64]*Conn
	last  uint64 // an id is never used twice, so a late event of a closed socket meets nobody
}

// pollBatch is how many sockets one call can wake.
const pollBatch = 128

// newNetpoll returns a poller that runs until close, or nil when the system gives none: then each socket has a goroutine.
func newNetpoll() *netpoll {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	syscall.SetNonblock(fd, true) // what makes os.NewFile hand it to Go's poller; if it failed, that shows below
	p := &netpoll{file: os.NewFile(uintptr(fd), "epoll"), conns: make(map[uint64]*Conn)}
	if p.raw, err = p.file.SyscallConn(); err == nil {
		err = p.file.SetReadDeadline(time.Time{}) // an error says that it cannot be waited for
	}
	if err != nil {
		p.file.Close()
		return nil
	}
	go p.run()
	return p
}

// close ends the poller. It wakes nobody afterwards.
func (p *netpoll) close() {
	if p != nil {
		p.file.Close()
	}
}

// enroll gives a session's WebSocket an id to be armed with; 0 when it has to be waited for by a goroutine.
func (p *netpoll) enroll(c *Conn) (id uint64) {
	if p == nil || c.ws.raw == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	p.conns[p.last] = c
	return p.last
}

// arm has the socket woken once, as soon as there is something to read, which may be there already. first registers it.
// After an error it is not woken.
func (p *netpoll) arm(raw syscall.RawConn, id uint64, first bool) error {
	event := syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: int32(id), Pad: int32(id >> 32),
	}
	op := syscall.EPOLL_CTL_MOD
	if first {
		op = syscall.EPOLL_CTL_ADD
	}
	var armed error
	err := raw.Control(func(fd uintptr) {
		err := p.raw.Control(func(epoll uintptr) { armed = syscall.EpollCtl(int(epoll), op, int(fd), &event) })
		if err != nil {
			armed = err
		}
	})
	if err != nil {
		return err
	}
	return armed
}

// forget lets nobody be woken any more by events of that id.
func (p *netpoll) forget(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, id)
}

// run wakes whom there is something for.
func (p *netpoll) run() {
	events := make([]syscall.EpollEvent, pollBatch)
	conns := make([]*Conn, pollBatch)
	p.raw.Read(func(fd uintptr) bool {
		for {
			n, _ := retry(func() (int, error) { return syscall.EpollWait(int(fd), events, 0) })
			p.wake(events[:n], conns[:n])
			if n < len(events) {
				return false // wait; what has come since shows at once
			}
		}
	})
}

// wake sees to it that what has come is read. conns is room for as many as there are events.
func (p *netpoll) wake(events []syscall.EpollEvent, conns []*Conn) {
	p.mu.RLock()
	for i := range events {
		conns[i] = p.conns[uint64(uint32(events[i].Fd))|uint64(uint32(events[i].Pad))<<32]
	}
	p.mu.RUnlock()
	for i, c := range conns {
		if c != nil && c.ws.turn.wake() {
			go c.resume(c.ws)
		}
		conns[i] = nil
	}
}
