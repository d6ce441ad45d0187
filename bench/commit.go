package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/bench/figure"
	"github.com/parley-chat/parley/bench/proc"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

// commitOptions are those of `bench commit`.
type commitOptions struct {
	senders  []int
	duration time.Duration
	body     int
	out      string
}

// parseCommit reads the arguments behind the word commit.
func parseCommit(args []string, stderr io.Writer) (o commitOptions, err error) {
	flags := flag.NewFlagSet("bench commit", flag.ContinueOnError)
	flags.SetOutput(stderr)
	senders := flags.String("senders", "1,8,64,512,4096", "how many have a message under way at the same time")
	flags.DurationVar(&o.duration, "duration", 5*time.Second, "time measured for each number of senders")
	flags.IntVar(&o.body, "body", 100, "bytes in a message")
	flags.StringVar(&o.out, "out", "", "folder to write the figures to as JSON, besides the table on standard output")
	if err := parseFlags(flags, args); err != nil {
		return o, err
	}
	if o.senders, err = numbers(*senders, 1, 100_000); err != nil {
		return o, fmt.Errorf("senders: %w", err)
	}
	if o.duration < time.Second || o.body < minBody {
		return o, fmt.Errorf("duration: at least 1s; body: at least %d", minBody)
	}
	return o, nil
}

// runCommit measures the group commit with nothing around it: what the rules and the embedded engine need to number a
// message and make it durable, by how many messages are under way.
func runCommit(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseCommit(args, stderr)
	if err != nil {
		return err
	}
	s := newSeries("commit", "senders of one message at a time, the group commit and the embedded engine alone",
		fmt.Sprintf("go run ./bench commit -senders %s -duration %v -body %d", joined(o.senders), o.duration, o.body))
	s.Columns = []figure.Column{
		{Name: "messages a batch", Format: "%.1f"}, {Name: "messages/s", Format: "%.0f"}, {Name: "p50 ms", Format: "%.2f"},
		{Name: "p99 ms", Format: "%.2f"}, {Name: "CPU us/msg", Format: "%.1f"},
	}
	for _, n := range o.senders {
		fmt.Fprintf(stderr, "%d senders\n", n)
		run, err := commitWith(ctx, n, o)
		if err != nil {
			return err
		}
		addSize(s, n, " under way", run)
	}
	return publish(s, o.out, stdout)
}

// commitWith has so many senders say one thing after the other, each as soon as what it said before is durable.
func commitWith(ctx context.Context, n int, o commitOptions) (run figure.Run, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	engine, err := embedded.Open(ctx, dir, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	people, err := populate(ctx, engine, n+1)
	if err != nil {
		return nil, err
	}
	rules := chat.NewMessages(engine, engine, time.Now)
	rules.Start(ender{})
	before := rules.Stats()
	cpu, err := proc.OwnCPU()
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	took, err := sayAll(ctx, rules, people, begun.Add(o.duration), o.body)
	spent := time.Since(begun)
	after := rules.Stats()
	used, failed := proc.OwnCPU()
	if err := errors.Join(err, failed, rules.Close(ctx)); err != nil {
		return nil, err
	}
	messages := float64(after.Messages - before.Messages)
	if int(messages) != len(took) {
		return nil, fmt.Errorf("%d answers to %.0f messages", len(took), messages)
	}
	slices.Sort(took)
	return figure.Run{
		"messages a batch": messages / float64(after.Batches-before.Batches),
		"messages/s":       messages / spent.Seconds(),
		"p50 ms":           ms(quantile(took, 0.50)), "p99 ms": ms(quantile(took, 0.99)),
		"CPU us/msg": float64((used - cpu).Microseconds()) / messages,
	}, nil
}

// ender is a door behind which everybody waits for her own outcome.
type ender struct{}

// Deliver implements chat.Door.
func (ender) Deliver(batch []chat.Outcome) {
	for i := range batch {
		var err error
		if e := batch[i].Err; e != nil {
			err = e
		}
		batch[i].Origin.(chan error) <- err // has room: its owner has one message under way
	}
}

// sayAll has everybody but the last talk to the next one, and returns how long each message took.
func sayAll(ctx context.Context, rules *chat.Messages, people []chat.UserID, until time.Time, body int) (took []time.Duration, err error) {
	text := fmt.Appendf(nil, `"%0*d"`, body-2, 0)
	var mu sync.Mutex
	var talking sync.WaitGroup
	for i := range len(people) - 1 {
		talking.Go(func() {
			var mine []time.Duration
			var failure error
			ended := make(chan error, 1)
			for start := time.Now(); failure == nil && start.Before(until); {
				if failure = rules.Submit(ctx, chat.Draft{Sender: people[i], To: people[i+1], Body: text}, ended); failure == nil {
					failure = <-ended
				}
				now := time.Now()
				mine, start = append(mine, now.Sub(start)), now
			}
			mu.Lock()
			defer mu.Unlock()
			took, err = append(took, mine...), errors.Join(err, failure)
		})
	}
	talking.Wait()
	return took, err
}

// populate makes n accounts in an engine.
func populate(ctx context.Context, engine chat.AccountStore, n int) ([]chat.UserID, error) {
	people := make([]chat.UserID, n)
	return people, inParallel(n, func(i int) error {
		people[i] = chat.NewUserID(time.Now())
		name := "person " + string(people[i])
		return engine.CreateAccount(ctx, chat.Account{ID: people[i], Username: name, Email: name, Phone: name, Created: time.Now()})
	})
}
