// Package app puts the house together: it reads the settings, opens the engine, hands rules to doors, runs them, and
// takes everything down in the opposite order. It is the only package that knows all the others.
package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/parley-chat/parley/chat"
)

// Main runs the program until ctx ends and returns its exit code: 0 when it did what was asked, 1 when it could not,
// with one line on stderr that says why.
func Main(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if err := run(ctx, args, getenv, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "parley:", oneLine(err))
		return 1
	}
	return 0
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	switch {
	case len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help"):
		help(stdout)
		return nil
	case len(args) == 1 && args[0] == "--version":
		fmt.Fprintln(stdout, "parley", version())
		return nil
	case len(args) > 0:
		if known, err := call(ctx, args, getenv, stdout, stderr); known {
			return err
		}
		return fmt.Errorf("unknown argument %q; see parley --help", args[0])
	}
	cfg, err := Load(getenv)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: cfg.LogLevel}))
	keepMemory(ctx, getenv, memlimit.FromCgroup, log)
	return serve(ctx, cfg, log, stdout)
}

// oneLine is an error for whoever starts the server. Unlike a client, she may see the cause.
func oneLine(err error) string {
	if e, ok := err.(*chat.Error); ok {
		if e.Cause == nil {
			return e.Message
		}
		return fmt.Sprintf("%s (%v)", e.Message, e.Cause)
	}
	return err.Error()
}

// version is that of the module, or of the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
