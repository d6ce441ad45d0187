package chat

import (
	"maps"
	"sync"
)

// recentMost bounds one generation of a recent map: 2 × 50,000 keys of about 120 bytes are 12 MB at the most.
const recentMost = 50_000

// recent is a map that forgets what was not asked for lately. Its zero value is empty and ready.
type recent[K comparable, V any] struct {
	mu       sync.RWMutex
	new, old map[K]V // what is asked for moves to new; when new is full, old is dropped and new becomes old
	epoch    uint64  // how often something was forgotten on purpose
}

// get returns what is remembered under a key. Before what is not there is looked for elsewhere, epoch says from when on:
// see put.
func (r *recent[K, V]) get(key K) (v V, epoch uint64, ok bool) {
	r.mu.RLock()
	v, ok = r.new[key]
	aged := false
	if !ok {
		v, aged = r.old[key]
	}
	epoch = r.epoch
	r.mu.RUnlock()
	if aged {
		r.put(key, v, epoch)
	}
	return v, epoch, ok || aged
}

// put remembers what was true at an epoch. When something was forgotten since, this may be what is not true any more, and
// it is not remembered.
func (r *recent[K, V]) put(key K, v V, epoch uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if epoch != r.epoch {
		return
	}
	if len(r.new) >= recentMost {
		r.old, r.new = r.new, nil
	}
	if r.new == nil {
		r.new = make(map[K]V)
	}
	r.new[key] = v
}

// forget drops keys, and whatever is about to be put that was true before.
func (r *recent[K, V]) forget(keys ...K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch++
	for _, key := range keys {
		delete(r.new, key)
		delete(r.old, key)
	}
}

// forgetAll does so with all keys of which drop says so. It looks at each.
func (r *recent[K, V]) forgetAll(drop func(K) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch++
	for _, m := range []map[K]V{r.new, r.old} {
		maps.DeleteFunc(m, func(key K, _ V) bool { return drop(key) })
	}
}
