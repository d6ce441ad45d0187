// Command program is Parley inside a Go program that adds a namespace, as any program may that embeds it: /bench, in
// which the load generator measures rooms. It takes Parley's settings, and prints where it listens.
//
// Clients of /bench need no login. They send, each with an ack:
//
//	join  room        -> {ok: true}
//	say   room, text  -> {ok: true}; everyone in the room, the sender too if she has joined, hears `said` text
//
// An ack is {ok: false} when an argument is missing or no string. As in the other peers nobody is checked otherwise.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg, err := app.Load(os.Getenv)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return err
	}
	defer listener.Close()
	parley, err := app.New(ctx, cfg)
	if err != nil {
		return err
	}
	register(parley.Sockets())
	fmt.Printf("listening on http://%s\n", listener.Addr())
	return parley.Serve(ctx, listener)
}

// register adds the namespace.
func register(io *socket.Server) {
	bench := io.Of("/bench", nil)
	bench.On("connection", func(args ...any) {
		client := args[0].(*socket.Socket)
		on(client, "join", 1, func(args []string) { client.Join(socket.Room(args[0])) })
		on(client, "say", 2, func(args []string) { bench.To(socket.Room(args[0])).Emit("said", args[1]) })
	})
}

// on hears an event with n strings and an ack.
func on(client *socket.Socket, event string, n int, do func(args []string)) {
	client.On(event, func(args ...any) {
		var texts []string
		for _, arg := range args {
			if text, ok := arg.(string); ok {
				texts = append(texts, text)
			}
		}
		ok := len(texts) == n
		if ok {
			do(texts)
		}
		if len(args) == 0 {
			return
		}
		if ack, asked := args[len(args)-1].(socket.Ack); asked {
			ack([]any{map[string]bool{"ok": ok}}, nil)
		}
	})
}
