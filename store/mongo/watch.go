package mongo

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/event"
)

// Commands is how many commands of one name were answered, or failed, and how long that took altogether. Each is a round
// trip to MongoDB.
type Commands struct {
	Count uint64
	Spent time.Duration
}

// watch counts commands. Its zero value is ready.
type watch struct {
	mu     sync.Mutex
	byName map[string]Commands
}

// monitor looks at the ends of commands alone: for their begins the driver would copy what they carry.
func (w *watch) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{
		Succeeded: func(_ context.Context, e *event.CommandSucceededEvent) { w.count(&e.CommandFinishedEvent) },
		Failed:    func(_ context.Context, e *event.CommandFailedEvent) { w.count(&e.CommandFinishedEvent) },
	}
}

func (w *watch) count(e *event.CommandFinishedEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byName == nil {
		w.byName = make(map[string]Commands)
	}
	c := w.byName[e.CommandName]
	w.byName[e.CommandName] = Commands{c.Count + 1, c.Spent + e.Duration}
}

// Commands returns what was asked of MongoDB since the engine was opened, by the names of commands: insert, find, ….
// What the driver asks by itself, to know which servers there are, is not in it.
func (s *Store) Commands() map[string]Commands {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	return maps.Clone(s.watch.byName)
}
