package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// storeOptions are those of `bench store`.
type storeOptions struct {
	messages int
	times    int
	others   int
	backlog  int
	most     time.Duration
	out      string
}

// parseStore reads the arguments behind the word store.
func parseStore(args []string, stderr io.Writer) (o storeOptions, err error) {
	flags := flag.NewFlagSet("bench store", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.messages, "messages", 200_000, "messages of the long conversation, and of all short ones together")
	flags.IntVar(&o.times, "times", 10, "how many times as many the second time; 1 for no second time")
	flags.IntVar(&o.others, "conversations", 500, "short conversations")
	flags.IntVar(&o.backlog, "backlog", 10_000, "messages for someone who was away")
	flags.DurationVar(&o.most, "most", 5*time.Second, "time for each figure; a hundred calls if they fit in")
	flags.StringVar(&o.out, "out", "", "file to write the table to, besides standard output")
	if err := parseFlags(flags, args); err != nil {
		return o, err
	}
	if o.messages < 1000 || o.times < 1 || o.others < 1 || o.others > o.messages || o.backlog < 1 {
		return o, fmt.Errorf("messages: at least 1000; conversations: not more than messages; times and backlog: at least 1")
	}
	return o, nil
}

// runStore measures what reading costs on the embedded engine, through the server's own door, with much stored and with
// a multiple of that.
func runStore(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseStore(args, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sizes := []int{o.messages, o.messages * o.times}
	if o.times == 1 {
		sizes = sizes[:1]
	}
	var columns []figures
	for _, n := range sizes {
		fmt.Fprintf(stderr, "%d messages\n", n)
		f, err := readAt(ctx, dir, n, o, stderr)
		if err != nil {
			return err
		}
		columns = append(columns, f)
	}
	var report strings.Builder
	storeTable(&report, sizes, columns, o)
	fmt.Fprint(stdout, report.String())
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(report.String()), 0o644)
}

// awayPeople is how many were away: each can come back once.
const awayPeople = 5

// readAt fills a fresh server with so many messages and measures reading them.
func readAt(ctx context.Context, dir string, n int, o storeOptions, stderr io.Writer) (f figures, err error) {
	p := &peer{kind: parley(), dir: dir}
	defer func() {
		if err != nil && p.process != nil {
			err = fmt.Errorf("%w\n%s", err, p.process.Stderr())
		}
		p.stop()
		os.RemoveAll(p.data)
	}()
	if err = p.start(); err != nil {
		return f, err
	}
	people, err := p.users(ctx, 3+awayPeople+o.others)
	if err != nil {
		return f, err
	}
	p.stop()
	s := &shelf{
		reader: people[0], friend: people[1], writer: people[2], away: people[3 : 3+awayPeople], others: people[3+awayPeople:],
		messages: n, backlog: o.backlog,
	}
	fmt.Fprintln(stderr, "  writing")
	if err = s.fill(ctx, p.data); err != nil {
		return f, err
	}
	if err = p.start(); err != nil {
		return f, err
	}
	if err = settle(ctx, p); err != nil {
		return f, err
	}
	f = figures{stderr: stderr}
	if err = f.read(ctx, p, s, o.most); err != nil {
		return f, err
	}
	p.stop()
	f.sketches, f.text, err = s.sketches(ctx, p.data)
	return f, err
}

// The engine sorts for a while what was written in a hurry. It is done when the server uses less than settledShare of a
// core for settleTime; settle waits settleMost for that at the most.
const (
	settledShare = 0.02
	settleTime   = 2 * time.Second
	settleMost   = time.Minute
)

func settle(ctx context.Context, p *peer) error {
	before, err := p.process.CPU()
	for end := time.Now().Add(settleMost); err == nil && time.Now().Before(end); {
		if err := wait(ctx, settleTime); err != nil {
			return err
		}
		var after time.Duration
		if after, err = p.process.CPU(); float64(after-before) < settledShare*float64(settleTime) {
			break
		}
		before = after
	}
	return err
}

// storeTable writes the figures as Markdown, one column for each size.
func storeTable(w io.Writer, sizes []int, columns []figures, o storeOptions) {
	fmt.Fprintf(w, "%d short conversations, %d cores shared with the client, %s; times in ms.\n\n", o.others, runtime.NumCPU(), runtime.Version())
	head, line := "| what |", "| --- |"
	for _, n := range sizes {
		head += fmt.Sprintf(" %d messages: p50 | p99 | calls |", n)
		line += " --- | --- | --- |"
	}
	if len(sizes) == 2 {
		head, line = head+" p50 grows |", line+" --- |"
	}
	fmt.Fprintf(w, "%s\n%s\n", head, line)
	for i, row := range columns[0].rows {
		text := "| " + row.what + " |"
		for _, column := range columns {
			r := column.rows[i]
			text += fmt.Sprintf(" %.2f | %.2f | %d |", ms(quantile(r.took, 0.50)), ms(quantile(r.took, 0.99)), r.calls)
		}
		if len(columns) == 2 {
			text += fmt.Sprintf(" %.1f |", float64(quantile(columns[1].rows[i].took, 0.50))/float64(quantile(row.took, 0.50)))
		}
		fmt.Fprintln(w, text)
	}
	for i, n := range sizes {
		fmt.Fprintf(w, "\nThe long conversation of %d messages: %.1f MB of text, sketches of %.1f MB.", n, mb(columns[i].text), mb(columns[i].sketches))
	}
	fmt.Fprintln(w)
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }
func mb(bytes int) float64       { return float64(bytes) / 1e6 }
