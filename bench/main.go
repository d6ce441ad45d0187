// Command bench starts servers on this machine, one after the other, and measures each with the same client: Parley
// from this source tree, Node's socket.io doing an in-memory relay, and others, a bare relay in Go as the lower bound.
//
//	go run ./bench -scenario chat,room,storm -runs 3
//	go run ./bench -scenario chat -peers parley -binary before=/path/to/another/parley
//	go run ./bench -scenario all -runs 5 -out bench/results
//
// With the word report it renders docs/benchmarks.md and its plots from bench/results; with the word profile it writes
// where Parley's time and memory go while it is measured, as text. With the word store it measures what reading costs
// when much is stored: history, search, sync, a backlog; with the word growth what everything costs with ever more
// stored, and with the word commit the group commit by how many messages are under way. With the word long it puts mixed
// load with comings and goings on the server for 20 minutes and looks whether anything grows. With the word mongo it
// counts what the MongoDB engine asks of its server, a FerretDB or the one of MONGO_URI.
//
// Generator and server share the machine, so ratios between the servers hold and absolute figures do not. CPU time is
// the server process's alone.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "mongo":
			return runMongo(ctx, args[1:], stdout, stderr)
		case "report":
			return runReport(args[1:], stderr)
		case "long":
			return runLong(ctx, args[1:], stdout, stderr)
		case "growth":
			return runGrowth(ctx, args[1:], stdout, stderr)
		case "commit":
			return runCommit(ctx, args[1:], stdout, stderr)
		case "profile":
			return runProfile(ctx, args[1:], stdout, stderr)
		case "store":
			return runStore(ctx, args[1:], stdout, stderr)
		}
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	return compare(ctx, o, stdout, stderr)
}
