// Command rooms is Parley with a namespace of its own beside the chat: /rooms, whose clients join rooms, talk and draw
// there. It shows how a Go program embeds Parley and uses the API of github.com/zishang520/socket.io/v2 on it. It takes
// Parley's settings.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/parley-chat/parley/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := app.Load(os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	parley, err := app.New(ctx, cfg)
	if err != nil {
		log.Fatal(err)
	}
	register(parley.Sockets())
	if err := parley.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
