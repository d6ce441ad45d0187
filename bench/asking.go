package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/bench/figure"
	"github.com/parley-chat/parley/bench/sio"
)

// Everybody has a conversation of eachOther messages with everybody else; a page of history is pageSize of them.
const (
	eachOther = 60
	pageSize  = 50
)

// asking are the scenarios in which clients read: the pages of a conversation, or how all of them stand. What grows with
// the number of stored messages is told by the word store.
func asking() []scenario {
	columns := []figure.Column{
		{Name: "answers/s", Format: "%.0f", Against: true}, {Name: "CPU us/answer", Format: "%.0f", Against: true},
		{Name: "p50 ms", Format: "%.2f"}, {Name: "p99 ms", Format: "%.2f"}, {Name: "p99.9 ms", Format: "%.2f"},
	}
	of := func(name, summary string, q question) scenario {
		return scenario{
			name: name, summary: summary, sockets: 20, peers: []string{"parley", "node"}, columns: columns,
			run: func(ctx context.Context, p *peer, o options) (figure.Run, error) { return ask(ctx, p, o, q) },
		}
	}
	return []scenario{
		of("history", fmt.Sprintf("sockets ask for the newest %d messages of a conversation, one after the other; Node has them in memory", pageSize), askHistory),
		of("sync", "sockets ask how their 19 conversations stand, one after the other; Node has them in memory, without marks", askSync),
	}
}

// question asks once and looks at the answer: of someone, who has a conversation with the other and n-1 altogether.
type question func(a *sio.Asker, other user, n int) error

func askHistory(a *sio.Asker, other user, _ int) error {
	var page struct {
		Messages []json.RawMessage
		More     bool
	}
	err := a.Ask("message:before", map[string]any{"with": other.id, "limit": pageSize}, &page)
	if err == nil && (len(page.Messages) != pageSize || !page.More) {
		err = fmt.Errorf("a page of %d messages, more: %v", len(page.Messages), page.More)
	}
	return err
}

func askSync(a *sio.Asker, _ user, n int) error {
	var answer struct{ Conversations []json.RawMessage }
	err := a.Ask("sync", map[string]any{}, &answer)
	if err == nil && len(answer.Conversations) != n-1 {
		err = fmt.Errorf("%d conversations, not %d", len(answer.Conversations), n-1)
	}
	return err
}

func ask(ctx context.Context, p *peer, o options, q question) (figure.Run, error) {
	if !p.accounts {
		p.env = append(p.env, "REMEMBER=1")
	}
	if err := p.start(); err != nil {
		return nil, err
	}
	users, err := p.users(ctx, o.sockets)
	if err != nil {
		return nil, err
	}
	askers := make([]*sio.Asker, len(users))
	err = inParallel(len(users), func(i int) error {
		conn, err := p.login(ctx, users[i])
		askers[i] = &sio.Asker{Conn: conn, Wait: startWait}
		return err
	})
	defer func() {
		for _, a := range askers {
			if a != nil && a.Conn != nil {
				a.Conn.Close()
			}
		}
	}()
	if err != nil {
		return nil, err
	}
	err = inParallel(len(users), func(i int) error { return fill(askers[i], users, i) })
	if err != nil {
		return nil, err
	}

	var answers atomic.Int64
	var ended atomic.Bool
	var asked sync.WaitGroup
	var took latencies
	errs := make([]error, len(askers))
	for i, a := range askers {
		asked.Go(func() {
			for k := 1; !ended.Load() && errs[i] == nil; k = k%(len(users)-1) + 1 {
				start := time.Now()
				errs[i] = q(a, users[(i+k)%len(users)], len(users))
				took.add(time.Since(start).Nanoseconds())
				answers.Add(1)
			}
		})
	}
	run, err := observeAnswers(ctx, p, o, &answers, &took)
	ended.Store(true)
	asked.Wait()
	return run, errors.Join(err, errors.Join(errs...))
}

// fill has one write to all who come after.
func fill(a *sio.Asker, users []user, i int) error {
	for _, other := range users[i+1:] {
		for k := range eachOther {
			message := map[string]any{"form_id": users[i].id, "toUserid": other.id, "message": fmt.Sprintf("message %d of %d: %s", k+1, eachOther, loremLine)}
			if err := a.Ask("chat", message, new(json.RawMessage)); err != nil {
				return err
			}
		}
	}
	return nil
}

// loremLine makes a message about as long as those of the other scenarios.
const loremLine = "a line that is as long as what people write to each other on average"

func observeAnswers(ctx context.Context, p *peer, o options, answers *atomic.Int64, took *latencies) (figure.Run, error) {
	if err := wait(ctx, o.warmup); err != nil {
		return nil, err
	}
	took.reset()
	first, start := answers.Load(), time.Now()
	before, err := p.process.CPU()
	if err == nil {
		err = wait(ctx, o.duration)
	}
	if err != nil {
		return nil, err
	}
	n, seconds := float64(answers.Load()-first), time.Since(start).Seconds()
	after, err := p.process.CPU()
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errors.New("nothing was answered")
	}
	run := figure.Run{"answers/s": n / seconds, "CPU us/answer": float64((after - before).Microseconds()) / n}
	took.put(run, "")
	return run, nil
}
