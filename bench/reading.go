package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// figures are what reading a shelf costs.
type figures struct {
	stderr         io.Writer
	rows           []row
	sketches, text int // bytes
}

// row is one thing measured: how long each try took, sorted, and how many calls the last one needed.
type row struct {
	what  string
	took  []time.Duration
	calls int
}

// object is a JSON object.
type object = map[string]any

const (
	historyPage = 50
	mostTries   = 100
	answerTime  = time.Minute
)

// read measures everything, in the order of the table. Each answer is checked: a figure of a wrong answer says nothing.
func (f *figures) read(ctx context.Context, p *peer, s *shelf, most time.Duration) error {
	conn, err := p.login(ctx, s.reader)
	if err != nil {
		return err
	}
	defer conn.Close()
	a := &asker{sio.Asker{Conn: conn, Wait: answerTime}}
	long := conv(s.reader, s.friend)
	n := s.messages
	page := func(question object, first uint64) func() (int, error) {
		return func() (int, error) {
			seqs, _, err := a.page("message:before", question)
			if err == nil && (len(seqs) != historyPage || seqs[0] != first) {
				err = fmt.Errorf("message:before %v begins with %v, want %d", question, seqs[:min(1, len(seqs))], first)
			}
			return 1, err
		}
	}
	random := rand.New(rand.NewPCG(2, 2))
	middle := func() (int, error) {
		before := uint64(n/4 + random.IntN(n/2))
		return page(object{"conv": long, "before": before, "limit": historyPage}, before-historyPage)()
	}
	search := func(q, where string, want []uint64) func() (int, error) {
		question := object{"q": q}
		if where != "" {
			question["conv"] = where
		}
		return func() (int, error) {
			found, calls, err := a.search(question, n)
			if err == nil && !slices.Equal(found, want) {
				err = fmt.Errorf("%q: found %d, want %d", q, found, want)
			}
			return calls, err
		}
	}
	firstPage := func(q string) func() (int, error) {
		return func() (int, error) {
			found, calls, err := a.search(object{"q": q}, historyPage)
			if err == nil && len(found) < historyPage {
				err = fmt.Errorf("%q: %d messages, want %d", q, len(found), historyPage)
			}
			return calls, err
		}
	}
	sync := func() (int, error) { return a.syncAll(s) }
	rare := rarePlaces(n)
	slices.Reverse(rare)
	for _, m := range []struct {
		what  string
		once  bool
		tries func() (calls int, err error)
	}{
		{"history: the newest 50", false, page(object{"conv": long, "limit": historyPage}, uint64(n-historyPage+1))},
		{"history: 50 in the middle", false, middle},
		{"history: the oldest 50", false, page(object{"conv": long, "before": historyPage + 1, "limit": historyPage}, 1)},
		{"search, common word: the newest 50 of all conversations", false, firstPage(commonWord)},
		{"search, common Chinese word: the same", false, firstPage(commonChinese)},
		{"search, rare word in the long conversation, the first search of all", true, search(rareWord, string(long), rare)},
		{"the same, later", false, search(rareWord, string(long), rare)},
		{"search, rare Chinese word in the long conversation", false, search(rareChinese, string(long), rare)},
		{"search, rare word in all conversations, the first such search", true, search(rareWord, "", rare)},
		{"the same, later", false, search(rareWord, "", rare)},
		{fmt.Sprintf("sync of %d conversations, nothing missed, nothing read", len(s.others)+1), false, sync},
	} {
		if err := f.measure(m.what, m.once, most, m.tries); err != nil {
			return fmt.Errorf("%s: %w", m.what, err)
		}
	}
	if err := a.readAll(s); err != nil {
		return err
	}
	what := "the same, all read"
	if err := f.measure(what, false, most, sync); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	back := row{what: fmt.Sprintf("login after %d messages missed, until the last is there", s.backlog), calls: 1}
	for _, u := range s.away {
		took, err := comeBack(ctx, p, u, s.backlog)
		if err != nil {
			return err
		}
		back.took = append(back.took, took)
	}
	slices.Sort(back.took)
	f.rows = append(f.rows, back)
	return nil
}

// measure does something again and again, or once, and adds a row.
func (f *figures) measure(what string, once bool, most time.Duration, try func() (calls int, err error)) error {
	r := row{what: what}
	for begun := time.Now(); len(r.took) < mostTries && (len(r.took) == 0 || time.Since(begun) < most); {
		start := time.Now()
		calls, err := try()
		if err != nil {
			return err
		}
		r.took, r.calls = append(r.took, time.Since(start)), calls
		if once {
			break
		}
	}
	slices.Sort(r.took)
	fmt.Fprintf(f.stderr, "  %s: %v\n", what, quantile(r.took, 0.5))
	f.rows = append(f.rows, r)
	return nil
}

// asker asks a server what the figures are of.
type asker struct{ sio.Asker }

// page asks for messages and returns their numbers.
func (a *asker) page(event string, question object) (seqs []uint64, next string, err error) {
	var answer struct {
		Messages []struct{ Seq uint64 }
		Next     string
	}
	err = a.Ask(event, question, &answer)
	for _, m := range answer.Messages {
		seqs = append(seqs, m.Seq)
	}
	return seqs, answer.Next, err
}

// search goes on until it has so many numbers, or there is no more: a busy server ends a call before the page is full.
func (a *asker) search(question object, most int) (found []uint64, calls int, err error) {
	delete(question, "before")
	for {
		seqs, next, err := a.page("message:search", question)
		if err != nil {
			return found, calls, err
		}
		found = append(found, seqs...)
		if calls++; next == "" || len(found) >= most {
			return found, calls, nil
		}
		question["before"] = next
	}
}

// readAll marks every conversation as read.
func (a *asker) readAll(s *shelf) error {
	for conv, last := range s.lasts() {
		var answer object
		if err := a.Ask("message:read", object{"conv": conv, "seq": last}, &answer); err != nil {
			return err
		}
	}
	return nil
}

// syncAll asks what is new, with all cursors at their ends, until there is no more.
func (a *asker) syncAll(s *shelf) (calls int, err error) {
	cursors := s.lasts()
	question := object{"cursors": cursors}
	for seen := 0; ; {
		var answer struct {
			Conversations []json.RawMessage
			More          bool
			Next          string
		}
		if err := a.Ask("sync", question, &answer); err != nil {
			return calls, err
		}
		calls++
		if seen += len(answer.Conversations); !answer.More {
			if seen != len(cursors) {
				err = fmt.Errorf("sync told of %d conversations, want %d", seen, len(cursors))
			}
			return calls, err
		}
		question["after"] = answer.Next
	}
}

// comeBack logs in someone who was away, and returns how long it takes until she has all she missed, in order.
func comeBack(ctx context.Context, p *peer, u user, missed int) (time.Duration, error) {
	start := time.Now()
	conn, err := sio.Open(ctx, p.process.URL)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	conn.SetReadDeadline(start.Add(answerTime))
	if _, err := conn.Connect(object{"token": u.token}); err != nil {
		return 0, err
	}
	conn.Write([]byte(`42["login",{"device":"bench"}]`))
	if err := conn.Flush(); err != nil {
		return 0, err
	}
	for heard := 0; heard < missed; {
		packet, err := conn.Read()
		if err != nil {
			return 0, fmt.Errorf("after %d of %d messages: %w", heard, missed, err)
		}
		if bytes.HasPrefix(packet, []byte(`2["newMessage",`)) {
			if heard++; !bytes.Contains(packet, fmt.Appendf(nil, `,"seq":%d,`, heard)) {
				return 0, fmt.Errorf("number %d is not %.300s", heard, packet)
			}
		}
	}
	return time.Since(start), nil
}

// quantile returns the smallest of sorted that is not below the share q of them; 0 of none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
