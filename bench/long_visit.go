package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// visit is one connection of a longPerson, from its login to its end. One goroutine reads, another writes.
type visit struct {
	person  *longPerson
	session *sio.Session
	upgrade bool          // the reader moves it from polling to a WebSocket
	online  chan error    // the answer to the login
	ended   chan struct{} // closed when nothing more is read
	err     error         // why; set by then

	former uint64 // number of the message that came last; the reader's alone

	mu    sync.Mutex        // guards what follows
	asks  uint64            // so many questions were asked
	asked map[uint64]string // which of them wait for an answer
}

// Ack ids of chat are even, twice the message's number; those of questions are odd.
func chatAck(number uint64) uint64 { return 2 * number }

// connect opens a connection as a client of the field does, this one or that, and logs in.
func (p *longPerson) connect(ctx context.Context) (*visit, error) {
	kind, upgrade := sio.Kind{Protocol: 4}, false
	switch n := p.rng.IntN(10); {
	case n < 1:
		kind.Protocol = 3
	case n < 3:
		kind.Polling, upgrade = true, true // what clients do unless told otherwise
	case n < 4:
		kind.Polling = true
	}
	opening, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	session, err := sio.Join(opening, p.run.url, kind, p.token, longDevice)
	if err != nil {
		return nil, err
	}
	v := &visit{person: p, session: session, upgrade: upgrade, online: make(chan error, 1), ended: make(chan struct{}), asked: make(map[uint64]string)}
	go v.read(ctx)
	if err = v.ask("login", fmt.Sprintf(`{"userid":"%s","device":"%s"}`, p.id, longDevice)); err == nil {
		select {
		case err = <-v.online:
		case <-v.ended:
			err = fmt.Errorf("login: %w", v.err)
		case <-opening.Done():
			err = fmt.Errorf("login: %w", opening.Err())
		}
	}
	if err != nil {
		v.end(false)
		return nil, err
	}
	return v, nil
}

// end leaves, with a word or as a lost network does, and returns when nothing is read any more.
func (v *visit) end(politely bool) {
	if politely {
		v.session.Leave()
	}
	v.session.Close()
	<-v.ended
}

func (v *visit) ask(event, question string) error {
	v.mu.Lock()
	id := 2*v.asks + 1
	v.asks++
	v.asked[id] = event
	v.mu.Unlock()
	return v.session.Send(fmt.Appendf(nil, `2%d["%s",%s]`, id, event, question))
}

// read runs until the connection ends.
func (v *visit) read(ctx context.Context) {
	defer close(v.ended)
	if v.upgrade {
		if v.err = v.session.Upgrade(ctx); v.err != nil {
			return
		}
	}
	for v.err == nil {
		var packet []byte
		if packet, v.err = v.session.Read(); v.err == nil {
			v.err = v.take(packet)
		}
	}
}

func (v *visit) take(packet []byte) error {
	switch {
	case packet[0] == '3':
		return v.answer(packet[1:])
	case bytes.HasPrefix(packet, []byte(`2["newMessage"`)):
		return v.person.hear(packet, &v.former)
	case bytes.HasPrefix(packet, []byte(`2["message:changed"`)):
		v.person.run.count(func(t *tally) { t.changes++ })
	case bytes.HasPrefix(packet, []byte(`2["refused"`)), packet[0] == '4':
		return fmt.Errorf("refused: %.200q", packet)
	}
	return nil
}

// answer takes <id>[{"ok":…}].
func (v *visit) answer(packet []byte) error {
	head, body, _ := bytes.Cut(packet, []byte("["))
	id, err := strconv.ParseUint(string(head), 10, 64)
	if err != nil {
		return fmt.Errorf("not an ack: %.200q", packet)
	}
	ok := bytes.HasPrefix(body, []byte(`{"ok":true`))
	if id%2 == 0 {
		if !ok {
			return fmt.Errorf("chat: %.200q", body)
		}
		return v.person.acked(id/2, body)
	}
	v.mu.Lock()
	event := v.asked[id]
	delete(v.asked, id)
	v.mu.Unlock()
	if !ok {
		v.person.run.fail(fmt.Errorf("%s: %.200q", event, body))
	}
	if event == "login" {
		v.person.since.Store(int64(v.person.run.now()))
		v.online <- nil
	}
	v.person.run.count(func(t *tally) { t.asked++ })
	return nil
}

// Of so many messages, one goes with such an event.
const (
	oneTyping  = 10
	oneRead    = 20
	oneHistory = 100
	oneEdit    = 200
	oneSync    = 500
	oneUpload  = 2000
)

// beside sends what people do besides writing messages.
func (v *visit) beside() error {
	p := v.person
	one := func(of int) bool { return p.rng.IntN(of) == 0 }
	if one(oneTyping) {
		if err := v.session.Send(fmt.Appendf(nil, `2["typing",{"to":"%s","on":true}]`, p.partner.id)); err != nil {
			return err
		}
	}
	heard, stored := p.places()
	switch {
	case one(oneRead) && heard > 0:
		return v.ask("message:read", fmt.Sprintf(`{"conv":"%s","seq":%d}`, p.conv, heard))
	case one(oneHistory):
		return v.ask("message:before", fmt.Sprintf(`{"conv":"%s","limit":20}`, p.conv))
	case one(oneEdit) && stored.seq > 0:
		text, err := json.Marshal(string(p.body(nil, stored.number, stored.due)) + " edited")
		if err != nil {
			return err
		}
		return v.ask("message:edit", fmt.Sprintf(`{"conv":"%s","seq":%d,"message":%s}`, p.conv, stored.seq, text))
	case one(oneSync):
		return v.ask("sync", fmt.Sprintf(`{"cursors":{"%s":%d},"limit":5}`, p.conv, heard))
	case one(oneUpload):
		p.startUpload()
	}
	return nil
}

// stay writes on the person's schedule until the visit is over, or the connection ends, which is an error.
func (v *visit) stay(ctx context.Context) error {
	p := v.person
	if again := p.again(); len(again) > 0 {
		if err := v.session.Send(again...); err != nil {
			return err
		}
	}
	leave := time.NewTimer(time.Duration(p.rng.ExpFloat64() * float64(p.run.stay)))
	defer leave.Stop()
	beat := time.NewTicker(v.session.Interval)
	defer beat.Stop()
	due := p.run.now()
	turn := time.NewTimer(0)
	defer turn.Stop()
	for {
		var err error
		select {
		case <-v.ended:
			return v.err
		case <-ctx.Done():
			return nil
		case <-leave.C:
			if !p.run.draining() {
				return nil
			}
		case <-beat.C:
			err = v.session.Beat()
		case <-turn.C:
			if p.run.draining() {
				continue // it is there to hear, and beats
			}
			// A late writer does not move its schedule: latency counts from when the message was due.
			if err = v.session.Send(p.compose(due)); err == nil {
				err = v.beside()
			}
			due += time.Duration(p.rng.ExpFloat64() * float64(p.run.pace))
			turn.Reset(due - p.run.now())
		}
		if err != nil {
			return err
		}
	}
}
