package app

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Sizes of the policy, in bytes. ARCHITECTURE.md has the figures that they come from.
const (
	// headroom is allocated between two collections at the least. A small server has 4 MB alive and allocates 200 MB a
	// second under load: by Go's own policy it would collect 60 times a second.
	headroom = 32 << 20
	// leastHeap is what Go lets every heap grow to at GOGC=100, and proportionally at others.
	leastHeap = 4 << 20
	// outside is what Go does not count: the embedded engine's cache and memtables.
	outside = 128 << 20
	// worthBack is how much unused memory is worth a collection to give it back.
	worthBack = 16 << 20
)

// quietTime is how often it is looked whether the load is gone. It is, when less than quietBytes were allocated meanwhile.
const (
	quietTime  = time.Second
	quietBytes = 1 << 20
)

// keepMemory sets how Go collects garbage, until ctx ends, in a process that is Parley's own. container tells its
// memory; GOMEMLIMIT and GOGC, where they are set, decide instead.
func keepMemory(ctx context.Context, getenv func(string) string, container memlimit.Provider, log *slog.Logger) {
	if getenv("GOMEMLIMIT") == "" {
		switch size, err := container(); {
		case err == nil:
			debug.SetMemoryLimit(limitWithin(size))
		case !errors.Is(err, memlimit.ErrNoLimit):
			log.Debug("memory of the container unknown", "error", err)
		}
	}
	if getenv("GOGC") == "" {
		new(keeper).afterCollection(ctx)
		go func() {
			tick := time.NewTicker(quietTime)
			defer tick.Stop()
			giveBack(ctx, tick.C)
		}()
	}
}

// limitWithin is what Go may use of a container's memory: all but a tenth and what Go does not count, and half at least.
func limitWithin(size uint64) int64 {
	size = min(size, math.MaxInt64)
	return int64(max(size/2, size-size/10-min(outside, size/2)))
}

// keeper sets GOGC by what is alive. Go has no setting for the least heap, and a percentage that lets 4 MB grow by 32
// lets 400 MB grow by 3 GB.
type keeper struct{ percent int }

// collected is an object that nobody holds: it goes with the next collection, which tells the keeper so.
type collected struct{ _ *keeper }

// afterCollection sets GOGC for the heap that the last collection left, now and after each one to come until ctx ends.
func (k *keeper) afterCollection(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	if percent := percentFor(readHeap().scanned); percent != k.percent {
		k.percent = percent
		debug.SetGCPercent(percent)
	}
	runtime.AddCleanup(&collected{k}, func(k *keeper) { k.afterCollection(ctx) }, k)
}

// percentFor is the GOGC that allows for headroom, or Go's own 100 where that allows for more. scanned is what GOGC is a
// percentage of. More than the last bound would raise the least heap above headroom.
func percentFor(scanned uint64) int {
	return int(min(max(100, headroom*100/max(scanned, 1)), headroom*100/leastHeap))
}

// giveBack returns memory to the system when the load that needed it is gone: Go by itself keeps as much as the heap
// may grow to. It looks at every tick until ctx ends.
func giveBack(ctx context.Context, tick <-chan time.Time) {
	for last := readHeap(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		now := readHeap()
		if now.quiet(last) {
			debug.FreeOSMemory()
		}
		last = now
	}
}

// heap is what Go says of its heap, in bytes.
type heap struct {
	alive     uint64 // after the last collection
	scanned   uint64 // by the last collection: what is alive, stacks and globals
	objects   uint64 // now, dead ones included
	free      uint64 // that Go keeps for objects to come
	allocated uint64 // since the start
}

// unused is what a collection could give back now.
func (h *heap) unused() uint64 { return h.free + h.objects - min(h.objects, h.alive) }

// quiet tells whether the load is gone since the last look, and has left enough behind to be worth a collection.
func (h *heap) quiet(last heap) bool {
	return h.allocated-last.allocated < quietBytes && h.unused() > max(worthBack, h.alive/2)
}

func readHeap() (h heap) {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 { return samples[i].Value.Uint64() }
	return heap{alive: value(0), scanned: value(0) + value(1) + value(2), objects: value(3), free: value(4), allocated: value(5)}
}
