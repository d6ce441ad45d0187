// Package recent remembers what was asked for lately, within a bound.
package recent

import "sync"

// Map forgets what was not asked for lately. Its zero value is not ready: use New.
type Map[K comparable, V any] struct {
	most int

	mu       sync.Mutex // guards what follows
	new, old map[K]V    // what is asked for moves to new; when new is full, old is dropped and new becomes old
}

// New returns an empty map that holds at least the most entries asked for last, and at most twice as many.
func New[K comparable, V any](most int) *Map[K, V] { return &Map[K, V]{most: most} }

// Get returns what Put was given for a key, if it is not forgotten.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if value, ok = m.new[key]; ok {
		return value, true
	}
	if value, ok = m.old[key]; ok {
		m.put(key, value)
	}
	return value, ok
}

// Put remembers a value.
func (m *Map[K, V]) Put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, value)
}

// Forget drops what is remembered of a key.
func (m *Map[K, V]) Forget(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.new, key)
	delete(m.old, key)
}

func (m *Map[K, V]) put(key K, value V) {
	if _, known := m.new[key]; !known && len(m.new) >= m.most {
		m.old, m.new = m.new, nil
	}
	if m.new == nil {
		m.new = make(map[K]V)
	}
	m.new[key] = value
}
