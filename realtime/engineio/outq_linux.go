package engineio

import "golang.org/x/sys/unix"

// unacknowledged returns how many bytes the kernel has been given and the peer's TCP has not acknowledged; ok is false
// when the socket is gone. An acknowledged byte is in the peer's kernel: whether its program reads it is not known, and
// behind a proxy the peer is the proxy. Where there is TLS in this process nothing is known, and it says 0.
func (s *webSocket) unacknowledged() (n int, ok bool) {
	if s.raw == nil {
		return 0, true
	}
	var err error
	if gone := s.raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); gone != nil {
		return 0, false
	}
	return n, err == nil
}
