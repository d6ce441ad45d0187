package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/bench/figure"
)

// everyPeer plays what needs no more than login and chat.
func everyPeer() []string { return []string{"parley", "node", "raw"} }

func chatScenario() scenario {
	return scenario{
		name: "chat", summary: "pairs of sockets write to each other and wait for acks", sockets: 200,
		peers: everyPeer(),
		columns: append([]figure.Column{
			{Name: "delivered/s", Format: "%.0f", Against: true}, {Name: "CPU us/msg", Format: "%.1f", Against: true},
			{Name: "p50 ms", Format: "%.2f"}, {Name: "p99 ms", Format: "%.2f"},
		}, faults("refused", "lost", "duplicates", "out of order")...),
		run: converse,
	}
}

// drainWait is how long a run waits, after the last sign of life, for what is still under way.
const drainWait = 5 * time.Second

// counts are the sums over all talkers at one moment.
type counts struct {
	sent, acked, refused, received int64
	cpu                            time.Duration
	at                             time.Time
}

// converse has pairs of sockets write to each other, and measures what arrives in the time between warm-up and end.
func converse(ctx context.Context, p *peer, o options) (figure.Run, error) {
	n := o.sockets
	if err := p.start(); err != nil {
		return nil, err
	}
	users, err := p.users(ctx, n)
	if err != nil {
		return nil, err
	}
	stage, start := new(stage), time.Now()
	talkers := make([]*talker, n)
	err = inParallel(n, func(i int) error {
		conn, err := p.login(ctx, users[i])
		if err == nil {
			talkers[i] = newTalker(conn, users[i], users[i^1], o.body, stage, start)
		}
		return err
	})
	defer func() {
		for _, t := range talkers {
			if t != nil {
				t.conn.Close()
			}
		}
	}()
	if err != nil {
		return nil, err
	}

	errs := make([]error, n)
	var talking sync.WaitGroup
	for i, t := range talkers {
		talking.Go(func() { errs[i] = t.talk(o.window) })
	}
	before, after, err := observe(ctx, p, talkers, stage, o)
	drain(ctx, p, talkers, stage)
	for _, t := range talkers {
		t.conn.SetReadDeadline(time.Now())
	}
	talking.Wait()
	if err := errors.Join(err, errors.Join(errs...)); err != nil {
		return nil, err
	}
	return summary(talkers, before, after)
}

func observe(ctx context.Context, p *peer, talkers []*talker, stage *stage, o options) (before, after counts, err error) {
	if err = wait(ctx, o.warmup); err != nil {
		return
	}
	if before, err = count(p, talkers); err != nil {
		return
	}
	stage.Store(measuring)
	if err = wait(ctx, o.duration); err != nil {
		return
	}
	after, err = count(p, talkers)
	return
}

// drain ends the sending and returns when all has arrived, or nothing did for drainWait.
func drain(ctx context.Context, p *peer, talkers []*talker, stage *stage) {
	stage.Store(draining)
	var last counts
	for since := time.Now(); time.Since(since) < drainWait; {
		now, err := count(p, talkers)
		if err != nil || now.acked+now.refused == now.sent && now.received == now.acked {
			return
		}
		if now.received != last.received || now.acked != last.acked {
			last, since = now, time.Now()
		}
		if wait(ctx, 10*time.Millisecond) != nil {
			return
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func count(p *peer, talkers []*talker) (c counts, err error) {
	c.cpu, err = p.process.CPU()
	c.at = time.Now()
	for _, t := range talkers {
		// sent last: what is acked was sent, also while the talkers go on
		c.received += t.received.Load()
		c.acked += t.acked.Load()
		c.refused += t.refused.Load()
		c.sent += t.sent.Load()
	}
	return c, err
}

func summary(talkers []*talker, before, after counts) (figure.Run, error) {
	delivered := float64(after.received - before.received)
	if delivered == 0 {
		return nil, fmt.Errorf("nothing was delivered")
	}
	seconds := after.at.Sub(before.at).Seconds()
	r := figure.Run{
		"delivered/s": delivered / seconds,
		"acked/s":     float64(after.acked-before.acked) / seconds,
		"CPU us/msg":  float64((after.cpu - before.cpu).Microseconds()) / delivered,
	}
	var latencies []time.Duration
	for i, t := range talkers {
		partner := talkers[i^1]
		r["refused"] += float64(t.refused.Load())
		r["lost"] += float64(t.order.lost(partner.number) - int(partner.refused.Load()))
		r["duplicates"] += float64(t.order.duplicates)
		r["out of order"] += float64(t.order.late)
		latencies = append(latencies, t.latencies...)
	}
	slices.Sort(latencies)
	r["p50 ms"] = quantile(latencies, 0.50).Seconds() * 1e3
	r["p99 ms"] = quantile(latencies, 0.99).Seconds() * 1e3
	return r, nil
}
