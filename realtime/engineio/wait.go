package engineio

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// This file is how a webSocket of the poller's waits for more: a silent one parked, a busy one with its goroutine.

// errSilent says that nothing is there to read, and that nothing is expected at once.
var errSilent = errors.New("silent")

// look reads once. When nothing is there it waits if the socket is busy, and else returns errSilent.
func (s *webSocket) look() error {
	if !s.drained {
		n, err := s.readRaw(false)
		s.to += n
		switch {
		case n > 0:
			s.drained = s.to < len(s.buf) // if there is more all the same, whoever waits for it sees it at once
			return nil
		case err == nil:
			return io.EOF
		case err != syscall.EAGAIN && !errors.Is(err, os.ErrDeadlineExceeded): // whether time is up, stay finds out
			return err
		}
	}
	s.drained = false
	if s.wakes < busyWakes {
		return errSilent
	}
	return s.stay()
}

// A socket that was woken busyWakes times within busyTime is busy. Its goroutine stays until it has heard nothing for
// busyTime: to be woken through the poller costs more than a goroutine that waits.
const (
	busyWakes = 4
	busyTime  = time.Second
)

// countWake counts that the socket was woken at a time in nanoseconds.
func (s *webSocket) countWake(now int64) {
	if now-s.wokenAt >= int64(busyTime) {
		s.wokenAt, s.wakes = now, 0
	}
	s.wakes = min(s.wakes+1, busyWakes)
}

// stay reads once, waiting for bytes, and returns errSilent if none came for busyTime.
func (s *webSocket) stay() error {
	if !s.stays {
		s.stays, s.heard = true, false
		s.waitUntil(time.Now().Add(busyTime))
	}
	for {
		err := s.fill()
		switch {
		case err == nil:
			s.heard, s.drained = true, s.to < len(s.buf)
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded) || s.turn.ended():
			return err
		case !s.heard:
			s.stays, s.wakes = false, 0
			s.waitUntil(time.Time{})
			return errSilent
		}
		s.heard = false
		s.waitUntil(time.Now().Add(busyTime))
	}
}

// waitUntil sets how long reads wait; the zero time is for ever. Who ends the socket says so first, and sets a deadline
// then: if this overrides it, another has to stand.
func (s *webSocket) waitUntil(t time.Time) {
	s.conn.SetReadDeadline(t)
	if s.turn.ended() {
		s.conn.SetReadDeadline(time.Now().Add(lastWords))
	}
}
