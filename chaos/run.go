package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// run is one run of the suite.
type run struct {
	options
	oracle  *oracle
	house   *house
	people  []*person
	devices []*device
	pace    time.Duration // between two messages of one device, on average
	log     io.Writer
	arrived sync.WaitGroup // devices that have not logged in for the first time
	stage   atomic.Int32

	mu      sync.Mutex // guards what follows
	visits  map[string]int
	lost    map[string]int // tries to connect that failed
	refusal map[string]int // by code and text
	broken  map[string]int // faults by name
	begun   time.Time
	took    time.Duration
}

const (
	writing  = iota
	settling // nothing new is written; what is open is sent again
)

func (r *run) writing() bool  { return r.stage.Load() == writing }
func (r *run) settling() bool { return r.stage.Load() == settling }

// gate is where clients connect.
func (r *run) gate() string { return "http://" + r.house.clients.address() }

func (r *run) joined(h habit) { r.tally(&r.visits, h.String()) }

func (r *run) failed(h habit, _ error) { r.tally(&r.lost, h.String()) }

func (r *run) refused(f failure) { r.tally(&r.refusal, f.Code+": "+f.Message) }

func (r *run) tally(table *map[string]int, key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if *table == nil {
		*table = make(map[string]int)
	}
	(*table)[key]++
}

// chaos runs the suite in dir and returns the verdict.
func (r *run) chaos(ctx context.Context, dir string) (v verdict, err error) {
	r.begun = time.Now()
	r.oracle = newOracle()
	if r.house, err = openHouse(ctx, dir, r.engine); err != nil {
		return v, err
	}
	defer r.house.close()
	if err := r.invite(ctx); err != nil {
		return v, err
	}
	living, stop := context.WithCancel(ctx)
	var devices sync.WaitGroup
	defer devices.Wait()
	defer stop()
	for _, d := range r.devices {
		r.arrived.Add(1)
		devices.Go(func() { d.live(living) })
	}
	if err := r.await(ctx, "all devices to log in", r.allArrived()); err != nil {
		return v, err
	}
	if err := r.breakThings(ctx); err != nil {
		return v, err
	}
	h, err := r.settle(ctx)
	if err != nil {
		return v, err
	}
	stop()
	devices.Wait()
	if err := r.question(ctx, h); err != nil {
		return v, err
	}
	r.house.look()
	r.house.stopServer()
	for _, how := range r.house.badEnds {
		r.oracle.wrongEnd(how)
	}
	r.took = time.Since(r.begun)
	return r.oracle.judge(h), nil
}

// invite registers the people and gives them contacts and devices.
func (r *run) invite(ctx context.Context) error {
	for i := range r.options.people {
		p, err := register(ctx, *r.house.url.Load(), i)
		if err != nil {
			return err
		}
		r.people = append(r.people, p)
	}
	n := len(r.people)
	for i, p := range r.people {
		for _, j := range contacts(i, n) {
			p.contacts = append(p.contacts, r.people[j])
		}
		for _, name := range []string{"phone", "desk"} {
			d := &device{run: r, who: p, name: name, log: r.oracle.device(p.id, name)}
			d.rng = rand.New(rand.NewPCG(r.seed, uint64(1_000_000+len(r.devices))))
			p.devices = append(p.devices, d)
			r.devices = append(r.devices, d)
		}
	}
	r.pace = time.Duration(len(r.devices)) * time.Second / time.Duration(r.rate)
	return nil
}

// contacts are the next two and the former two in a circle of n.
func contacts(i, n int) []int {
	var all []int
	for _, step := range []int{1, 2, n - 2, n - 1} {
		j := (i + step) % n
		known := j == i
		for _, k := range all {
			known = known || j == k
		}
		if !known {
			all = append(all, j)
		}
	}
	return all
}

func (r *run) allArrived() <-chan struct{} {
	done := make(chan struct{})
	go func() { r.arrived.Wait(); close(done) }()
	return done
}

const quietWait = 2 * time.Minute // for what must come when nothing is broken any more

func (r *run) await(ctx context.Context, what string, done <-chan struct{}) error {
	t := time.NewTimer(quietWait)
	defer t.Stop()
	select {
	case <-done:
		return nil
	case <-t.C:
		return fmt.Errorf("waited %v for %s", quietWait, what)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// breakThings works through the plan while people write, and goes on until enough was written.
func (r *run) breakThings(ctx context.Context) error {
	r.broken = make(map[string]int)
	for i, f := range plan(rand.New(rand.NewPCG(r.seed, 0)), r.faults, r.house.engine != nil) {
		rng := rand.New(rand.NewPCG(r.seed, uint64(1+i)))
		if err := pause(ctx, between(rng, 1, 2*r.gap)); err != nil {
			return err
		}
		at := time.Since(r.begun)
		what, err := f.do(ctx, r.house, rng)
		if err != nil {
			return fmt.Errorf("fault %d, %s: %w", i+1, f.name, err)
		}
		r.broken[f.name]++
		fmt.Fprintf(r.log, "%7.1fs  fault %d: %s, %s (%d messages)\n", at.Seconds(), i+1, f.name, what, r.oracle.written())
		if err := r.house.revive(ctx); err != nil {
			return err
		}
	}
	for r.oracle.written() < r.messages {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
		if err := r.house.revive(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle lets everybody come, hear and be answered, and returns the history.
func (r *run) settle(ctx context.Context) (history, error) {
	r.stage.Store(settling)
	r.house.clients.lighten()
	fmt.Fprintf(r.log, "%7.1fs  nothing is broken any more\n", time.Since(r.begun).Seconds())
	// Whatever is still open is sent again and answered: from then on the history does not grow.
	if err := r.patiently(ctx, r.open); err != nil {
		return nil, err
	}
	if n := r.open(); n > 0 { // a history that still grows would be judged wrongly
		return nil, fmt.Errorf("%d messages have no answer, %v after the last fault", n, quietWait)
	}
	h, err := r.recall(ctx)
	if err != nil {
		return nil, err
	}
	// Who does not get there is not an error of the run, but a finding.
	return h, r.patiently(ctx, func() int { return r.oracle.behind(h) })
}

// patiently waits until left says 0, or no less for quietWait.
func (r *run) patiently(ctx context.Context, left func() int) error {
	least, since := left(), time.Now()
	for least > 0 && time.Since(since) < quietWait {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		if now := left(); now < least {
			least, since = now, time.Now()
		}
	}
	return nil
}

// open is how many messages wait for an answer, or to be sent again.
func (r *run) open() (n int) {
	for _, d := range r.devices {
		n += d.open()
	}
	return n
}
