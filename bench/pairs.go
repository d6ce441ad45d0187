package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/parley-chat/parley/bench/figure"
	"github.com/parley-chat/parley/bench/proc"
)

// drainWait is how long a run waits, after the last sign of life, for what is still under way.
const drainWait = 5 * time.Second

// pairs are talkers who write to each other, two by two.
type pairs struct {
	*stretch
	peer    *peer
	talkers []*talker
	reading sync.WaitGroup
	errs    []error
}

// generatorCost is the column of what a message costs the client side: where it is far from the server's, it is the
// generator that bounds the throughput.
const generatorCost = "generator us/msg"

// counts are the sums over all talkers at one moment.
type counts struct {
	sent, acked, refused, received int64
	cpu, own                       time.Duration // of the server and of the generator
	at                             time.Time
}

// seat starts a server and has the talkers log in and listen. They say nothing yet.
func seat(ctx context.Context, p *peer, o options, connect connector, speak language) (*pairs, error) {
	if err := p.start(); err != nil {
		return nil, err
	}
	users, err := p.users(ctx, o.sockets)
	if err != nil {
		return nil, err
	}
	s := &pairs{stretch: newStretch(), peer: p, talkers: make([]*talker, o.sockets), errs: make([]error, o.sockets)}
	for i := 0; i < o.sockets; i += 2 {
		one, other := &talker{stretch: s.stretch}, &talker{stretch: s.stretch}
		one.speech, other.speech = speak(users[i], users[i+1], o.body)
		one.partner, other.partner = other, one
		s.talkers[i], s.talkers[i+1] = one, other
	}
	err = inParallel(o.sockets, func(i int) (err error) {
		t := s.talkers[i]
		t.wire, err = connect(ctx, p, users[i], &t.mu)
		return err
	})
	if err != nil {
		s.close()
		return nil, err
	}
	for i, t := range s.talkers {
		s.reading.Go(func() { s.errs[i] = t.talk() })
	}
	return s, nil
}

// close ends all connections and returns what went wrong on them.
func (s *pairs) close() error {
	s.ended.Store(true)
	for _, t := range s.talkers {
		if t.wire != nil {
			t.wire.Close()
		}
	}
	s.reading.Wait()
	return errors.Join(s.errs...)
}

// closed has every talker keep window messages under way, and measures the time between warm-up and end.
func (s *pairs) closed(ctx context.Context, o options) (figure.Run, error) {
	s.again.Store(true)
	for _, t := range s.talkers {
		if err := t.say(o.window, s.now(), true); err != nil {
			return nil, err
		}
	}
	return s.observe(ctx, o, func() { s.again.Store(false) })
}

// open has the talkers say rate messages a second together, each when it is due, whatever became of those before.
func (s *pairs) open(ctx context.Context, o options, rate float64) (figure.Run, error) {
	pace := newPacer(s, rate)
	go pace.run()
	run, err := s.observe(ctx, o, pace.stop)
	if err != nil {
		pace.stop()
		return nil, err
	}
	pace.late.put(run, ofPacer)
	return run, pace.err
}

// observe measures from warm-up to end, then has the talkers fall silent and waits for what is under way.
func (s *pairs) observe(ctx context.Context, o options, silence func()) (figure.Run, error) {
	s.latencies.reset()
	if err := wait(ctx, o.warmup); err != nil {
		return nil, err
	}
	s.until.Store(math.MaxInt64)
	s.from.Store(s.now())
	if o.measuring != nil {
		o.measuring()
	}
	before, err := s.count()
	if err == nil {
		err = wait(ctx, o.duration)
	}
	if err != nil {
		return nil, err
	}
	s.until.Store(s.now())
	after, err := s.count()
	if err != nil {
		return nil, err
	}
	silence()
	s.drain(ctx)
	s.from.Store(math.MaxInt64)

	delivered := float64(after.received - before.received)
	if delivered == 0 {
		return nil, fmt.Errorf("nothing was delivered")
	}
	run := figure.Run{
		"delivered/s": delivered / after.at.Sub(before.at).Seconds(),
		"CPU us/msg":  float64((after.cpu - before.cpu).Microseconds()) / delivered,
		generatorCost: float64((after.own - before.own).Microseconds()) / delivered,
	}
	s.latencies.put(run, "")
	return run, nil
}

// drain returns when all has arrived, or nothing did for drainWait.
func (s *pairs) drain(ctx context.Context) {
	var last counts
	for since := time.Now(); time.Since(since) < drainWait; {
		now, err := s.count()
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

func (s *pairs) count() (c counts, err error) {
	if c.cpu, err = s.peer.process.CPU(); err != nil {
		return c, err
	}
	if c.own, err = proc.OwnCPU(); err != nil {
		return c, err
	}
	c.at = time.Now()
	for _, t := range s.talkers {
		// sent last: what is acked was sent, also while the talkers go on
		c.received += t.received.Load()
		c.acked += t.acked.Load()
		c.refused += t.refused.Load()
		c.sent += t.sent.Load()
	}
	return c, nil
}

// finish closes, and adds to a run what must not have happened since the beginning.
func (s *pairs) finish(run figure.Run) (figure.Run, error) {
	if err := s.close(); err != nil {
		return nil, err
	}
	for _, name := range talkFaults() {
		run[name] = 0
	}
	for _, t := range s.talkers {
		run["refused"] += float64(t.refused.Load())
		run["lost"] += float64(t.order.lost(t.partner.number) - int(t.partner.refused.Load()))
		run["duplicates"] += float64(t.order.duplicates)
		run["out of order"] += float64(t.order.late)
	}
	return run, nil
}

func talkFaults() []string { return []string{"refused", "lost", "duplicates", "out of order"} }
