package app

import (
	"context"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// TestMemoryPolicy sets the policy as the command does, under each of what an environment may say.
func TestMemoryPolicy(t *testing.T) {
	const container = 1 << 30
	for _, c := range []struct {
		name         string
		set          map[string]string
		box          memlimit.Provider
		limit        int64
		keepsPercent bool
	}{
		{name: "a container", box: memlimit.Limit(container), limit: container - container/10 - outside},
		{name: "no container", box: unlimited, limit: math.MaxInt64},
		{name: "GOMEMLIMIT is set", set: map[string]string{"GOMEMLIMIT": "2GiB"}, box: memlimit.Limit(container), limit: math.MaxInt64},
		{name: "GOGC is set", set: map[string]string{"GOGC": "150"}, box: unlimited, limit: math.MaxInt64, keepsPercent: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			restoreRuntime(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			debug.SetGCPercent(150) // neither Go's own default nor what the policy sets
			keepMemory(ctx, func(name string) string { return c.set[name] }, c.box, slog.New(slog.DiscardHandler))
			if limit := debug.SetMemoryLimit(-1); limit != c.limit {
				t.Errorf("the memory limit is %d, not %d", limit, c.limit)
			}
			if percent := currentPercent(); (percent == 150) != c.keepsPercent {
				t.Errorf("GOGC is %d", percent)
			}
		})
	}
}

func unlimited() (uint64, error) { return 0, memlimit.ErrNoLimit }

// A container that is smaller than what the engine may take leaves Go half of it.
func TestMemoryLimitOfContainers(t *testing.T) {
	for size, want := range map[uint64]int64{
		64 << 20: 32 << 20, 256 << 20: 128 << 20, 1000 << 20: 772 << 20, math.MaxUint64: math.MaxInt64 - math.MaxInt64/10 - outside,
	} {
		if got := limitWithin(size); got != want {
			t.Errorf("of %d bytes Go may use %d, not %d", size, got, want)
		}
	}
}

// The policy follows the heap: a small one may grow by the headroom, a large one by as much as it is.
func TestCollectorFollowsTheHeap(t *testing.T) {
	restoreRuntime(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	new(keeper).afterCollection(ctx)

	large := make([]*[1 << 20]byte, 4*headroom>>20)
	for i := range large {
		large[i] = new([1 << 20]byte)
	}
	goalBecomes(t, func(h heap, goal uint64) bool { return h.alive >= 4*headroom && goal < 3*h.scanned })
	runtime.KeepAlive(large)
	large = nil
	goalBecomes(t, func(h heap, goal uint64) bool {
		return h.alive < headroom && goal >= headroom && goal <= h.alive+2*headroom
	})
}

// Memory goes back to the system when the load is gone, and not before.
func TestMemoryIsGivenBack(t *testing.T) {
	restoreRuntime(t)
	debug.SetGCPercent(-1) // nobody else collects
	runtime.GC()
	before := readHeap()
	var garbage []byte
	for range 4 * worthBack >> 20 {
		garbage = make([]byte, 1<<20)
		runtime.KeepAlive(garbage)
	}
	busy := readHeap()
	if busy.quiet(before) {
		t.Fatalf("quiet while %d bytes were allocated", busy.allocated-before.allocated)
	}
	if h := readHeap(); !h.quiet(busy) {
		t.Fatalf("not quiet although the load is gone: %+v", h)
	}
	ticks := make(chan time.Time)
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		giveBack(ctx, ticks)
		close(ended)
	}()
	for range 2 { // when the second is taken, the first has been dealt with
		ticks <- time.Time{}
	}
	cancel()
	<-ended
	if h := readHeap(); h.unused() > worthBack || h.quiet(h) {
		t.Errorf("%d bytes of %d are still not given back", h.unused(), 4*worthBack)
	}
}

// goalBecomes collects until the heap and the size at which it will be collected next are as they should.
func goalBecomes(t *testing.T, right func(h heap, goal uint64) bool) {
	t.Helper()
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	for deadline := time.Now().Add(20 * time.Second); ; {
		runtime.GC()
		metrics.Read(goal)
		h := readHeap()
		if right(h, goal[0].Value.Uint64()) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the heap is %+v and its goal %d", h, goal[0].Value.Uint64())
		}
		runtime.Gosched()
	}
}

func currentPercent() int {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent
}

func restoreRuntime(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
}
