package routes

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// line is a connection over which bytes come a piece at a time; its deadline is kept as net/http's connections keep it.
type line struct {
	http.ResponseWriter
	deadline time.Time
	piece    int
	every    func(n int) time.Duration // before piece n
	pieces   int
}

func (l *line) SetReadDeadline(t time.Time) error {
	l.deadline = t
	return nil
}

func (l *line) Read(b []byte) (int, error) {
	if l.piece == l.pieces {
		return 0, io.EOF
	}
	l.piece++
	wait := l.every(l.piece)
	if left := time.Until(l.deadline); wait > left {
		time.Sleep(left)
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(wait)
	return len(b), nil
}

func (l *line) Close() error { return nil }

func TestABodyMayTakeItsTimeWhileItComes(t *testing.T) {
	const size = 16 << 10
	for what, c := range map[string]struct {
		every  func(n int) time.Duration
		pieces int
		err    error
		within time.Duration
	}{
		"half an hour of 20 KB/s": {func(int) time.Duration { return 800 * time.Millisecond }, 2250, nil, time.Hour},
		"1 KB/s is too slow":      {func(int) time.Duration { return 16 * time.Second }, 2250, os.ErrDeadlineExceeded, 3 * time.Minute},
		"nothing at all":          {func(int) time.Duration { return time.Hour }, 1, os.ErrDeadlineExceeded, requestTime},
		"fast, then silent":       {func(n int) time.Duration { return time.Duration(n/1000) * time.Hour }, 1000, os.ErrDeadlineExceeded, requestTime},
		"a minute of silence now and then": {func(n int) time.Duration {
			if n%100 == 0 {
				return time.Minute
			}
			return 0
		}, 1000, nil, time.Hour},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &line{ResponseWriter: httptest.NewRecorder(), every: c.every, pieces: c.pieces}
				begun := time.Now()
				b := &pacedBody{ReadCloser: l, control: http.NewResponseController(l), begun: begun}
				var err error
				for buf := make([]byte, size); err == nil; {
					_, err = b.Read(buf)
				}
				if err == io.EOF {
					err = nil
				}
				if took := time.Since(begun); err != c.err || took > c.within {
					t.Errorf("ended after %v with %v, want %v within %v", took, err, c.err, c.within)
				}
			})
		})
	}
}
