package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/bench/figure"
	"github.com/parley-chat/parley/bench/sio"
)

// mostMembers is what a room of Parley's own takes, its speaker included.
const mostMembers = 5000

// rooms are one who says and many who hear: in a room of Parley's own, where it is stored before, and in the namespace
// /bench. That one is carried by the extension, for which a Go program writes its own namespaces.
func rooms() []scenario {
	var all []scenario
	for _, n := range []int{10, 100, 1000, mostMembers, 10_000} {
		peers, hearers := []string{"parley", "program", "node", "stock", "socketioxide", "raw"}, n
		switch {
		case n == mostMembers:
			hearers--
		case n > mostMembers:
			peers = peers[1:]
		}
		all = append(all, scenario{
			name: fmt.Sprintf("room-%d", n), summary: fmt.Sprintf("one says, %d members of the room hear", hearers), sockets: hearers,
			peers: peers,
			columns: append([]figure.Column{
				{Name: "delivered/s", Format: "%.0f", Against: true}, {Name: "CPU us/delivery", Format: "%.1f", Against: true},
				{Name: "p50 ms", Format: "%.1f"}, {Name: "p99 ms", Format: "%.1f"}, {Name: "p99.9 ms", Format: "%.1f"},
				{Name: "RSS MB", Format: "%.0f"},
			}, faults("lost", "duplicates", "out of order")...),
			run: meet,
		})
	}
	return all
}

// room is a speaker, who is no member, and the members.
type room struct {
	*stretch
	*hall
	peer    *peer
	writing sync.Mutex // on the speaker's connection
	hearers []*member
	reading sync.WaitGroup
	errs    []error // of the members, and then the speaker's

	said     atomic.Int64
	heard    atomic.Int64  // by all members together
	progress chan struct{} // all have heard one more
}

type member struct {
	conn  *sio.Conn
	order order
}

// meet measures deliveries while the speaker keeps window messages under way, which means not heard by everybody.
func meet(ctx context.Context, p *peer, o options) (figure.Run, error) {
	n := o.sockets
	h, err := p.open(ctx, n)
	if err != nil {
		return nil, err
	}
	r := &room{stretch: newStretch(), hall: h, peer: p, errs: make([]error, n+2), progress: make(chan struct{}, 1)}
	defer r.close()
	for _, conn := range h.members {
		r.hearers = append(r.hearers, &member{conn: conn})
	}
	r.speaker.Share(&r.writing)
	for i, m := range r.hearers {
		r.reading.Go(func() { r.errs[i] = r.listen(m) })
	}
	r.reading.Go(func() { r.errs[n] = r.readAcks() })
	silent := make(chan struct{})
	r.again.Store(true)
	go func() {
		defer close(silent)
		r.errs[n+1] = r.speak(o)
	}()
	run, err := r.observe(ctx, o)
	r.again.Store(false)
	select {
	case <-silent:
	case <-time.After(drainWait): // the server does not read
		r.speaker.Close()
		<-silent
	}
	if err != nil {
		return nil, err
	}
	r.drain(ctx)
	if err := r.close(); err != nil {
		return nil, err
	}
	for _, m := range r.hearers {
		run["lost"] += float64(m.order.lost(uint64(r.said.Load())))
		run["duplicates"] += float64(m.order.duplicates)
		run["out of order"] += float64(m.order.late)
	}
	return run, nil
}

// enter connects to /bench and returns when the server has answered one event, given without its brackets.
func (p *peer) enter(ctx context.Context, event string) (*sio.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	conn, err := sio.Open(ctx, p.process.URL)
	if err != nil {
		return nil, err
	}
	conn.SetReadDeadline(time.Now().Add(startWait))
	for _, step := range []struct{ say, hear string }{
		{"40/bench,", `0/bench,{`}, {`42/bench,0[` + event + `]`, `3/bench,0[{"ok":true}]`},
	} {
		conn.Write([]byte(step.say))
		var packet []byte
		if err = conn.Flush(); err == nil {
			packet, err = conn.Read()
		}
		if err == nil && !bytes.HasPrefix(packet, []byte(step.hear)) {
			err = fmt.Errorf("%s was answered %.200q", step.say, packet)
		}
		if err != nil {
			conn.Close()
			return nil, err
		}
	}
	conn.SetReadDeadline(time.Time{})
	return conn, nil
}

// stall is how long nobody hears anything before the speaker takes what is under way for lost and goes on.
const stall = 2 * time.Second

// speak says as long as it is to go on.
func (r *room) speak(o options) error {
	patience := time.NewTicker(stall)
	defer patience.Stop()
	filler := bytes.Repeat([]byte("."), o.body-minBody)
	all := int64(len(r.members))
	var b []byte
	var given, seen int64 // says that count as heard at the last look, and deliveries
	for r.again.Load() {
		r.writing.Lock()
		for given = max(given, r.heard.Load()/all); r.said.Load()-given < int64(o.window); {
			number := r.said.Add(1)
			b = append(b[:0], r.say...)
			b = appendHex(appendHex(b, uint64(number)), uint64(r.now()))
			b = append(append(b, filler...), r.end...)
			r.speaker.Write(b)
		}
		err := r.speaker.Flush()
		r.writing.Unlock()
		if err != nil {
			return err
		}
		select {
		case <-r.progress:
		case <-patience.C:
			if heard := r.heard.Load(); heard == seen {
				given = r.said.Load()
			} else {
				seen = heard
			}
		}
	}
	return nil
}

func (r *room) readAcks() error {
	for {
		packet, err := r.speaker.Read()
		switch {
		case err != nil && r.ended.Load():
			return nil
		case err != nil:
			return err
		case packet[0] == '3' && !bytes.HasPrefix(packet, []byte(r.ack)):
			return fmt.Errorf("say was answered %.200q", packet)
		}
	}
}

func (r *room) listen(m *member) error {
	for {
		packet, err := m.conn.Read()
		if err != nil {
			if r.ended.Load() {
				return nil
			}
			return err
		}
		if !bytes.HasPrefix(packet, []byte(r.event)) {
			continue
		}
		_, text, ours := bytes.Cut(packet[len(r.event):], []byte(r.text))
		if !ours { // the server's own message
			continue
		}
		if len(text) < minBody {
			return fmt.Errorf("not of this room: %.200q", packet)
		}
		number, err := strconv.ParseUint(string(text[:16]), 16, 64)
		if err != nil {
			return err
		}
		at, err := strconv.ParseInt(string(text[16:minBody]), 16, 64)
		if err != nil {
			return err
		}
		m.order.take(number)
		if r.from.Load() <= at && at < r.until.Load() {
			r.latencies.add(r.now() - at)
		}
		if r.heard.Add(1)%int64(len(r.members)) == 0 {
			select {
			case r.progress <- struct{}{}:
			default: // the speaker will look in any case
			}
		}
	}
}

// observe measures from warm-up to end.
func (r *room) observe(ctx context.Context, o options) (figure.Run, error) {
	if err := wait(ctx, o.warmup); err != nil {
		return nil, err
	}
	r.until.Store(math.MaxInt64)
	r.from.Store(r.now())
	if o.measuring != nil {
		o.measuring()
	}
	heard, start := r.heard.Load(), time.Now()
	before, err := r.peer.process.CPU()
	if err == nil {
		err = wait(ctx, o.duration)
	}
	if err != nil {
		return nil, err
	}
	r.until.Store(r.now())
	deliveries, took := float64(r.heard.Load()-heard), time.Since(start)
	after, err := r.peer.process.CPU()
	if err != nil {
		return nil, err
	}
	if deliveries == 0 {
		return nil, errors.New("nothing was delivered")
	}
	rss, err := r.peer.process.RSS()
	run := figure.Run{
		"delivered/s": deliveries / took.Seconds(), "CPU us/delivery": float64((after - before).Microseconds()) / deliveries,
		"RSS MB": float64(rss) / (1 << 20), "lost": 0, "duplicates": 0, "out of order": 0,
	}
	r.latencies.put(run, "")
	return run, err
}

// drain returns when all has been heard, or nothing was for drainWait.
func (r *room) drain(ctx context.Context) {
	last, since := r.heard.Load(), time.Now()
	for last < r.said.Load()*int64(len(r.members)) && time.Since(since) < drainWait {
		if wait(ctx, 10*time.Millisecond) != nil {
			return
		}
		if now := r.heard.Load(); now != last {
			last, since = now, time.Now()
		}
	}
}

// close ends all connections and returns what went wrong on them.
func (r *room) close() error {
	r.ended.Store(true)
	r.hall.close()
	r.reading.Wait()
	return errors.Join(r.errs...)
}
