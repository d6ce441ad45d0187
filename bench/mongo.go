package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-chat/parley/bench/figure"
	"github.com/parley-chat/parley/bench/proc"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/mongo"
)

// mongoOptions are those of `bench mongo`.
type mongoOptions struct {
	uri  string // of a MongoDB; empty for a FerretDB of its own
	most time.Duration
	out  string
}

// parseMongo reads the arguments behind the word mongo. getenv names the server, as for Parley itself.
func parseMongo(args []string, getenv func(string) string, stderr io.Writer) (o mongoOptions, err error) {
	flags := flag.NewFlagSet("bench mongo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&o.most, "most", 3*time.Second, "time for each figure")
	flags.StringVar(&o.out, "out", "", "folder to write the figures to as JSON, besides the table on standard output")
	if err := parseFlags(flags, args); err != nil {
		return o, err
	}
	if o.most < 10*time.Millisecond || o.most > time.Hour {
		return o, fmt.Errorf("most: a time from 10ms to 1h")
	}
	o.uri = getenv("MONGO_URI")
	if o.uri != "" && !strings.HasPrefix(o.uri, "mongodb://") && !strings.HasPrefix(o.uri, "mongodb+srv://") {
		return o, fmt.Errorf("MONGO_URI: begins with mongodb:// or mongodb+srv://")
	}
	return o, nil
}

// runMongo measures what the MongoDB engine asks of its server: the commands, each a round trip, for what people do. The
// database that MONGO_URI names is filled with it, and stays so.
func runMongo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseMongo(args, os.Getenv, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, alone, behind := "MongoDB", o.uri, o.uri
	if o.uri == "" {
		server = "FerretDB over SQLite"
		binary := filepath.Join(dir, "ferretd")
		if err := proc.BuildFerret(binary); err != nil {
			return err
		}
		ferret, err := proc.StartFerret(binary, filepath.Join(dir, "ferret"), startWait)
		if err != nil {
			return err
		}
		defer ferret.Kill()
		alone, behind = ferret.URL+"/alone", ferret.URL+"/behind" // it looks through a whole collection for each question
	}
	m := &mongoBench{options: o, stderr: stderr, series: newSeries("mongo",
		"what the MongoDB engine asks of its server, which is "+server, "go run ./bench mongo -most "+o.most.String())}
	m.series.Columns = mongoColumns()
	if err := m.engine(ctx, alone); err != nil {
		return err
	}
	if err := m.server(ctx, dir, behind); err != nil {
		return err
	}
	return publish(m.series, o.out, stdout)
}

// The columns beside the names of commands.
const (
	timesPerSecond    = "times/s"
	messagesPerSecond = "messages/s"
	commandsEach      = "commands each time"
)

func commandNames() []string {
	return []string{"insert", "find", "update", "findAndModify", "delete", "getMore"}
}

func mongoColumns() []figure.Column {
	columns := []figure.Column{
		{Name: timesPerSecond, Format: "%.0f"}, {Name: messagesPerSecond, Format: "%.0f"}, {Name: commandsEach, Format: "%.2f"},
	}
	for _, name := range commandNames() {
		columns = append(columns, figure.Column{Name: name, Format: "%.2f"})
	}
	return columns
}

// mongoBench adds a row to its series for each thing that is done: a peer of one run.
type mongoBench struct {
	options mongoOptions
	stderr  io.Writer
	series  *figure.Series
}

// add adds a row: so many times done, with these commands altogether, carrying so many messages.
func (m *mongoBench) add(what string, times, messages int, took time.Duration, commands map[string]float64) {
	run := figure.Run{timesPerSecond: float64(times) / took.Seconds(), commandsEach: 0}
	if messages > 0 {
		run[messagesPerSecond] = float64(messages) / took.Seconds()
	}
	for _, name := range commandNames() {
		run[name] = 0
	}
	for name, n := range commands {
		run[name] = n / float64(times)
		run[commandsEach] += n / float64(times)
	}
	fmt.Fprintf(m.stderr, "  %s: %.0f/s, %.2f commands\n", what, run[timesPerSecond], run[commandsEach])
	m.series.Order = append(m.series.Order, what)
	m.series.Peers[what] = []figure.Run{run}
}

// engine measures the engine alone, without a server around it.
func (m *mongoBench) engine(ctx context.Context, uri string) error {
	engine, err := mongo.Open(ctx, uri, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer engine.Close()
	people := make([]chat.UserID, 21)
	for i := range people {
		people[i] = chat.NewUserID(time.Now())
	}
	convs := make([]chat.ConvID, len(people)-1)
	for i := range convs {
		convs[i] = chat.DirectConv(people[0], people[i+1])
	}
	written := 0
	write := func(n int) error {
		batch := make([]chat.Message, n)
		for i := range batch {
			to := people[1+written%len(convs)]
			written++
			batch[i] = chat.Message{
				Conv: chat.DirectConv(people[0], to), Sender: people[0], To: to, Device: "bench", Type: "text",
				Ref: fmt.Sprint(written), Nonce: fmt.Sprint("n", written), Body: []byte(`"` + strings.Repeat(".", 100) + `"`),
				At: time.Now().Truncate(time.Millisecond),
			}
		}
		_, err := engine.Append(ctx, batch)
		return err
	}
	if err := write(len(convs) * historyPage); err != nil { // from here on each conversation's last number is known
		return err
	}
	seq := uint64(0)
	move := func(n int) error {
		cursors := make([]chat.Cursor, n)
		seq++
		for i := range cursors {
			cursors[i] = chat.Cursor{User: people[0], Device: chat.DeviceID(fmt.Sprint("device", i/len(convs))), Conv: convs[i%len(convs)], Seq: seq}
		}
		return engine.AdvanceCursors(ctx, cursors)
	}
	for _, row := range []struct {
		what     string
		messages int
		do       func() error
	}{
		{"a page of 50 messages", 0, func() error {
			page, err := engine.Before(ctx, convs[0], 0, historyPage)
			if err == nil && len(page) != historyPage {
				err = fmt.Errorf("a page of %d messages", len(page))
			}
			return err
		}},
		{"the last numbers of 20 conversations, asked for before", 0, func() error {
			_, err := engine.Last(ctx, convs)
			return err
		}},
		{"1 message stored", 1, func() error { return write(1) }},
		{"a batch of 8", 8, func() error { return write(8) }},
		{"a batch of 64", 64, func() error { return write(64) }},
		{"a batch of 512", 512, func() error { return write(512) }},
		{"1 cursor moved", 0, func() error { return move(1) }},
		{"64 cursors moved together", 0, func() error { return move(64) }},
		{"512 cursors moved together", 0, func() error { return move(512) }},
	} {
		before, start, times := engine.Commands(), time.Now(), 0
		for ; times == 0 || time.Since(start) < m.options.most; times++ {
			if err := row.do(); err != nil {
				return fmt.Errorf("%s: %w", row.what, err)
			}
		}
		took := time.Since(start)
		commands := make(map[string]float64)
		for name, c := range engine.Commands() {
			if n := c.Count - before[name].Count; n > 0 {
				commands[name] = float64(n)
			}
		}
		m.add(row.what, times, times*row.messages, took, commands)
	}
	return nil
}
