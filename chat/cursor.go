package chat

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Cursor says that a device of a user has every message of a conversation up to a number.
type Cursor struct {
	User   UserID
	Device DeviceID
	Conv   ConvID
	Seq    uint64
}

// CursorStore keeps delivered cursors.
type CursorStore interface {
	// AdvanceCursors moves each cursor forward, never back, and returns when that is durable. On an error any of them
	// may have moved.
	AdvanceCursors(ctx context.Context, cursors []Cursor) error
	// CursorsAt returns the number of each cursor, in the order asked, 0 for none. The Seq of the arguments is ignored.
	// It may see what another call of AdvanceCursors has not made durable yet.
	CursorsAt(ctx context.Context, cursors []Cursor) ([]uint64, error)
	// Cursors returns the cursors of one device of a user.
	Cursors(ctx context.Context, user UserID, device DeviceID) (map[ConvID]uint64, error)
}

// anyDevice keeps, beside a user's devices, the furthest that any of them has come.
const anyDevice DeviceID = ""

const (
	cursorFlush   = 500 * time.Millisecond
	maxCursors    = 500_000 // that may wait for an engine that is away; past it they are dropped, which only repeats
	cursorsAtOnce = 2048    // in one call to the engine
)

// Cursors are the rules of delivered cursors: moves are gathered and written together. Make it with NewCursors.
type Cursors struct {
	store CursorStore
	log   *slog.Logger

	mu      sync.Mutex // guards what follows
	pending cursorMoves
	writing cursorMoves // given to the engine, not yet answered; read only
	waiting int         // moves in pending
}

type deviceKey struct {
	user   UserID
	device DeviceID
}

type cursorMoves map[deviceKey]map[ConvID]uint64

func (m cursorMoves) advance(key deviceKey, conv ConvID, seq uint64) (added bool) {
	convs := m[key]
	if convs == nil {
		convs = make(map[ConvID]uint64, 1)
		m[key] = convs
	}
	former, known := convs[conv]
	convs[conv] = max(former, seq)
	return !known
}

// NewCursors returns the rules over an engine. Run writes what they gather.
func NewCursors(store CursorStore, log *slog.Logger) *Cursors {
	return &Cursors{store: store, log: log, pending: make(cursorMoves)}
}

// Advance says that a device has every message of each conversation up to the number.
func (c *Cursors) Advance(user UserID, device DeviceID, seqs map[ConvID]uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting > maxCursors {
		return
	}
	for conv, seq := range seqs {
		for _, d := range [...]DeviceID{device, anyDevice} {
			if c.pending.advance(deviceKey{user, d}, conv, seq) {
				c.waiting++
			}
		}
	}
}

// Begin writes the cursors of a device that is new, at once: a device that the engine knows without them would be sent
// everything from the beginning.
func (c *Cursors) Begin(ctx context.Context, user UserID, device DeviceID, seqs map[ConvID]uint64) error {
	return c.write(ctx, cursorMoves{deviceKey{user, device}: seqs})
}

// Load returns a device's cursors, those that wait to be written included.
func (c *Cursors) Load(ctx context.Context, user UserID, device DeviceID) (map[ConvID]uint64, error) {
	// What waits is read first: read last, it might have moved from pending into the engine behind our back.
	cursors := make(map[ConvID]uint64)
	merge := func(convs map[ConvID]uint64) {
		for conv, seq := range convs {
			cursors[conv] = max(cursors[conv], seq)
		}
	}
	key := deviceKey{user, device}
	c.mu.Lock()
	merge(c.writing[key])
	merge(c.pending[key])
	c.mu.Unlock()
	stored, err := c.store.Cursors(ctx, user, device)
	if err != nil {
		return nil, err
	}
	merge(stored)
	return cursors, nil
}

// Run writes what Advance gathers until ctx ends, then writes the rest.
func (c *Cursors) Run(ctx context.Context) {
	tick := time.NewTicker(cursorFlush)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.flush(ctx)
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			c.flush(end)
			return
		}
	}
}

func (c *Cursors) flush(ctx context.Context) {
	c.mu.Lock()
	if c.waiting == 0 {
		c.mu.Unlock()
		return
	}
	writing := c.pending
	c.writing, c.pending, c.waiting = writing, make(cursorMoves), 0
	c.mu.Unlock()

	err := c.write(ctx, writing)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = nil
	if err == nil {
		return
	}
	c.log.Warn("cursors not stored, trying again", "error", err)
	for key, convs := range writing {
		for conv, seq := range convs {
			if c.pending.advance(key, conv, seq) {
				c.waiting++
			}
		}
	}
}

func (c *Cursors) write(ctx context.Context, moves cursorMoves) error {
	batch := make([]Cursor, 0, cursorsAtOnce)
	for key, convs := range moves {
		for conv, seq := range convs {
			batch = append(batch, Cursor{User: key.user, Device: key.device, Conv: conv, Seq: seq})
			if len(batch) < cursorsAtOnce {
				continue
			}
			if err := c.store.AdvanceCursors(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return c.store.AdvanceCursors(ctx, batch)
}
