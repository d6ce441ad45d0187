// Command ferretd runs FerretDB over SQLite until its standard input ends. The tests of the MongoDB engine start it
// where no MongoDB is at hand: as a process of its own, because its memory, its data races and its end are not those of
// the engine under test.
//
//	ferretd FOLDER ADDRESS
//
// When it listens, it prints its URI in a line.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: ferretd FOLDER ADDRESS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "ferretd:", err)
		os.Exit(1)
	}
}

func run(folder, address string) error {
	f, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: address},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Handler:   "sqlite",
		SQLiteURL: "file:" + folder + "/",
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with the test, however that ends
		stop()
	}()
	go func() { fmt.Println(f.MongoDBURI()) }() // waits until Run listens
	return f.Run(ctx)
}
