//go:build unix

package engineio

import (
	"sync"
	"syscall"
)

// rawCall is a read or write that does not go through net.Conn, so that it can return instead of waiting, or wait
// without a buffer. It is kept and used again, so that it allocates nothing.
type rawCall struct {
	sock  *webSocket
	wait  bool // for something to read
	data  []byte
	n     int
	err   error
	read  func(fd uintptr) bool
	write func(fd uintptr) bool
}

func newRawCall() *rawCall {
	c := new(rawCall)
	c.read = func(fd uintptr) bool {
		c.sock.room(c.sock.need)
		c.n, c.err = retry(func() (int, error) { return syscall.Read(int(fd), c.sock.buf[c.sock.to:]) })
		if c.err == syscall.EAGAIN {
			c.sock.release()
			return !c.wait
		}
		return true
	}
	c.write = func(fd uintptr) bool {
		c.n, c.err = retry(func() (int, error) { return syscall.Write(int(fd), c.data) })
		return true
	}
	return c
}

// rawCalls lends them.
type rawCalls struct{ pool sync.Pool }

func (p *rawCalls) get() *rawCall {
	if c, ok := p.pool.Get().(*rawCall); ok {
		return c
	}
	return newRawCall()
}

func (p *rawCalls) put(c *rawCall) (n int, err error) {
	n, err = c.n, c.err
	c.sock, c.data, c.n, c.err = nil, nil, 0, nil
	p.pool.Put(c)
	return n, err
}

// prepareRaw finds out whether the socket can be read and written without waiting: not so with TLS inside the process.
func (s *webSocket) prepareRaw() {
	if sys, ok := s.conn.(syscall.Conn); ok {
		if raw, err := sys.SyscallConn(); err == nil {
			s.raw = raw
		}
	}
}

// readRaw reads once behind the unread bytes. When nothing is there it waits, or returns EAGAIN; meanwhile, and then, an
// empty buffer is back in the pool. n is 0 at the end of what the peer sends.
func (s *webSocket) readRaw(wait bool) (n int, err error) {
	call := s.buffers.calls.get()
	call.sock, call.wait = s, wait
	err = s.raw.Read(call.read)
	n, readErr := s.buffers.calls.put(call)
	if err == nil {
		err = readErr
	}
	return n, err
}

// writeRaw writes what the kernel takes at once.
func (s *webSocket) writeRaw(data []byte) (n int, err error) {
	call := s.buffers.calls.get()
	call.data = data
	err = s.raw.Write(call.write)
	n, writeErr := s.buffers.calls.put(call)
	if err == nil && writeErr != syscall.EAGAIN {
		err = writeErr
	}
	return n, err
}

// retry repeats a call that a signal interrupted. A count of -1, which comes with errors, becomes 0.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
