package chat

import "sync"

// recentMost bounds one generation of a recent set: 2 × 50,000 keys of about 100 bytes are 10 MB at the most.
const recentMost = 50_000

// recent is a set that forgets what was not asked for lately. Its zero value is empty and ready.
type recent[K comparable] struct {
	mu       sync.RWMutex
	new, old map[K]struct{} // what is asked for moves to new; when new is full, old is dropped and new becomes old
}

func (r *recent[K]) has(key K) bool {
	r.mu.RLock()
	_, inNew := r.new[key]
	_, inOld := r.old[key]
	r.mu.RUnlock()
	if inOld && !inNew {
		r.add(key)
	}
	return inNew || inOld
}

func (r *recent[K]) add(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.new) >= recentMost {
		r.old, r.new = r.new, nil
	}
	if r.new == nil {
		r.new = make(map[K]struct{})
	}
	r.new[key] = struct{}{}
}
