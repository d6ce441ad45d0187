// Command conformance runs a bare server for the official suites of Engine.IO and Socket.IO: our transport and our
// packets with handlers that echo, and nothing of the chat.
//
//	go run ./realtime/conformance -addr 127.0.0.1:3000 -ping-interval 300ms -ping-timeout 200ms -eio 4
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/parley-chat/parley/realtime/engineio"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// grace is how long clients have to leave when the server ends.
const grace = 5 * time.Second

// run serves until ctx ends and returns the exit code. It writes its URL once it listens.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:3000", "where to listen")
	var engine engineio.Config
	flags.DurationVar(&engine.PingInterval, "ping-interval", 300*time.Millisecond, "between two pings")
	flags.DurationVar(&engine.PingTimeout, "ping-timeout", 200*time.Millisecond, "for the answer to a ping")
	flags.IntVar(&engine.Protocol, "eio", 0, "the generation of Engine.IO that alone is let in, 3 or 4 (both)")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if p := engine.Protocol; p != 0 && p != 3 && p != 4 || flags.NArg() > 0 {
		flags.Usage()
		return 2
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	if err := serve(ctx, listener, engine, stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, listener net.Listener, engine engineio.Config, stdout io.Writer) error {
	packets, transport := newPackets(engine), newTransport(engine)
	routes := http.NewServeMux()
	routes.Handle("/socket.io/", packets)
	routes.Handle("/engine.io/", transport)
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	packets.Shutdown(end)
	transport.Shutdown(end)
	if late := server.Shutdown(end); err == nil && !errors.Is(late, context.DeadlineExceeded) {
		err = late
	}
	return err
}
