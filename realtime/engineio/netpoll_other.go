//go:build !linux

package engineio

import (
	"errors"
	"syscall"
)

// netpoll exists on Linux alone. Elsewhere each WebSocket has a goroutine that waits for it.
type netpoll struct{}

func newNetpoll() *netpoll           { return nil }
func (*netpoll) close()              {}
func (*netpoll) enroll(*Conn) uint64 { return 0 }
func (*netpoll) forget(uint64)       {}

func (*netpoll) arm(syscall.RawConn, uint64, bool) error { return errors.ErrUnsupported }
