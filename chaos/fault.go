package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// fault is one way in which things break. do breaks, and mends what does not mend itself; it says what it did. All that
// it chooses it chooses by r.
type fault struct {
	name   string
	weight int
	engine bool // only where the engine is a process of its own
	do     func(ctx context.Context, h *house, r *rand.Rand) (what string, err error)
}

func faults() []fault {
	return []fault{
		{"server killed (kill -9)", 12, false, serverKilled},
		{"server killed again while it starts", 3, false, serverKilledTwice},
		{"server stopped (SIGTERM)", 8, false, serverStopped},
		{"server frozen (SIGSTOP)", 8, false, serverFrozen},
		{"all connections reset", 8, false, allReset},
		{"some connections reset", 12, false, someReset},
		{"connections cut mid-frame, to the client", 12, false, cutDown},
		{"connections cut mid-frame, to the server", 12, false, cutUp},
		{"connections half closed", 8, false, halfClosed},
		{"connections stalled", 8, false, stalled},
		{"clients vanished without a word", 8, false, vanished},
		{"network dark", 6, false, dark},
		{"engine killed (kill -9)", 12, true, engineKilled},
		{"engine frozen (SIGSTOP)", 12, true, engineFrozen},
		{"engine's connections reset", 10, true, engineReset},
		{"engine's answers cut mid-frame", 10, true, engineCut},
		{"engine and server killed together", 5, true, bothKilled},
	}
}

// plan chooses n faults by r: each once, so that none is left out, and then by weight.
func plan(r *rand.Rand, n int, engine bool) []fault {
	var kinds, steps []fault
	weights := 0
	for _, f := range faults() {
		if !f.engine || engine {
			kinds = append(kinds, f)
			weights += f.weight
		}
	}
	for _, i := range r.Perm(len(kinds)) {
		steps = append(steps, kinds[i])
	}
	for len(steps) < n {
		pick := r.IntN(weights)
		for _, f := range kinds {
			if pick -= f.weight; pick < 0 {
				steps = append(steps, f)
				break
			}
		}
	}
	return steps[:n]
}

// between chooses a duration.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// short rounds a duration for the log.
func short(d time.Duration) string { return d.Round(time.Millisecond).String() }

func serverKilled(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	h.killServer()
	away := time.Duration(0)
	if r.IntN(3) == 0 {
		away = between(r, 100*time.Millisecond, 2*time.Second)
	}
	if err := pause(ctx, away); err != nil {
		return "", err
	}
	return "away " + short(away), h.startServer(ctx)
}

func serverKilledTwice(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	h.killServer()
	if err := h.startServer(ctx); err != nil {
		return "", err
	}
	again := between(r, time.Millisecond, 300*time.Millisecond)
	if err := pause(ctx, again); err != nil {
		return "", err
	}
	h.killServer()
	return "again after " + short(again), h.startServer(ctx)
}

func serverStopped(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	begun := time.Now()
	h.stopServer()
	return "ended within " + short(time.Since(begun)), h.startServer(ctx)
}

// serverFrozen lasts at times for longer than the heartbeat allows.
func serverFrozen(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	d := between(r, 50*time.Millisecond, 1500*time.Millisecond)
	if r.IntN(4) == 0 {
		d = between(r, 3*time.Second, 6*time.Second)
	}
	return "for " + short(d), freeze(ctx, h.server, d)
}

// some chooses connections: most often a third of them.
func some(n *network, r *rand.Rand) []*link {
	share := []float64{0.1, 0.3, 0.3, 0.6}[r.IntN(4)]
	var chosen []*link
	for _, l := range n.all() {
		if r.Float64() < share {
			chosen = append(chosen, l)
		}
	}
	return chosen
}

func count(links []*link) string { return fmt.Sprintf("%d connections", len(links)) }

func allReset(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	return each(h.clients.all(), (*link).reset)
}

func someReset(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	return each(some(h.clients, r), (*link).reset)
}

func cutDown(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	return each(some(h.clients, r), func(l *link) { l.down.cut(r.IntN(1500), false) })
}

func cutUp(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	return each(some(h.clients, r), func(l *link) { l.up.cut(r.IntN(600), false) })
}

func halfClosed(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	return each(some(h.clients, r), func(l *link) {
		if p := &l.up; r.IntN(2) == 0 {
			p.cut(r.IntN(600), true)
		} else {
			l.down.cut(r.IntN(1500), true)
		}
	})
}

func vanished(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	return each(some(h.clients, r), func(l *link) { l.vanish(10 * time.Second) })
}

func each(links []*link, do func(*link)) (string, error) {
	for _, l := range links {
		do(l)
	}
	return count(links), nil
}

func stalled(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	links := some(h.clients, r)
	d := between(r, 100*time.Millisecond, 2*time.Second)
	if r.IntN(4) == 0 {
		d = between(r, 3*time.Second, 6*time.Second)
	}
	each(links, (*link).stall)
	err := pause(ctx, d)
	each(links, (*link).resume)
	return count(links) + " for " + short(d), err
}

func dark(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	d := between(r, 100*time.Millisecond, 5*time.Second)
	h.clients.darken()
	defer h.clients.lighten()
	return "for " + short(d), pause(ctx, d)
}

func engineKilled(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	h.killFerret()
	away := between(r, 0, 4*time.Second)
	if err := pause(ctx, away); err != nil {
		return "", err
	}
	return "away " + short(away), h.startFerret()
}

func engineFrozen(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	d := between(r, 200*time.Millisecond, 6*time.Second)
	return "for " + short(d), freeze(ctx, h.ferret, d)
}

func engineReset(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	return each(h.engine.all(), (*link).reset)
}

// engineCut loses answers to what the engine has done.
func engineCut(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	return each(h.engine.all(), func(l *link) { l.down.cut(r.IntN(2000), false) })
}

func bothKilled(ctx context.Context, h *house, r *rand.Rand) (string, error) {
	h.killServer()
	h.killFerret()
	if err := h.startFerret(); err != nil {
		return "", err
	}
	return "", h.startServer(ctx)
}
