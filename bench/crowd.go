package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// warmShare: one in so many sockets comes before the others, touches the server's code and tables, and counts for
// nothing.
const warmShare = 50

// fresh starts the server with n users who can log in. It is a new process: memory that registering left behind must not
// hide what the sockets take.
func (p *peer) fresh(ctx context.Context, n int) ([]user, error) {
	if err := p.start(); err != nil {
		return nil, err
	}
	users, err := p.users(ctx, n)
	if err != nil || !p.accounts {
		return users, err
	}
	p.stop()
	return users, p.start()
}

// crowd are sockets that answer heartbeats and do nothing else.
type crowd struct {
	mu     sync.Mutex
	conns  []*sio.Conn
	failed int       // that could not connect or log in
	closed int       // by the server, or broken
	latest time.Time // that somebody was logged in
}

// mostFailed is the share of sockets that may fail to connect before there is nothing to measure.
const mostFailed = 0.01

// join connects users, atOnce of them at a time, and returns when all are logged in.
func (c *crowd) join(ctx context.Context, p *peer, users []user) error {
	return inParallel(len(users), func(i int) error {
		conn, err := p.login(ctx, users[i])
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			c.failed++
			if float64(c.failed) > mostFailed*float64(len(users)) {
				return fmt.Errorf("%d of %d sockets failed, the last: %w", c.failed, len(users), err)
			}
			return nil
		}
		c.conns = append(c.conns, conn)
		c.latest = time.Now()
		go c.listen(conn)
		return nil
	})
}

func (c *crowd) listen(conn *sio.Conn) {
	for {
		if _, err := conn.Read(); err != nil {
			c.mu.Lock()
			c.closed++
			c.mu.Unlock()
			return
		}
	}
}

func (c *crowd) faults() (failed, closed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed, c.closed
}

// close ends all connections without a word, as a network that breaks does.
func (c *crowd) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.Close()
	}
}
