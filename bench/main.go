// Command bench starts servers on this machine, one after the other, and measures each with the same client: Parley
// from this source tree, Node's socket.io doing an in-memory relay, and a bare relay in Go as the lower bound.
//
//	go run ./bench -scenario chat,idle -runs 3
//
// With the word store it measures instead what reading costs when much is stored: history, search, sync, a backlog.
//
//	go run ./bench store
//
// Generator and server share the machine, so ratios between the servers hold and absolute figures do not. CPU time is
// the server process's alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	peers     []string
	scenarios []string
	duration  time.Duration
	warmup    time.Duration
	sockets   int
	window    int
	body      int
	runs      int
	out       string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var peers, scenarios string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&peers, "peers", "parley,node,raw", "servers to measure")
	flags.StringVar(&scenarios, "scenario", "chat,idle", "what to measure")
	flags.DurationVar(&o.duration, "duration", 10*time.Second, "chat: time measured")
	flags.DurationVar(&o.warmup, "warmup", 2*time.Second, "chat: time before that")
	flags.IntVar(&o.sockets, "sockets", 0, "sockets; 0 means 200 for chat and 5000 for idle")
	flags.IntVar(&o.window, "window", 8, "chat: messages without an ack that a socket may have under way")
	flags.IntVar(&o.body, "body", 100, "chat: bytes in a message")
	flags.IntVar(&o.runs, "runs", 1, "runs, the servers taking turns; medians are printed")
	flags.StringVar(&o.out, "out", "", "file to write the tables to, besides standard output")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.peers, o.scenarios = strings.Split(peers, ","), strings.Split(scenarios, ",")
	for _, p := range o.peers {
		if !slices.Contains([]string{"parley", "node", "raw"}, p) {
			return o, fmt.Errorf("unknown peer %q: parley, node or raw", p)
		}
	}
	for _, s := range o.scenarios {
		if s != "chat" && s != "idle" {
			return o, fmt.Errorf("unknown scenario %q: chat or idle", s)
		}
	}
	if o.sockets < 0 || o.sockets%2 != 0 || o.window < 1 || o.body < minBody || o.runs < 1 || o.duration < time.Second {
		return o, fmt.Errorf("sockets: an even number; window and runs: at least 1; body: at least %d; duration: at least 1s", minBody)
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "store" {
		return runStore(ctx, args[1:], stdout, stderr)
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	var report strings.Builder
	for _, scenario := range o.scenarios {
		results := make(map[string][]result)
		for i := range o.runs {
			for _, name := range o.peers {
				fmt.Fprintf(stderr, "%s, run %d of %d: %s\n", scenario, i+1, o.runs, name)
				r, err := measure(ctx, scenario, name, dir, o)
				if err != nil {
					return fmt.Errorf("%s with %s: %w", scenario, name, err)
				}
				results[name] = append(results[name], r)
			}
		}
		table(&report, scenario, o, results)
	}
	fmt.Fprint(stdout, report.String())
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(report.String()), 0o644)
}

func measure(ctx context.Context, scenario, name, dir string, o options) (result, error) {
	p := &peer{name: name, dir: dir}
	defer p.stop()
	scene := converse
	if scenario == "idle" {
		scene = idle
	}
	r, err := scene(ctx, p, o)
	if err != nil && p.process != nil {
		err = fmt.Errorf("%w\n%s", err, p.process.Stderr())
	}
	return r, err
}
