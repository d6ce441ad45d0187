package chat

import (
	"slices"
	"sync"
)

// Bounds of what is remembered of searches that may go on. A walk takes 200 bytes,
// and at most 1 KB of hints.
const (
	leastPaused = 8      // walks; fewer are opened anew just as well
	mostPaused  = 20_000 // walks, of all searches together
)

// pauses remembers where searches stand in each of their conversations. A Place alone says it too, but to find it again
// in many conversations takes many reads. Nothing is lost with what is forgotten, the oldest first, but those.
// The zero value is ready.
type pauses struct {
	mu      sync.Mutex // guards what follows
	walks   map[pause]walks
	order   []pause // oldest first
	holding int     // walks
}

// pause names a search and how far it has come.
type pause struct {
	user UserID
	q    string
	conv ConvID
	next Place
}

// put remembers walks, which are the pauses' own from now on.
func (p *pauses) put(at pause, paused walks) {
	if len(paused) < leastPaused || len(paused) > mostPaused {
		return
	}
	for _, w := range paused {
		w.rest()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(at)
	for p.holding+len(paused) > mostPaused {
		p.remove(p.order[0])
	}
	if p.walks == nil {
		p.walks = make(map[pause]walks)
	}
	p.walks[at] = paused
	p.order = append(p.order, at)
	p.holding += len(paused)
}

// take returns what put was given, once; nothing when it was forgotten.
func (p *pauses) take(at pause) walks {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.remove(at)
}

func (p *pauses) remove(at pause) walks {
	paused, ok := p.walks[at]
	if ok {
		delete(p.walks, at)
		i := slices.Index(p.order, at)
		p.order = slices.Delete(p.order, i, i+1)
		p.holding -= len(paused)
	}
	return paused
}
