package main

import (
	"sync"
	"sync/atomic"
)

// atOnce is how many connects or registrations are under way together: enough to keep two cores busy, few enough not to
// measure the listen queue.
const atOnce = 64

// inParallel calls do with 0 to n-1 and returns the first error; after one, no new calls begin.
func inParallel(n int, do func(i int) error) error {
	var next, failed atomic.Int64
	var once sync.Once
	var first error
	var workers sync.WaitGroup
	for range min(n, atOnce) {
		workers.Go(func() {
			for failed.Load() == 0 {
				i := int(next.Add(1) - 1)
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					failed.Store(1)
					once.Do(func() { first = err })
				}
			}
		})
	}
	workers.Wait()
	return first
}
