package main

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// afterwards is how long a row waits for what follows later: cursors and sightings are written together, each half
// second.
const afterwards = 1500 * time.Millisecond

// chatters write to each other in pairs, each waiting for the ack of one message before the next.
const chatters = 32

// server measures what Parley asks of MongoDB for what people do, all of it counted: cursors, devices, presence.
func (m *mongoBench) server(ctx context.Context, dir, uri string) (err error) {
	debug, err := freeAddress()
	if err != nil {
		return err
	}
	p := &peer{kind: parley(), dir: dir, env: []string{"MONGO_URI=" + uri, "DEBUG_ADDR=" + debug}}
	defer p.stop()
	defer func() {
		if err != nil && p.process != nil {
			err = fmt.Errorf("%w\n%s", err, p.process.Stderr())
		}
	}()
	if err := p.start(); err != nil {
		return err
	}
	users, err := p.users(ctx, chatters)
	if err != nil {
		return err
	}
	metrics := "http://" + debug
	for _, what := range []string{"login of a new device", "login of a known device"} {
		if err := m.watch(ctx, metrics, what, func() (times, messages int, err error) {
			for _, u := range users {
				conn, err := p.login(ctx, u)
				if err != nil {
					return 0, 0, err
				}
				conn.Close()
			}
			return len(users), 0, nil
		}); err != nil {
			return err
		}
	}
	conns := make([]*sio.Conn, len(users))
	for i, u := range users {
		if conns[i], err = p.login(ctx, u); err != nil {
			return err
		}
		defer conns[i].Close()
	}
	return m.watch(ctx, metrics, fmt.Sprintf("a message, %d people in pairs wait for acks", len(users)), func() (int, int, error) {
		sent := make([]int, len(users))
		end := time.Now().Add(m.options.most)
		err := inParallel(len(users), func(i int) error {
			a := sio.Asker{Conn: conns[i], Wait: answerTime}
			for ; time.Now().Before(end); sent[i]++ {
				var answer struct{ Seq uint64 }
				question := map[string]string{"form_id": users[i].id, "toUserid": users[i^1].id, "message": "hello", "ref": fmt.Sprint(sent[i])}
				if err := a.Ask("chat", question, &answer); err != nil {
					return err
				}
			}
			return nil
		})
		n := 0
		for _, s := range sent {
			n += s
		}
		return n, n, err
	})
}

// watch does something and adds a row of the commands that it took, those included that follow afterwards.
func (m *mongoBench) watch(ctx context.Context, metrics, what string, do func() (times, messages int, err error)) error {
	if err := wait(ctx, afterwards); err != nil { // for what came before
		return err
	}
	before, err := readCommands(ctx, metrics)
	if err != nil {
		return err
	}
	start := time.Now()
	times, messages, err := do()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	took := time.Since(start)
	if err := wait(ctx, afterwards); err != nil {
		return err
	}
	commands, err := readCommands(ctx, metrics)
	if err != nil {
		return err
	}
	for name := range commands {
		if commands[name] -= before[name]; commands[name] == 0 {
			delete(commands, name)
		}
	}
	m.add(what, times, messages, took, commands)
	return nil
}

// readCommands are the commands that a server has sent to MongoDB, by name.
func readCommands(ctx context.Context, url string) (map[string]float64, error) {
	families, err := scrape(ctx, url)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]float64)
	for _, m := range families["parley_mongo_commands_total"].GetMetric() {
		for _, label := range m.GetLabel() {
			counts[label.GetValue()] = m.GetCounter().GetValue()
		}
	}
	return counts, nil
}
