package chat

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	sightingFlush   = 500 * time.Millisecond
	maxSightings    = 100_000 // that may wait for an engine that is away; past it they are dropped
	sightingsAtOnce = 1024    // in one call to the engine
)

// sightings gathers who was seen, and writes it together: thousands may come or go at once.
type sightings struct {
	store DeviceStore
	log   *slog.Logger

	mu      sync.Mutex // guards what follows
	pending map[deviceKey]Sighting
}

// note gathers a sighting; of one device the last one counts.
func (s *sightings) note(seen Sighting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(seen)
}

// keep is note under the lock.
func (s *sightings) keep(seen Sighting) {
	key := deviceKey{seen.User, seen.Device}
	former, known := s.pending[key]
	if known && former.At.After(seen.At) || !known && len(s.pending) >= maxSightings {
		return
	}
	if s.pending == nil {
		s.pending = make(map[deviceKey]Sighting)
	}
	s.pending[key] = seen
}

// run writes what note gathers until ctx ends, then writes the rest.
func (s *sightings) run(ctx context.Context) {
	tick := time.NewTicker(sightingFlush)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.flush(ctx)
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			s.flush(end)
			return
		}
	}
}

func (s *sightings) flush(ctx context.Context) {
	s.mu.Lock()
	writing := make([]Sighting, 0, len(s.pending))
	for _, seen := range s.pending {
		writing = append(writing, seen)
	}
	s.pending = nil
	s.mu.Unlock()

	for len(writing) > 0 {
		n := min(len(writing), sightingsAtOnce)
		if err := s.store.See(ctx, writing[:n]); err != nil {
			s.log.Warn("sightings not stored, trying again", "error", err)
			s.mu.Lock()
			for _, seen := range writing {
				s.keep(seen)
			}
			s.mu.Unlock()
			return
		}
		writing = writing[n:]
	}
}
