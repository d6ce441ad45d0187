package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// minBody is the room for a message's number and time, 16 hex digits each.
const minBody = 32

// stage of a run, the same for all talkers.
type stage = atomic.Int32

const (
	warming   = iota
	measuring // latencies count
	draining  // nothing more is sent
)

// talker is one socket: it keeps window messages to its partner under way and looks at what comes from there. All its
// work happens in one goroutine; others read the counters only.
type talker struct {
	conn  *sio.Conn
	stage *stage
	start time.Time // shared by all: messages carry the time since
	chat  []byte    // `["chat",{…,"message":"`
	body  int

	sent, acked, refused, received atomic.Int64

	number    uint64 // of the last message sent
	scratch   []byte
	order     order
	latencies []time.Duration
}

func newTalker(conn *sio.Conn, me, partner user, body int, stage *stage, start time.Time) *talker {
	return &talker{
		conn: conn, stage: stage, start: start, body: body,
		chat: fmt.Appendf(nil, `["chat",{"form_id":"%s","toUserid":"%s","message":"`, me.id, partner.id),
	}
}

// talk runs until the connection ends or its read deadline passes; that deadline is how a run ends, and no error.
func (t *talker) talk(window int) error {
	for range window {
		t.say()
	}
	for {
		if !t.conn.Buffered() {
			if err := t.conn.Flush(); err != nil {
				return err
			}
		}
		packet, err := t.conn.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		switch packet[0] {
		case '2':
			err = t.hear(packet)
		case '3':
			t.ack(packet)
		}
		if err != nil {
			return err
		}
	}
}

// say buffers one message; its number is its ack id as well.
func (t *talker) say() {
	t.number++
	b := append(t.scratch[:0], "42"...)
	b = strconv.AppendUint(b, t.number, 10)
	b = append(b, t.chat...)
	body := len(b)
	b = fmt.Appendf(b, "%016x%016x", t.number, time.Since(t.start).Nanoseconds())
	for len(b)-body < t.body {
		b = append(b, '.')
	}
	b = append(b, `"}]`...)
	t.conn.Write(b)
	t.scratch = b
	t.sent.Add(1)
}

func (t *talker) ack(packet []byte) {
	if bytes.Contains(packet, []byte(`"ok":true`)) {
		t.acked.Add(1)
	} else {
		t.refused.Add(1)
	}
	if t.stage.Load() != draining {
		t.say()
	}
}

// hear takes a newMessage apart; other events are none of its business.
func (t *talker) hear(packet []byte) error {
	if !bytes.HasPrefix(packet, []byte(`2["newMessage"`)) {
		return nil
	}
	_, body, found := bytes.Cut(packet, []byte(`"message":"`))
	if !found || len(body) < minBody {
		return fmt.Errorf("not a message of ours: %.200q", packet)
	}
	number, err := strconv.ParseUint(string(body[:16]), 16, 64)
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(string(body[16:32]), 16, 64)
	if err != nil {
		return err
	}
	t.order.take(number)
	t.received.Add(1)
	if t.stage.Load() == measuring {
		t.latencies = append(t.latencies, time.Since(t.start)-time.Duration(at))
	}
	return nil
}

// order checks that the numbers 1, 2, 3, … come each once and in that order.
type order struct {
	last       uint64              // the highest number seen
	missing    map[uint64]struct{} // those below it that have not come
	late       int                 // came after a higher one
	duplicates int
}

func (o *order) take(n uint64) {
	if n > o.last {
		for skipped := o.last + 1; skipped < n; skipped++ {
			if o.missing == nil {
				o.missing = make(map[uint64]struct{})
			}
			o.missing[skipped] = struct{}{}
		}
		o.last = n
		return
	}
	if _, ok := o.missing[n]; !ok {
		o.duplicates++
		return
	}
	delete(o.missing, n)
	o.late++
}

// lost is how many of the numbers up to sent have not come.
func (o *order) lost(sent uint64) int { return len(o.missing) + int(sent-o.last) }
