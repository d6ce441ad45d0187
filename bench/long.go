package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/bench/figure"
	"github.com/parley-chat/parley/chat"
)

// longOptions are those of `bench long`.
type longOptions struct {
	duration time.Duration
	every    time.Duration
	crowd    int
	rate     int
	stay     time.Duration
	body     int
	out      string
}

// parseLong reads the arguments behind the word long.
func parseLong(args []string, stderr io.Writer) (o longOptions, err error) {
	flags := flag.NewFlagSet("bench long", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&o.duration, "duration", 20*time.Minute, "time measured")
	flags.DurationVar(&o.every, "every", 5*time.Second, "between two samples")
	flags.IntVar(&o.crowd, "people", 1000, "who write to each other, an even number")
	flags.IntVar(&o.rate, "rate", 6000, "messages a second of all who are online together")
	flags.DurationVar(&o.stay, "stay", 30*time.Second, "that a connection lasts on average")
	flags.IntVar(&o.body, "body", 100, "bytes in a message")
	flags.StringVar(&o.out, "out", "", "folder to write the samples to as JSON, besides the table on standard output")
	if err := parseFlags(flags, args); err != nil {
		return o, err
	}
	if o.crowd < 2 || o.crowd%2 != 0 || o.rate < 1 || o.every < 100*time.Millisecond || o.duration < fewestSamples*o.every || o.stay <= 0 || o.body < minBody {
		return o, fmt.Errorf("people: an even number; rate: at least 1; every: at least 100ms; duration: eight samples at least; stay: above 0; body: at least %d", minBody)
	}
	return o, nil
}

// tally is what a long run counts.
type tally struct {
	logins, received, asked, changes, uploads int
	disorder                                  int // came after a later one, or twice, on one connection
	failures                                  int // what should have worked and did not
}

// longRun is hours of a small town: people write to each other, read, look things up, edit, upload, lose their
// connection and come back by another road.
type longRun struct {
	longOptions
	ctx     context.Context
	url     string
	metrics string // where the server serves figures
	data    string // the server's DATA_DIR
	stderr  io.Writer
	start   time.Time
	pace    time.Duration // between two messages of a person, on average
	people  []*longPerson
	samples []figure.Run

	drained atomic.Bool // nothing more is written
	uploads sync.WaitGroup
	latency latencies // since the last sample

	mu      sync.Mutex // guards what follows
	total   tally
	failed  int     // since the last sample
	reasons []error // the first failures
}

func (r *longRun) now() time.Duration { return time.Since(r.start) }
func (r *longRun) draining() bool     { return r.drained.Load() }

func (r *longRun) count(add func(t *tally)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add(&r.total)
}

// delivered notes a message that came; that of who was away when it was due has no latency.
func (r *longRun) delivered(took time.Duration, live bool) {
	r.count(func(t *tally) { t.received++ })
	if live {
		r.latency.add(took.Nanoseconds())
	}
}

func (r *longRun) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total.failures++
	r.failed++
	if len(r.reasons) < 10 {
		r.reasons = append(r.reasons, err)
	}
}

// failedSince returns the failures since it was called before.
func (r *longRun) failedSince() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed := r.failed
	r.failed = 0
	return failed
}

// runLong puts mixed load with comings and goings on a server for a long time, and looks whether anything grows.
func runLong(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseLong(args, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	debug, err := freeAddress()
	if err != nil {
		return err
	}
	p := &peer{kind: parley(), dir: dir, env: []string{"DEBUG_ADDR=" + debug}}
	defer p.stop()
	if err := p.start(); err != nil {
		return err
	}
	users, err := p.users(ctx, o.crowd)
	if err != nil {
		return err
	}
	r := &longRun{
		longOptions: o, ctx: ctx, url: p.process.URL, metrics: "http://" + debug, data: p.data, stderr: stderr, start: time.Now(),
		pace: time.Duration(o.crowd) * time.Second / time.Duration(o.rate),
	}
	err = r.live(users)
	if err == nil {
		err = p.process.Stop(10 * time.Second) // as promised, after all of that
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, p.process.Stderr())
	}
	if said := p.process.Stderr(); said != "" {
		fmt.Fprintf(stderr, "the server said:\n%s\n", said)
	}
	return r.report(stdout)
}

// Two peers of a long run's series: the whole of it, and its samples.
const (
	wholeRun   = "parley"
	allSamples = "samples"
)

// report prints what became of the run, and saves it. What should not happen is an error.
func (r *longRun) report(stdout io.Writer) error {
	s := newSeries("long", fmt.Sprintf("%d people, %d messages of %d bytes a second and what goes with them, a connection lasts %v on average",
		r.crowd, r.rate, r.body, r.stay),
		fmt.Sprintf("go run ./bench long -duration %v -every %v -people %d -rate %d -stay %v -body %d",
			r.duration, r.every, r.crowd, r.rate, r.stay, r.body))
	whole := figure.Run{
		"minutes": r.duration.Minutes(), "logins": float64(r.total.logins), "delivered": float64(r.total.received),
		"questions": float64(r.total.asked), "edits heard": float64(r.total.changes), "uploads": float64(r.total.uploads),
		"out of order": float64(r.total.disorder), "failures": float64(r.total.failures),
	}
	for _, p := range r.people {
		whole["lost"] += float64(p.partner.lacks(p.number))
		whole["delivered again"] += float64(p.heard.duplicates)
	}
	for _, name := range []string{"minutes", "logins", "delivered", "delivered again", "questions", "edits heard", "uploads"} {
		s.Columns = append(s.Columns, figure.Column{Name: name, Format: "%.0f"})
	}
	wrong := []string{"lost", "out of order", "failures"}
	s.Columns = append(s.Columns, faults(wrong...)...)
	s.Order, s.Titles[wholeRun] = []string{wholeRun}, "Parley"
	s.Peers[wholeRun], s.Peers[allSamples] = []figure.Run{whole}, r.samples
	fmt.Fprintf(stdout, "%s\n%s", s.Markdown(), verdict(r.samples))
	if r.out != "" {
		if err := s.Save(r.out); err != nil {
			return err
		}
	}
	for _, name := range wrong {
		if whole[name] > 0 {
			return errors.Join(append([]error{fmt.Errorf("%.0f %s", whole[name], name)}, r.reasons...)...)
		}
	}
	return nil
}

// live lets everybody live for the run's time, then lets all arrive.
func (r *longRun) live(users []user) error {
	for i, u := range users {
		seed := uint64(i)
		r.people = append(r.people, &longPerson{user: u, run: r, rng: rand.New(rand.NewPCG(seed, seed)), unacked: make(map[uint64]sent)})
	}
	for i, p := range r.people {
		p.partner = r.people[i^1]
		p.conv = string(chat.DirectConv(chat.UserID(p.id), chat.UserID(p.partner.id)))
	}
	living, end := context.WithCancel(r.ctx)
	defer end()
	var all sync.WaitGroup
	for _, p := range r.people {
		all.Go(func() { p.live(living) })
	}
	sampling, stop := context.WithTimeout(r.ctx, r.duration+r.every/2)
	err := r.sample(sampling, r.every)
	stop()
	r.drain()
	end()
	all.Wait()
	r.uploads.Wait()
	return errors.Join(err, r.ctx.Err())
}

// drain ends the writing and returns when all has arrived, or nothing did for as long as it takes to come back.
func (r *longRun) drain() {
	r.drained.Store(true)
	last := -1
	for since := time.Now(); time.Since(since) < awayMost+startWait; {
		open := 0
		for _, p := range r.people {
			open += p.open()
		}
		if open == 0 {
			return
		}
		if open != last {
			last, since = open, time.Now()
		}
		if wait(r.ctx, 50*time.Millisecond) != nil {
			return
		}
	}
}
