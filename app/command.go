package app

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store"
)

// command is something that parley does beside serving, on the engine that the settings name.
type command struct {
	name, arguments, help string
	// run does it. args are those behind the name; errUsage for wrong ones.
	run func(ctx context.Context, c *caller, args []string) error
}

var errUsage = errors.New("wrong arguments")

// commands returns the table of all commands, in the order of --help.
func commands() []command {
	return []command{
		{"export", "[FILE]", "write all data as lines of JSON", runExport},
		{"import", "[FILE]", "take in what export wrote; doing it again changes nothing", runImport},
		{"backup", "DIR", "make a copy with which a server can start, also while one runs: DATA_DIR=DIR", runBackup},
		{"migrate-node", "--from mongodb://…/ws_demo [--pictures DIR]", "take in the users, friends and pictures of the Node server", runMigrate},
	}
}

// caller is who runs a command, and with what.
type caller struct {
	cfg            Config
	log            *slog.Logger
	stdin          io.Reader
	stdout, stderr io.Writer
}

// call runs the command of this name; known is false when there is none.
func call(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) (known bool, err error) {
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		cfg, err := Load(getenv)
		if err != nil {
			return true, err
		}
		log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: max(cfg.LogLevel, slog.LevelWarn)}))
		err = c.run(ctx, &caller{cfg, log, os.Stdin, stdout, stderr}, args[1:])
		if errors.Is(err, errUsage) {
			err = fmt.Errorf("usage: parley %s %s", c.name, c.arguments)
		}
		return true, err
	}
	return false, nil
}

// do has a job done: by the running server if there is one, since the embedded engine belongs to one process, else here.
func (c *caller) do(ctx context.Context, job string, args url.Values, in io.Reader, out io.Writer) error {
	if c.cfg.MongoURI == "" {
		if done, err := callControl(ctx, c.cfg.DataDir, job, args, in, out); done {
			return err
		}
	}
	if err := os.MkdirAll(c.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("DATA_DIR: %w", err)
	}
	engine, err := store.Open(ctx, enginePlace(c.cfg), c.log)
	if err != nil {
		return err
	}
	w := worker{cfg: c.cfg, store: engine, log: c.log, now: time.Now}
	err = w.do(ctx, job, args, in, out)
	if closing := engine.Close(); err == nil {
		err = closing
	}
	return err
}

// worker does jobs on an open engine.
type worker struct {
	cfg   Config
	store chat.Store
	log   *slog.Logger
	now   func() time.Time
}

// do does one job. What in and out carry depends on the job.
func (w *worker) do(ctx context.Context, job string, args url.Values, in io.Reader, out io.Writer) error {
	archives := chat.Archives{Store: w.store, Now: w.now}
	switch job {
	case "export":
		_, err := archives.Export(ctx, out)
		return err
	case "import":
		done, err := archives.Import(ctx, in)
		if err == nil {
			fmt.Fprintf(out, "%d records, of which %d were new; the engine has %d now: %s\n",
				done.Archive.Total(), done.Added, done.Engine.Total(), inWords(done.Engine))
		}
		return err
	case "backup":
		return w.backup(ctx, args.Get("dir"), out)
	case "migrate-node":
		return w.migrate(ctx, args.Get("from"), args.Get("pictures"), out)
	}
	return chat.Errorf(chat.NotFound, "this server knows no job %q", job)
}

// inWords lists counts for people.
func inWords(c chat.Counts) string {
	return fmt.Sprintf("accounts %d, friends %d, files %d, messages %d, devices %d, seen %d, cursors %d, erased accounts %d, "+
		"blocks %d, requests %d, rooms %d, members %d",
		c.Accounts, c.Friends, c.Files, c.Messages, c.Devices, c.Seen, c.Cursors, c.Erased, c.Blocks, c.Requests, c.Rooms, c.Members)
}

// enginePlace is what store.Open is given.
func enginePlace(cfg Config) string {
	if cfg.MongoURI != "" {
		return cfg.MongoURI
	}
	return filepath.Join(cfg.DataDir, engineFolder)
}

const engineFolder = "engine" // in DATA_DIR

// fileArgument is the name of an archive; "" for the standard input or output.
func fileArgument(args []string) (name string, err error) {
	switch {
	case len(args) == 0 || len(args) == 1 && args[0] == "-":
		return "", nil
	case len(args) > 1 || strings.HasPrefix(args[0], "-"): // who asks for --help wants no file of that name
		return "", errUsage
	}
	return args[0], nil
}

func runExport(ctx context.Context, c *caller, args []string) error {
	name, err := fileArgument(args)
	if err != nil {
		return err
	}
	if name == "" {
		p := c.progress("exported")
		defer p.tell()
		return c.do(ctx, "export", nil, nil, io.MultiWriter(c.stdout, p))
	}
	// Under its name there is a whole archive or none. It has everybody's messages, so it is nobody else's to read.
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	p := c.progress("exported")
	defer p.tell()
	if err := c.do(ctx, "export", nil, nil, io.MultiWriter(f, p)); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func runImport(ctx context.Context, c *caller, args []string) error {
	name, err := fileArgument(args)
	if err != nil {
		return err
	}
	in := c.stdin
	if name != "" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	p := c.progress("read")
	defer p.tell()
	return c.do(ctx, "import", nil, io.TeeReader(in, p), c.stdout)
}

func runBackup(ctx context.Context, c *caller, args []string) error {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return errUsage
	}
	dir, err := filepath.Abs(args[0]) // the server may run in another folder
	if err != nil {
		return err
	}
	return c.do(ctx, "backup", url.Values{"dir": {dir}}, nil, c.stdout)
}

func runMigrate(ctx context.Context, c *caller, args []string) error {
	flags := flag.NewFlagSet("migrate-node", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	from := flags.String("from", "", "")
	pictures := flags.String("pictures", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 || *from == "" {
		return errUsage
	}
	given := url.Values{"from": {*from}}
	if *pictures != "" {
		dir, err := filepath.Abs(*pictures) // the server may run in another folder
		if err != nil {
			return err
		}
		given.Set("pictures", dir)
	}
	return c.do(ctx, "migrate-node", given, nil, c.stdout)
}

// progress says on stderr, once a second, how many lines have passed through it.
type progress struct {
	lines int
	last  time.Time
	verb  string
	to    io.Writer
}

func (c *caller) progress(verb string) *progress {
	return &progress{verb: verb, to: c.stderr, last: time.Now()}
}

func (p *progress) Write(b []byte) (int, error) {
	p.lines += bytes.Count(b, []byte{'\n'})
	if now := time.Now(); now.Sub(p.last) >= time.Second {
		p.last = now
		p.tell()
	}
	return len(b), nil
}

// tell says how many lines it is by now.
func (p *progress) tell() { fmt.Fprintf(p.to, "%s %d lines\n", p.verb, p.lines) }
