//go:build unix

package engineio

import (
	"syscall"
)

// prepareRaw makes the calls that read and write without waiting. They are made once, so that using them allocates
// nothing.
func (s *webSocket) prepareRaw() {
	sys, ok := s.conn.(syscall.Conn)
	if !ok {
		return // TLS inside the process: read and write through it
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return
	}
	s.raw = raw
	s.readReady = func(fd uintptr) bool {
		s.room(s.need)
		s.readCount, s.readErr = retry(func() (int, error) { return syscall.Read(int(fd), s.buf[s.to:]) })
		if s.readErr == syscall.EAGAIN {
			s.release()
			return false
		}
		return true
	}
	s.writeNow = func(fd uintptr) bool {
		s.written, s.writeErr = retry(func() (int, error) { return syscall.Write(int(fd), s.writeData) })
		if s.writeErr == syscall.EAGAIN {
			s.writeErr = nil
		}
		return true
	}
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
