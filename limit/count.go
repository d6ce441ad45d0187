package limit

import "sync"

// Count bounds how many things of each key there are at once. Make it with NewCount. A nil Count bounds nothing.
type Count struct {
	most int

	mu  sync.Mutex // guards what follows
	now map[string]int
}

// NewCount returns a Count that lets in most of each key.
func NewCount(most int) *Count { return &Count{most: most, now: make(map[string]int)} }

// Enter counts one more, unless there are as many as may be. Leave takes it off again; it must be called once.
func (c *Count) Enter(key string) (ok bool) {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now[key] >= c.most {
		return false
	}
	c.now[key]++
	return true
}

// Leave counts one less.
func (c *Count) Leave(key string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now[key]--; c.now[key] <= 0 {
		delete(c.now, key)
	}
}
