package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/bench/figure"
	"github.com/parley-chat/parley/bench/proc"
	"github.com/parley-chat/parley/bench/sio"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

// growthOptions are those of `bench growth`.
type growthOptions struct {
	sizes []int
	most  time.Duration
	out   string
}

// parseGrowth reads the arguments behind the word growth.
func parseGrowth(args []string, stderr io.Writer) (o growthOptions, err error) {
	flags := flag.NewFlagSet("bench growth", flag.ContinueOnError)
	flags.SetOutput(stderr)
	sizes := flags.String("sizes", "10000,100000,1000000,10000000", "stored messages")
	flags.DurationVar(&o.most, "most", 3*time.Second, "time for each figure; a hundred calls if they fit in")
	flags.StringVar(&o.out, "out", "", "folder to write the figures to as JSON, besides the table on standard output")
	if err := parseFlags(flags, args); err != nil {
		return o, err
	}
	if o.sizes, err = numbers(*sizes, readerTalks*talkLength, 1e9); err != nil {
		return o, fmt.Errorf("sizes: %w", err)
	}
	return o, nil
}

// numbers reads a list.
func numbers(list string, least, most int) ([]int, error) {
	var numbers []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return nil, fmt.Errorf("%q is not a number from %d to %d", text, least, most)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

func joined(numbers []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ","), "[]")
}

// runGrowth measures the same things with ever more stored: what a message costs, and a login, a page, a sync.
func runGrowth(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseGrowth(args, stderr)
	if err != nil {
		return err
	}
	s := newSeries("growth", fmt.Sprintf("conversations of %d messages, as many accounts, the embedded engine", talkLength),
		fmt.Sprintf("go run ./bench growth -sizes %s -most %v", joined(o.sizes), o.most))
	for _, c := range []struct{ name, format string }{
		{"fill CPU us/msg", "%.1f"}, {"append CPU us/msg", "%.1f"}, {"disk B/msg", "%.0f"}, {"open ms", "%.0f"}, {"RSS MB", "%.0f"},
		{"RSS later MB", "%.0f"}, {"login ms", "%.1f"}, {"newest 50 ms", "%.2f"}, {"other 50 ms", "%.2f"}, {"sync ms", "%.1f"}, {"chat ms", "%.2f"},
	} {
		s.Columns = append(s.Columns, figure.Column{Name: c.name, Format: c.format})
	}
	for _, n := range o.sizes {
		fmt.Fprintf(stderr, "%d messages\n", n)
		g := &grown{messages: n, most: o.most, stderr: stderr, figures: make(figure.Run)}
		if err := g.measure(ctx); err != nil {
			return err
		}
		addSize(s, n, " stored", g.figures)
	}
	return publish(s, o.out, stdout)
}

// addSize adds a row for one size: a peer of one run. unit follows the number in its title.
func addSize(s *figure.Series, n int, unit string, run figure.Run) {
	name := fmt.Sprint(n)
	s.Order, s.Peers[name] = append(s.Order, name), []figure.Run{run}
	s.Titles[name] = figure.Thousands(float64(n)) + unit
}

const (
	talkLength  = 100 // messages of each conversation, on average
	readerTalks = 50  // conversations of who logs in, reads and syncs
	appendBatch = 64  // about what arrives while a batch before it becomes durable
	appendTries = 200
)

// grown is one size.
type grown struct {
	messages int
	most     time.Duration
	stderr   io.Writer
	figures  figure.Run

	people []user         // with accounts and tokens: the reader and those she talks to
	talks  []chat.Message // one of each conversation, with what its messages have in common; the reader's first
	counts []int          // messages of each
}

// measure fills a fresh server's engine and takes every figure.
func (g *grown) measure(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p := &peer{kind: parley(), dir: dir}
	defer func() {
		if err != nil && p.process != nil {
			err = fmt.Errorf("%w\n%s", err, p.process.Stderr())
		}
		p.stop()
	}()
	if err := p.start(); err != nil {
		return err
	}
	if g.people, err = p.users(ctx, 1+readerTalks); err != nil {
		return err
	}
	p.stop()
	folder := filepath.Join(p.data, "engine")
	if err := g.fill(ctx, folder); err != nil {
		return err
	}
	if err := g.open(ctx, folder); err != nil {
		return err
	}
	bytes, err := weigh(p.data)
	if err != nil {
		return err
	}
	g.figures["disk B/msg"] = float64(bytes) / float64(g.messages)
	if err := p.start(); err != nil {
		return err
	}
	if err := settle(ctx, p); err != nil {
		return err
	}
	if err := g.memory(p, "RSS MB"); err != nil {
		return err
	}
	if err := g.ask(ctx, p); err != nil {
		return err
	}
	return g.memory(p, "RSS later MB")
}

// open measures what stands between a start and the first answer.
func (g *grown) open(ctx context.Context, folder string) error {
	begun := time.Now()
	engine, err := embedded.Open(ctx, folder, nil)
	if err != nil {
		return err
	}
	g.figures["open ms"] = ms(time.Since(begun))
	return engine.Close()
}

func (g *grown) memory(p *peer, column string) error {
	bytes, err := p.process.RSS()
	g.figures[column] = mb(int(bytes))
	return err
}

// fill stores as many messages, each in a conversation chosen at random: in the order that is worst for an engine that
// keeps what belongs together side by side.
func (g *grown) fill(ctx context.Context, folder string) (err error) {
	engine, err := embedded.Open(ctx, folder, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	if err := g.meet(ctx, engine); err != nil {
		return err
	}
	g.counts = make([]int, len(g.talks))
	text, bodies := newProse(), make([][]byte, 4096)
	for i := range bodies {
		bodies[i] = text.message()
	}
	random := rand.New(rand.NewPCG(3, 3))
	at := time.Now().Add(-time.Duration(g.messages) * time.Second).Truncate(time.Millisecond)
	batch := func(size int) []chat.Message {
		batch := make([]chat.Message, size)
		for i := range batch {
			at = at.Add(time.Second)
			talk := random.IntN(len(g.talks))
			batch[i] = g.talks[talk]
			g.counts[talk]++
			batch[i].Body, batch[i].At = bodies[random.IntN(len(bodies))], at
		}
		return batch
	}
	store := func(column string, messages, size int) error {
		before, err := proc.OwnCPU()
		for left := messages; left > 0 && err == nil; left -= size {
			_, err = engine.Append(ctx, batch(min(size, left)))
		}
		after, failed := proc.OwnCPU()
		g.figures[column] = float64((after - before).Microseconds()) / float64(messages)
		return errors.Join(err, failed)
	}
	if err := store("fill CPU us/msg", g.messages, fillBatch); err != nil {
		return err
	}
	if err := store("append CPU us/msg", appendTries*appendBatch, appendBatch); err != nil {
		return err
	}
	// The reader has had everything, or her first login would bring it all.
	var cursors []chat.Cursor
	for i, talk := range g.talks[:readerTalks] {
		cursors = append(cursors, chat.Cursor{User: talk.To, Conv: talk.Conv, Seq: uint64(g.counts[i])})
	}
	return engine.AdvanceCursors(ctx, cursors)
}

// meet makes the other people and the conversations.
func (g *grown) meet(ctx context.Context, engine *embedded.Store) error {
	others, err := populate(ctx, engine, g.messages/talkLength)
	if err != nil {
		return err
	}
	add := func(a, b chat.UserID) {
		g.talks = append(g.talks, chat.Message{Conv: chat.DirectConv(a, b), Sender: a, To: b, Device: "other", Type: "text"})
	}
	for _, friend := range g.people[1:] {
		add(chat.UserID(friend.id), chat.UserID(g.people[0].id))
	}
	for i := 0; len(g.talks) < g.messages/talkLength; i++ {
		add(others[i], others[(i+1)%len(others)])
	}
	return nil
}

// ask takes the figures that a client sees.
func (g *grown) ask(ctx context.Context, p *peer) error {
	var conn *sio.Conn
	login := func() (int, error) {
		if conn != nil {
			conn.Close()
		}
		var err error
		conn, err = p.login(ctx, g.people[0])
		return 1, err
	}
	f := figures{stderr: g.stderr}
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	if err := f.measure("login ms", false, g.most, login); err != nil {
		return err
	}
	a := &asker{sio.Asker{Conn: conn, Wait: answerTime}}
	random := rand.New(rand.NewPCG(4, 4))
	page := func(before bool) func() (int, error) {
		return func() (int, error) {
			question := object{"conv": g.talks[random.IntN(readerTalks)].Conv, "limit": historyPage}
			want := historyPage
			if before {
				question["before"] = want + 1 // the oldest: nothing of it was read just now
			}
			seqs, _, err := a.page("message:before", question)
			if err == nil && len(seqs) != want {
				err = fmt.Errorf("%v: %d messages", question, len(seqs))
			}
			return 1, err
		}
	}
	cursors := make(map[chat.ConvID]int)
	for i, talk := range g.talks[:readerTalks] {
		cursors[talk.Conv] = g.counts[i]
	}
	sync := func() (int, error) {
		var answer struct{ Conversations []struct{ Conv string } }
		err := a.Ask("sync", object{"cursors": cursors}, &answer)
		if err == nil && len(answer.Conversations) != readerTalks {
			err = fmt.Errorf("sync told of %d conversations", len(answer.Conversations))
		}
		return 1, err
	}
	say := func() (int, error) {
		var answer object
		return 1, a.Ask("chat", object{"form_id": g.people[0].id, "toUserid": g.people[1].id, "message": "hello"}, &answer)
	}
	for _, m := range []struct {
		column string
		try    func() (int, error)
	}{{"newest 50 ms", page(false)}, {"other 50 ms", page(true)}, {"sync ms", sync}, {"chat ms", say}} {
		if err := f.measure(m.column, false, g.most, m.try); err != nil {
			return fmt.Errorf("%s: %w", m.column, err)
		}
	}
	for _, r := range f.rows {
		g.figures[r.what] = ms(quantile(r.took, 0.50))
	}
	return nil
}
