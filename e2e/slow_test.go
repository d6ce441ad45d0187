//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

const (
	slowEnv     = "PARLEY_SLOW" // how many members the room has; a tenth of them are slow
	slowMembers = 200
	quietTime   = 8 * time.Second
	saidEvery   = 40 * time.Millisecond
	saidSize    = 900             // bytes, of 1000 that the room takes
	doze        = 5 * time.Second // less than the 20 s in which the server wants to see a peer take something
	// slowMemory bounds the growth of the server's memory while it waits for the slow ones. What waits for many is
	// kept once.
	slowMemory = 32 << 20
	slowWait   = 2 * time.Minute // for anything here
)

// A tenth of a room stop reading. Half of those wake in time and have missed nothing; the others are closed, come back,
// and find in the chat what was written to them. Nobody else notices: all hear everything, in order.
func TestSlowReaders(t *testing.T) {
	h := openHall(t)
	members := slowMembers
	if n, err := strconv.Atoi(os.Getenv(slowEnv)); err == nil {
		members = n
	}
	slow := members / 10
	ann := h.enter("Ann", "", false)
	for i := range members - slow - 1 {
		h.enter(fmt.Sprint("Reader ", i), "", false).reads()
	}
	var dozers, sleepers []*member
	for i := range slow / 2 {
		dozers = append(dozers, h.enter(fmt.Sprint("Dozer ", i), "", true))
	}
	for i := range slow - slow/2 {
		a := h.register(fmt.Sprint("Sleeper ", i))
		m := h.enter(a.name, a.token, true)
		m.account = a
		sleepers = append(sleepers, m)
	}
	ann.reads()
	for _, m := range slices.Concat(dozers, sleepers) {
		m.reads()
	}
	hush := ann.talks()
	clock := time.NewTimer(quietTime)
	defer clock.Stop()
	<-clock.C
	h.latency.next()
	before := h.rss()

	for _, m := range slices.Concat(dozers, sleepers) {
		m.asleep.Store(true)
	}
	clock.Reset(doze)
	<-clock.C
	for _, m := range dozers {
		m.wakes()
	}
	desk := h.join(h.register("Bob"), "desk")
	var missed []receipt
	for _, m := range sleepers {
		missed = append(missed, desk.say(m.account, "are you there?"))
	}
	peak := before
	for end, tick := time.Now().Add(slowWait), time.NewTicker(100*time.Millisecond); h.left.Load() < int64(len(sleepers)); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%d of %d who do not read were closed", h.left.Load(), len(sleepers))
		}
		peak = max(peak, h.rss())
	}

	ends := map[string]int{}
	for i, m := range sleepers {
		m.wakes()
		<-m.over
		if reason, told := m.end.(*sio.ClosedError); told {
			ends[reason.Error()]++
		} else {
			ends["cut"]++ // the system had no room for the reason
		}
		back := h.enter(m.name, m.token, false)
		back.awaits(missed[i].ID)
		back.reads()
	}
	last := hush()
	for _, m := range h.all {
		switch {
		case slices.Contains(sleepers, m):
			if m.heard >= last {
				t.Errorf("%s heard %d of %d, asleep", m.name, m.heard, last)
			}
		default:
			m.hearsUpTo(last)
		}
		if m.gap != "" {
			t.Errorf("%s: %s", m.name, m.gap)
		}
	}
	if grown := peak - before; grown > slowMemory {
		t.Errorf("memory grew by %d MB to %d MB", grown>>20, peak>>20)
	}
	t.Logf("%d members, %d of them slow; %d messages of %d bytes, one each %v", members, slow, last, saidSize, saidEvery)
	quiet, strained, closing := h.latency.of(0), h.latency.of(1), h.latency.of(2)
	t.Logf("latency of the others: quiet %v; with the slow ones %v; while they are closed, and the room is told of each, %v",
		quiet, strained, closing)
	t.Logf("with the slow ones, p50 is %.2f times the quiet one, p99 %.2f times",
		float64(strained.p50)/float64(quiet.p50), float64(strained.p99)/float64(quiet.p99))
	t.Logf("memory of the server: %d MB before, %d MB at the most", before>>20, peak>>20)
	t.Logf("what the closed ones saw when they woke: %v", ends)
}

// latencies are sorted by phase.
type latencies struct {
	mu     sync.Mutex
	former [][]time.Duration
	now    []time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = append(l.now, d)
}

// next begins the next phase.
func (l *latencies) next() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.former, l.now = append(l.former, l.now), nil
}

// spread is the middle and the far end of latencies.
type spread struct {
	p50, p99 time.Duration
	count    int
}

func (s spread) String() string { return fmt.Sprintf("p50 %v p99 %v (%d)", s.p50, s.p99, s.count) }

// of returns the spread of a phase. Nothing is added any more.
func (l *latencies) of(phase int) spread {
	all := append(slices.Clone(l.former), l.now)[phase]
	if len(all) == 0 {
		return spread{}
	}
	slices.Sort(all)
	at := func(share float64) time.Duration { return all[int(share*float64(len(all)-1))].Round(time.Microsecond) }
	return spread{at(0.5), at(0.99), len(all)}
}
