// Package limit paces what comes in: by key for the doors to accounts, by socket for events and bytes.
//
// It knows nothing of what a key names or what a token stands for.
package limit

import (
	"container/heap"
	"hash/maphash"
	"sync"
	"time"
)

// maxKeys bounds a Keyed: 100,000 buckets are 8 MB.
const maxKeys = 100_000

// Keyed paces by key: one bucket for each, in bounded memory. It implements chat.Limiter. Make it with New.
//
// A full Keyed forgets the bucket that is nearest to full, for that gives away the least. It also keeps a flood from
// unlocking anything: keys used once are nearer to full than a key that is used up, so they push out each other. To push
// out an empty bucket someone must empty 100,000 others within the time that the one needs to fill by itself, and each
// of those tokens pays for a real try.
type Keyed struct {
	burst int
	every time.Duration
	now   func() time.Time
	seed  maphash.Seed

	mu      sync.Mutex         // guards what follows
	buckets map[uint64]*bucket // by the hash of the key: a long key costs no more than a short one
	order   byFull             // the same buckets
}

type bucket struct {
	Bucket
	key   uint64
	place int // in order
}

// New returns a limiter that allows burst at once for each key, and one more every so often.
func New(burst int, every time.Duration, now func() time.Time) *Keyed {
	return &Keyed{burst: burst, every: every, now: now, seed: maphash.MakeSeed(), buckets: make(map[uint64]*bucket)}
}

// Allow takes one from the key's allowance. When none is left it takes nothing and says when to come back.
func (k *Keyed) Allow(key string) (retry time.Duration, ok bool) {
	hash := maphash.String(k.seed, key)
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	k.forgetFull(now)
	b := k.buckets[hash]
	if b == nil {
		if len(k.order) >= maxKeys {
			k.forget(k.order[0])
		}
		b = &bucket{Bucket: NewBucket(k.burst, k.every), key: hash}
		k.buckets[hash] = b
		heap.Push(&k.order, b)
	}
	retry, ok = b.Take(now, 1)
	heap.Fix(&k.order, b.place)
	return retry, ok
}

// Reset gives the key its full allowance again.
func (k *Keyed) Reset(key string) {
	hash := maphash.String(k.seed, key)
	k.mu.Lock()
	defer k.mu.Unlock()
	if b := k.buckets[hash]; b != nil {
		k.forget(b)
	}
}

// forgetFull drops buckets that are full again: a new one is the same. Two for each call, which adds one at the most,
// empties an old crowd without holding up anyone.
func (k *Keyed) forgetFull(now time.Time) {
	for range 2 {
		if len(k.order) == 0 || k.order[0].full > now.UnixNano() {
			return
		}
		k.forget(k.order[0])
	}
}

func (k *Keyed) forget(b *bucket) {
	heap.Remove(&k.order, b.place)
	delete(k.buckets, b.key)
}

// None allows everything. It implements chat.Limiter.
type None struct{}

// Allow always allows.
func (None) Allow(string) (retry time.Duration, ok bool) { return 0, true }

// Reset does nothing.
func (None) Reset(string) {}

// byFull is a heap of buckets, the one that is full first on top.
type byFull []*bucket

func (h byFull) Len() int           { return len(h) }
func (h byFull) Less(i, j int) bool { return h[i].full < h[j].full }
func (h byFull) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *byFull) Push(x any) {
	b := x.(*bucket)
	b.place = len(*h)
	*h = append(*h, b)
}
func (h *byFull) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
