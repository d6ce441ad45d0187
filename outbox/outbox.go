// Package outbox writes to one connection what others queue for it, within a bound. It knows nothing of what a frame
// means, and does not read.
package outbox

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// Config is the same for all connections of a door.
type Config struct {
	// Most is how many bytes may wait for one peer, frameCost more for each frame. One with more waiting is too slow.
	Most int
	// Timeout is how long a peer may take nothing of what is written to it; it may be twice that, and no more.
	Timeout time.Duration
	// TooSlow is the last frame to a peer with more waiting than Most; nil for none.
	TooSlow []byte
}

const (
	// frameCost is what a waiting frame takes beside its bytes, so that many short ones are bounded too.
	frameCost = 32
	// lastWords is how long a closed connection lasts at the most: for what still waits, and for the peer to hang up.
	lastWords = 5 * time.Second
)

// Outbox is what waits for one peer. A goroutine writes while there is something, and none is there otherwise. Make it
// with New.
type Outbox struct {
	conn net.Conn
	cfg  *Config

	mu      sync.Mutex // guards what follows
	less    sync.Cond  // queued fell, or the connection is closed
	frames  net.Buffers
	queued  int  // what frames cost, and what is being written
	writing bool // a goroutine is
	closed  bool
}

// New returns the outbox of a connection, which nobody else writes to. Whoever reads the connection goes on until it
// ends, and then calls its Close: the outbox only shuts it for writing when the last frame is out, so that the peer
// hears it, and closes it when writing fails or lastWords are over.
func New(conn net.Conn, cfg *Config) *Outbox {
	o := &Outbox{conn: conn, cfg: cfg}
	o.less.L = &o.mu
	return o
}

// Send queues frames, behind each other, and does not wait. They are not copied, and must not change any more; any number of
// outboxes may share one. It returns false when the connection is closed, or is closed now because the peer is too slow.
func (o *Outbox) Send(frames ...[]byte) (ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	if o.queued+cost(frames) > o.cfg.Most {
		o.drop()
		o.close(o.cfg.TooSlow)
		return false
	}
	o.push(frames...)
	return true
}

// Queue puts a frame before what Send is given next, and writes nothing: Send does, also without a frame.
func (o *Outbox) Queue(frame []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.add(frame)
	}
}

// cost is what frames count against Config.Most.
func cost(frames [][]byte) (sum int) {
	for _, frame := range frames {
		sum += len(frame) + frameCost
	}
	return sum
}

// Queued returns how many bytes wait, those of a write that is under way among them.
func (o *Outbox) Queued() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queued
}

// Wait returns when less than so many bytes wait: for who has a lot to send, at the peer's pace. It returns false when the
// connection is closed.
func (o *Outbox) Wait(below int) (open bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.queued >= below && !o.closed {
		o.less.Wait()
	}
	return !o.closed
}

// Close sends what waits, then last, nil for nothing, and ends the connection. The first call counts.
func (o *Outbox) Close(last []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.close(last)
}

// Cut is Close for a peer that is not worth the wait: what waits is dropped, but what is being written.
func (o *Outbox) Cut(last []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.drop()
		o.close(last)
	}
}

func (o *Outbox) close(last []byte) {
	if o.closed {
		return
	}
	o.closed = true
	o.less.Broadcast()
	time.AfterFunc(lastWords, func() { o.conn.Close() })
	if last != nil {
		o.push(last)
	} else {
		o.push() // whoever writes shuts the connection
	}
}

func (o *Outbox) drop() {
	o.queued -= cost(o.frames)
	o.frames = nil
}

func (o *Outbox) add(frames ...[]byte) {
	o.frames = append(o.frames, frames...)
	o.queued += cost(frames)
}

// push adds frames, and has them written.
func (o *Outbox) push(frames ...[]byte) {
	o.add(frames...)
	if !o.writing {
		o.writing = true
		go o.write()
	}
}

// write writes until nothing waits.
func (o *Outbox) write() {
	for {
		frames := o.take()
		if frames == nil {
			return
		}
		taken := cost(frames)
		err := o.writeAll(frames)
		o.mu.Lock()
		o.queued -= taken
		o.less.Broadcast()
		if err != nil {
			o.closed, o.writing = true, false
			o.drop()
			o.mu.Unlock()
			o.conn.Close()
			return
		}
		o.mu.Unlock()
	}
}

// take returns all that waits. With nothing left it ends the writing, and shuts a connection that is closed.
func (o *Outbox) take() (frames net.Buffers) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.frames) == 0 {
		o.writing = false
		if o.closed {
			if half, ok := o.conn.(interface{ CloseWrite() error }); ok {
				half.CloseWrite()
			} else {
				o.conn.Close()
			}
		}
		return nil
	}
	frames, o.frames = o.frames, nil
	return frames
}

// writeAll writes frames for as long as the peer takes something of them within the timeout.
func (o *Outbox) writeAll(frames net.Buffers) error {
	for {
		o.conn.SetWriteDeadline(time.Now().Add(o.cfg.Timeout))
		n, err := frames.WriteTo(o.conn)
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}
