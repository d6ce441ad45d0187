package chat

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what is remembered of rooms.
const (
	maxSeated   = 500_000         // members of all rooms together, as weighed by size
	seatBytes   = 130             // of a member, about
	roomBytes   = 1000            // of a room beside its members and its announcement, about
	rosterIdle  = 5 * time.Minute // without being asked for
	rosterSweep = time.Minute
	rosterPage  = 1000 // members read at once
	rosterWait  = 10 * time.Second
)

// rosters remember the rooms that are talked in, with their members, so that a message asks no engine who may write and
// who is to hear. What this process changes is changed here too, once it is durable; what another one changes is seen
// when reload has passed.
//
// Lock order: rosters.mu, then rosterEntry.mu.
type rosters struct {
	store  RoomStore
	now    func() time.Time
	reload time.Duration // see RoomsConfig
	most   int           // see maxSeated

	seated atomic.Int64 // size of all entries

	mu      sync.RWMutex // guards what follows
	of      map[RoomID]*rosterEntry
	numbers map[uint64]RoomID // of those that are loaded
}

// rosterEntry is one room, or one about which the engine is being asked.
type rosterEntry struct {
	id   RoomID
	used atomic.Int64 // when it was asked for, in milliseconds since 1970
	lent atomic.Bool  // someone keeps now, so that it must not change

	mu      sync.RWMutex    // guards what follows
	now     *Roster         // nil before the first load
	loaded  time.Time       // when the engine was asked for it
	loading chan struct{}   // closed when the load under way is over; nil when there is none
	missed  []func(*Roster) // changes of this process that the load under way may have missed
	loads   int             // that are over
	err     error           // of the last load
}

func newRosters(cfg *RoomsConfig) *rosters {
	return &rosters{
		store: cfg.Store, now: cfg.Now, reload: cfg.Reload, most: maxSeated,
		of: make(map[RoomID]*rosterEntry), numbers: make(map[uint64]RoomID),
	}
}

// ask calls look with a room's entry, which is loaded, held for reading and not too old. look must not keep the roster
// unless it says so in lent.
//
// Errors: NotFound, Unavailable.
func (c *rosters) ask(ctx context.Context, room RoomID, look func(e *rosterEntry)) error {
	if !room.Valid() {
		return errNoRooms()
	}
	for {
		now := c.now()
		e := c.entry(room, now)
		e.mu.RLock()
		loads, age := e.loads, now.Sub(e.loaded)
		if e.now != nil && (c.reload == 0 || age < c.reload) {
			look(e)
			e.mu.RUnlock()
			if c.reload > 0 && age > c.reload/2 {
				c.load(e, loads) // beside those who ask, so that none of them has to wait
			}
			return nil
		}
		e.mu.RUnlock()
		select {
		case <-c.load(e, loads):
		case <-ctx.Done():
			return Wrap(Unavailable, "the engine does not answer", ctx.Err())
		}
		e.mu.RLock()
		err := e.err
		e.mu.RUnlock()
		if err != nil {
			return err
		}
	}
}

// users returns the members of a room as far as they are remembered, however old that is.
func (c *rosters) users(room RoomID) (users []UserID, known bool) {
	now := c.now()
	c.mu.RLock()
	e := c.of[room]
	c.mu.RUnlock()
	if e == nil {
		return nil, false
	}
	e.touch(now)
	e.mu.RLock()
	if known = e.now != nil; known {
		users = e.now.users
	}
	loads, old := e.loads, c.reload > 0 && now.Sub(e.loaded) > c.reload/2
	e.mu.RUnlock()
	if known && old {
		c.load(e, loads)
	}
	return users, known
}

// entry returns the entry of a room, which it makes if there is none.
func (c *rosters) entry(room RoomID, now time.Time) *rosterEntry {
	c.mu.RLock()
	e := c.of[room]
	c.mu.RUnlock()
	if e == nil {
		c.mu.Lock()
		if e = c.of[room]; e == nil {
			e = &rosterEntry{id: room}
			c.of[room] = e
		}
		c.mu.Unlock()
	}
	e.touch(now)
	return e
}

// touch notes that an entry is in use, at most once a second: many cores do it.
func (e *rosterEntry) touch(now time.Time) {
	if at := now.UnixMilli(); at-e.used.Load() >= 1000 {
		e.used.Store(at)
	}
}

// load asks the engine about a room unless that is under way, or was done since the caller had seen so many loads, and returns
// what is closed when it is over. Whoever waits may give up; the others go on waiting.
func (c *rosters) load(e *rosterEntry, seen int) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.loading != nil:
	case e.loads != seen:
		over := make(chan struct{})
		close(over)
		return over
	default:
		e.loading = make(chan struct{})
		go c.read(e)
	}
	return e.loading
}

func (c *rosters) read(e *rosterEntry) {
	ctx, cancel := context.WithTimeout(context.Background(), rosterWait)
	defer cancel()
	at := c.now()
	r, err := readRoster(ctx, c.store, e.id)
	c.install(e, r, err, at)
}

// readRoster asks the engine for a room and its members.
func readRoster(ctx context.Context, store RoomStore, id RoomID) (*Roster, error) {
	room, err := store.Room(ctx, id)
	if err != nil {
		if CodeOf(err) == NotFound {
			err = errNoRooms()
		}
		return nil, err
	}
	members, err := allMembers(ctx, store, id)
	if err != nil {
		return nil, err
	}
	return newRoster(room, members), nil
}

func allMembers(ctx context.Context, store RoomStore, id RoomID) (all []RoomMember, err error) {
	for after := UserID(""); ; {
		page, err := store.Members(ctx, id, after, rosterPage)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < rosterPage {
			return all, nil
		}
		after = page[len(page)-1].User
	}
}

// install ends a load. What was changed meanwhile is changed in what it brings, whether it saw that or not: to begin again
// would never end while many come and go. A room that is not there, or about which nothing was learnt yet, holds no memory.
func (c *rosters) install(e *rosterEntry, r *Roster, err error, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	there := c.of[e.id] == e
	switch e.err = err; {
	case err == nil && there:
		for _, make := range e.missed {
			make(r)
		}
		c.seated.Add(int64(r.size() - e.size()))
		e.now, e.loaded = r, at
		e.lent.Store(false)
		c.numbers[r.room.Number] = e.id
		defer c.shrink(e)
	case err == nil: // forgotten meanwhile: whoever waits asks again
	case there && (e.now == nil || CodeOf(err) == NotFound):
		c.drop(e)
	}
	close(e.loading)
	e.loading, e.missed = nil, nil
	e.loads++
}

// size is what an entry weighs, counted in members: hundreds of thousands of rooms of one member must not be for nothing.
// The caller holds e.mu.
func (e *rosterEntry) size() int {
	if e.now == nil {
		return 0
	}
	return e.now.size()
}

// change makes a durable change in what is remembered of a room, if anything is. make may be called twice, also for what
// is so already.
func (c *rosters) change(room RoomID, make func(r *Roster)) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.of[room]
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loading != nil {
		e.missed = append(e.missed, make)
	}
	if e.now == nil {
		return
	}
	before := e.size()
	if e.lent.Swap(false) {
		e.now = e.now.clone()
	}
	make(e.now)
	c.seated.Add(int64(e.size() - before))
}

// forget drops a room: it is gone, or the engine did not say what became of a change.
func (c *rosters) forget(room RoomID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.of[room]; e != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		c.drop(e)
	}
}

// drop takes an entry out. The caller holds c.mu and e.mu.
func (c *rosters) drop(e *rosterEntry) {
	delete(c.of, e.id)
	if e.now != nil {
		c.seated.Add(-int64(e.size()))
		delete(c.numbers, e.now.room.Number)
		e.now = nil
	}
}

// idOf returns the room of a number as far as it is remembered.
func (c *rosters) idOf(number uint64) (room RoomID, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	room, known = c.numbers[number]
	return room, known
}

// run drops what was not asked for lately, until ctx ends.
func (c *rosters) run(ctx context.Context) {
	tick := time.NewTicker(rosterSweep)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.sweep()
		case <-ctx.Done():
			return
		}
	}
}

func (c *rosters) sweep() {
	before := c.now().Add(-rosterIdle).UnixMilli()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.of {
		if e.used.Load() < before {
			c.dropIdle(e)
		}
	}
}

// dropIdle takes an entry out unless the engine is being asked about it. The caller holds c.mu.
func (c *rosters) dropIdle(e *rosterEntry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loading == nil {
		c.drop(e)
	}
}

// shrink drops, when there are too many members, the rooms asked for least lately, till an eighth is free; never the one
// that was just loaded. What a message on its way still needs of them is read again. The caller holds c.mu and that of but.
func (c *rosters) shrink(but *rosterEntry) {
	if c.seated.Load() <= int64(c.most) {
		return
	}
	var all []*rosterEntry
	for _, e := range c.of {
		if e != but {
			all = append(all, e)
		}
	}
	used := make(map[*rosterEntry]int64, len(all)) // it moves while they are sorted
	for _, e := range all {
		used[e] = e.used.Load()
	}
	slices.SortFunc(all, func(a, b *rosterEntry) int { return cmp.Compare(used[a], used[b]) })
	for _, e := range all {
		if c.seated.Load() <= int64(c.most-c.most/8) {
			return
		}
		c.dropIdle(e)
	}
}
