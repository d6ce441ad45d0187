package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// device is one of a person's devices: a client that comes, writes and reads, and comes back whenever its connection
// breaks, over a transport chosen anew each time.
type device struct {
	run  *run
	who  *person
	name string
	log  *deviceLog
	once sync.Once // the first login

	mu    sync.Mutex // guards what follows
	rng   *rand.Rand
	count int       // messages so far
	again []*letter // not answered yet, to be sent again with the same ref
	visit *visit    // nil while it is away
	own   []*own    // stored, and might be changed
}

// letter is one message on its way.
type letter struct {
	text, to, conv string
	ref            bool // sent again until it is answered
	ack            bool // an answer is asked for
}

// Of a hundred messages, so many have no ref, and so many ask for no ack.
const (
	withoutRef = 15
	withoutAck = 5
)

// window is how many messages of a connection may be without an answer.
const window = 64

// compose makes a new message.
func (d *device) compose() *letter {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	to := d.who.contacts[d.rng.IntN(len(d.who.contacts))]
	l := &letter{to: to.id, conv: converse(d.who.id, to.id), ref: true, ack: true}
	switch kind := d.rng.IntN(100); {
	case kind < withoutRef:
		l.ref = false
	case kind < withoutRef+withoutAck:
		l.ack = false
	}
	// Most are short; a few are longer than a segment, or than a read buffer, so that cuts fall within.
	size := d.rng.IntN(100)
	switch kind := d.rng.IntN(1000); {
	case kind < 5:
		size = d.rng.IntN(40_000)
	case kind < 50:
		size = d.rng.IntN(4_000)
	}
	l.text = fmt.Sprintf("%s/%s/%d ", d.who.name, d.name, d.count) + strings.Repeat(".", size)
	return l
}

// pending takes what is to be sent again, at most n.
func (d *device) pending(n int) []*letter {
	d.mu.Lock()
	defer d.mu.Unlock()
	n = min(n, len(d.again))
	taken := slices.Clone(d.again[:n])
	d.again = d.again[n:]
	return taken
}

// keep puts letters in front of what is to be sent again, in their order.
func (d *device) keep(letters ...*letter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.again = append(letters, d.again...)
}

// open is how many messages wait for an answer, or to be sent again.
func (d *device) open() int {
	d.mu.Lock()
	n, v := len(d.again), d.visit
	d.mu.Unlock()
	if v != nil {
		n += v.waiting()
	}
	return n
}

func (d *device) visiting(v *visit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.visit = v
}

// chance is true so many times of a hundred.
func (d *device) chance(percent int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.IntN(100) < percent
}

// upTo chooses a duration.
func (d *device) upTo(most time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.rng.Int64N(int64(most)))
}

// habit is how a device connects and leaves, this time.
type habit struct {
	kind    sio.Kind
	upgrade int           // packets before the upgrade; negative for none
	stay    time.Duration // before it leaves by itself
	polite  bool          // and says so
	syncs   bool          // asks what it has missed
}

func (d *device) choose() habit {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := habit{kind: sio.Kind{Protocol: 3 + d.rng.IntN(2), Polling: d.rng.IntN(3) > 0}, upgrade: -1}
	if h.kind.Polling && d.rng.IntN(2) == 0 {
		h.upgrade = d.rng.IntN(6)
	}
	h.stay = time.Duration(d.rng.ExpFloat64() * float64(meanStay))
	h.polite = d.rng.IntN(2) == 0
	h.syncs = d.rng.IntN(100) < syncPercent
	return h
}

func (h habit) String() string {
	if h.upgrade >= 0 {
		return fmt.Sprintf("Engine.IO %d, upgrading", h.kind.Protocol)
	}
	return h.kind.String()
}

const (
	meanStay  = 20 * time.Second
	joinWait  = 10 * time.Second
	maxReturn = 400 * time.Millisecond // between two tries to connect
)

// live comes again and again until ctx ends.
func (d *device) live(ctx context.Context) {
	for ctx.Err() == nil {
		h := d.choose()
		if d.run.settling() {
			h.stay = time.Hour // whoever comes now stays to the end
		}
		joining, cancel := context.WithTimeout(ctx, joinWait)
		session, err := sio.Join(joining, d.run.gate(), h.kind, d.who.token, d.name)
		cancel()
		if err != nil {
			d.run.failed(h, err)
			pause(ctx, d.upTo(maxReturn)) // an end is seen above
			continue
		}
		d.run.joined(h)
		v := newVisit(d, session, h)
		d.visiting(v)
		v.stay(ctx, h)
		d.visiting(nil)
		pause(ctx, d.upTo(maxReturn))
	}
}
