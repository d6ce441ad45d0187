package main

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/bench/figure"
	"github.com/parley-chat/parley/bench/sio"
)

func idleScenario() scenario {
	return scenario{
		name: "idle", summary: "WebSockets log in and stay silent", sockets: 5000,
		peers: everyPeer(),
		columns: append([]figure.Column{
			{Name: "KB/socket", Format: "%.1f", Against: true}, {Name: "connects/s", Format: "%.0f", Against: true},
			{Name: "RSS MB", Format: "%.0f"},
		}, faults("closed")...),
		run: idle,
	}
}

// Memory is at rest when it moved by less than restShare over restTime; a run waits restWait for that at the most.
const (
	restTime  = 3 * time.Second
	restShare = 0.005
	restWait  = 30 * time.Second
)

// idle connects sockets that log in and then stay silent but for heartbeats, and measures what each costs in memory.
func idle(ctx context.Context, p *peer, o options) (figure.Run, error) {
	n := o.sockets
	first := max(n/50, 1) // touch the server's code and tables, and count for nothing
	if err := p.start(); err != nil {
		return nil, err
	}
	users, err := p.users(ctx, first+n)
	if err != nil {
		return nil, err
	}
	// A fresh process: memory that registration left behind must not hide what the sockets take.
	p.stop()
	if err := p.start(); err != nil {
		return nil, err
	}
	crowd := &crowd{}
	defer crowd.close()
	if err := crowd.join(ctx, p, users[:first]); err != nil {
		return nil, err
	}
	before, err := rest(ctx, p)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := crowd.join(ctx, p, users[first:]); err != nil {
		return nil, err
	}
	took := time.Since(start)
	after, err := rest(ctx, p)
	if err != nil {
		return nil, err
	}
	return figure.Run{
		"KB/socket":  float64(after-before) / float64(n) / 1024,
		"connects/s": float64(n) / took.Seconds(),
		"RSS MB":     float64(after) / (1 << 20),
		"closed":     float64(crowd.count()),
	}, nil
}

// crowd are sockets that answer heartbeats and do nothing else.
type crowd struct {
	mu     sync.Mutex
	conns  []*sio.Conn
	closed int // by the server, or broken
}

func (c *crowd) join(ctx context.Context, p *peer, users []user) error {
	return inParallel(len(users), func(i int) error {
		conn, err := p.login(ctx, users[i])
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.conns = append(c.conns, conn)
		c.mu.Unlock()
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

func (c *crowd) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *crowd) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.Close()
	}
}

// rest waits until the server's memory is at rest and returns it.
func rest(ctx context.Context, p *peer) (int64, error) {
	rss, err := p.process.RSS()
	for end := time.Now().Add(restWait); err == nil && time.Now().Before(end); {
		if err := wait(ctx, restTime); err != nil {
			return 0, err
		}
		former := rss
		rss, err = p.process.RSS()
		if moved := float64(rss - former); moved < restShare*float64(former) && -moved < restShare*float64(former) {
			break
		}
	}
	return rss, err
}
