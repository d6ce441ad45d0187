package extension

import (
	"context"
	"sync"
)

// Bounds of a lane. One job may be as large as a packet can be, whatever the bytes.
const (
	maxJobs     = 256
	maxJobBytes = 1 << 20
)

// lane runs jobs one after the other on a goroutine that is there only while there are any.
type lane struct {
	mu      sync.Mutex // guards what follows
	jobs    []job
	bytes   int
	running bool
	closed  bool
	room    chan struct{} // closed and replaced when a job is taken or the lane closed; nil while nobody waits
	idle    chan struct{} // closed when the lane is closed and all is done
}

type job struct {
	do   func()
	size int
}

func newLane() *lane { return &lane{idle: make(chan struct{})} }

// push adds a job and waits for room; false when the lane is closed. size is in bytes.
func (l *lane) push(size int, do func()) bool {
	l.mu.Lock()
	for !l.closed && (len(l.jobs) >= maxJobs || len(l.jobs) > 0 && l.bytes+size > maxJobBytes) {
		if l.room == nil {
			l.room = make(chan struct{})
		}
		room := l.room
		l.mu.Unlock()
		<-room
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.jobs = append(l.jobs, job{do, size})
	l.bytes += size
	if !l.running {
		l.running = true
		go l.run()
	}
	return true
}

func (l *lane) run() {
	for {
		l.mu.Lock()
		if len(l.jobs) == 0 {
			l.running, l.jobs = false, nil
			if l.closed {
				close(l.idle)
			}
			l.mu.Unlock()
			return
		}
		next := l.jobs[0]
		l.jobs[0] = job{}
		l.jobs = l.jobs[1:]
		l.bytes -= next.size
		l.wake()
		l.mu.Unlock()
		next.do()
	}
}

func (l *lane) wake() {
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
}

// close takes no more jobs. What is queued is still done.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	l.wake()
	if !l.running {
		close(l.idle)
	}
}

// wait returns when a closed lane has done all, or ctx ends.
func (l *lane) wait(ctx context.Context) {
	select {
	case <-l.idle:
	case <-ctx.Done():
	}
}
