// Command chaos builds Parley, has people chat with each other through a network that it breaks, kills and freezes the
// server and its engine under them, and then asks an oracle, which knows every message sent, acked and heard, whether
// each promise of docs/reliability.md was kept. It exits with 1 when one was not.
//
//	go run ./chaos -faults 200 -messages 100000
//	go run ./chaos -engine mongo -faults 40 -messages 300 -people 4 -rate 15
//
// Faults follow from the seed. The moments at which they meet the traffic do not: they are the machine's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	engine   string
	faults   int
	messages int
	people   int
	rate     int // messages a second, of all together
	gap      time.Duration
	seed     uint64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.engine, "engine", "embedded", "embedded, or mongo: FerretDB in MongoDB's place")
	flags.IntVar(&o.faults, "faults", 200, "how many")
	flags.IntVar(&o.messages, "messages", 100_000, "to be written at the least")
	flags.IntVar(&o.people, "people", 12, "who chat, with two devices each")
	flags.IntVar(&o.rate, "rate", 500, "messages a second, of all together, while nothing is broken")
	flags.DurationVar(&o.gap, "gap", time.Second, "between two faults, on average")
	flags.Uint64Var(&o.seed, "seed", 0, "of the faults; 0 for a new one")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.engine != "embedded" && o.engine != "mongo" {
		return o, fmt.Errorf("unknown engine %q: embedded or mongo", o.engine)
	}
	if o.faults < 1 || o.messages < 1 || o.people < 2 || o.rate < 1 || o.gap < time.Millisecond {
		return o, errors.New("faults, messages and rate: at least 1; people: at least 2; gap: at least 1ms")
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()>>1 | 1
	}
	return o, nil
}

func start(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(stderr, "seed %d, engine %s\n", o.seed, o.engine)
	r := &run{options: o, log: stderr}
	v, err := r.chaos(ctx, dir)
	if err != nil {
		return fmt.Errorf("%w (seed %d)%s", err, o.seed, r.said())
	}
	r.report(stdout, &v)
	if v.broken() {
		return fmt.Errorf("promises were broken (seed %d)%s", o.seed, r.said())
	}
	return nil
}
