package main

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-chat/parley/bench/figure"
)

// heartbeat is the interval of every peer's pings, socket.io's default.
const heartbeat = 25 * time.Second

// idles are WebSockets that log in and then only answer heartbeats. Those who compare nothing new at a smaller size play
// the largest alone.
func idles() []scenario {
	var all []scenario
	for _, n := range []int{1000, 5000, 10_000} {
		s := scenario{
			name: fmt.Sprintf("idle-%d", n), summary: fmt.Sprintf("%d WebSockets log in and stay silent but for heartbeats", n),
			sockets: n, duration: 2 * heartbeat, peers: []string{"parley", "node"},
			columns: append([]figure.Column{
				{Name: "KB/socket", Format: "%.1f", Against: true}, {Name: "CPU us/socket/min", Format: "%.0f", Against: true},
				{Name: "RSS MB", Format: "%.0f"},
			}, faults("failed", "closed")...),
			run: idle,
		}
		if n == 10_000 {
			s.peers = everyPeer()
		}
		all = append(all, s)
	}
	return all
}

// Memory is at rest when it moved by less than restShare over restTime; a run waits restWait for that at the most.
const (
	restTime  = 3 * time.Second
	restShare = 0.005
	restWait  = 30 * time.Second
)

// idle measures what silent sockets cost: memory at the end, and CPU meanwhile.
func idle(ctx context.Context, p *peer, o options) (figure.Run, error) {
	n := o.sockets
	users, err := p.fresh(ctx, n+max(n/warmShare, 1))
	if err != nil {
		return nil, err
	}
	crowd := new(crowd)
	defer crowd.close()
	if err := crowd.join(ctx, p, users[n:]); err != nil {
		return nil, err
	}
	empty, err := rest(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := crowd.join(ctx, p, users[:n]); err != nil {
		return nil, err
	}
	if _, err := rest(ctx, p); err != nil {
		return nil, err
	}
	before, err := p.process.CPU()
	if err == nil {
		err = wait(ctx, o.duration)
	}
	if err != nil {
		return nil, err
	}
	after, err := p.process.CPU()
	if err != nil {
		return nil, err
	}
	full, err := p.process.RSS()
	failed, closed := crowd.faults()
	return figure.Run{
		"KB/socket":         float64(full-empty) / float64(n) / 1024,
		"CPU us/socket/min": float64((after - before).Microseconds()) / float64(n) / o.duration.Minutes(),
		"RSS MB":            float64(full) / (1 << 20),
		"failed":            float64(failed), "closed": float64(closed),
	}, err
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
