package main

import (
	"context"
	"time"

	"github.com/parley-chat/parley/bench/figure"
)

// storm is everybody coming at once, as after a deployment, and all connections breaking and coming back.
func storm() scenario {
	return scenario{
		name: "storm", summary: "WebSockets connect and log in, 64 at a time; then all break and come back",
		sockets: 5000, peers: everyPeer(),
		columns: append([]figure.Column{
			{Name: "connects/s", Format: "%.0f", Against: true}, {Name: "CPU us/connect", Format: "%.0f", Against: true},
			{Name: "returns/s", Format: "%.0f", Against: true}, {Name: "CPU us/return", Format: "%.0f", Against: true},
		}, faults("failed")...),
		run: rush,
	}
}

// settleAfter is how long the server's CPU time still counts when the last one is logged in: some work is put off.
const settleAfter = 3 * time.Second

func rush(ctx context.Context, p *peer, o options) (figure.Run, error) {
	n := o.sockets
	users, err := p.fresh(ctx, n+max(n/warmShare, 1))
	if err != nil {
		return nil, err
	}
	first := new(crowd)
	defer first.close()
	if err := first.join(ctx, p, users[n:]); err != nil {
		return nil, err
	}
	// A device that comes for the first time costs more than one that is known.
	run := make(figure.Run)
	if err := first.rush(ctx, p, users[:n], run, "connect"); err != nil {
		return nil, err
	}
	first.close()
	second := new(crowd)
	defer second.close()
	if err := second.rush(ctx, p, users[:n], run, "return"); err != nil {
		return nil, err
	}
	failed, _ := first.faults()
	again, _ := second.faults()
	run["failed"] = float64(failed + again)
	return run, nil
}

// rush has users join and writes what that cost to run.
func (c *crowd) rush(ctx context.Context, p *peer, users []user, run figure.Run, name string) error {
	before, err := p.process.CPU()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := c.join(ctx, p, users); err != nil {
		return err
	}
	// Not the end: who failed was waited for in vain.
	run[name+"s/s"] = float64(len(users)) / c.latest.Sub(start).Seconds()
	if err := wait(ctx, settleAfter); err != nil {
		return err
	}
	after, err := p.process.CPU()
	run["CPU us/"+name] = float64((after - before).Microseconds()) / float64(len(users))
	return err
}
