package chat

import (
	"cmp"
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

// Compare orders the cursors of a user by device, then conversation: the order of an export, the same for every engine.
func (c Cursor) Compare(other Cursor) int {
	return cmp.Or(cmp.Compare(c.Device, other.Device), cmp.Compare(c.Conv, other.Conv))
}

// CursorStore keeps delivered cursors, and marks in the same form.
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

// Names beside those of a user's devices. No device can be called so: see checkText.
const (
	anyDevice DeviceID = ""         // the furthest that any of her devices has come
	readMark  DeviceID = "\x00read" // how far she has read
)

const (
	cursorFlush   = 500 * time.Millisecond
	markGap       = 10 * time.Millisecond // between two writes that someone waits for
	cursorsAtOnce = 2048                  // in one call to the engine

	// maxCursors may wait for an engine that is away. Past it they are dropped, which only repeats messages.
	maxCursors = 500_000
)

// Cursors are the rules of delivered cursors and of marks: moves are gathered and written together. Make it with
// NewCursors.
type Cursors struct {
	// Moved is told of marks that moved, and of those that someone waits for, once they are durable. It is called by
	// Run alone, must be set before, and may be nil.
	Moved func(batch []Moved)

	store CursorStore
	log   *slog.Logger
	hurry chan struct{} // holds one token when someone waits

	untold map[Member]Marks // what stood before a write that failed, which may have moved it; Run's alone

	mu      sync.Mutex // guards what follows
	pending cursorMoves
	writing cursorMoves // given to the engine, not yet answered; read only
	waiting int         // moves in pending
	asked   map[Member][]any
	written chan struct{} // closed when writing is answered; nil when it is
	failed  error         // of the last write: the engine may show what is not durable
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
	return &Cursors{store: store, log: log, pending: make(cursorMoves), hurry: make(chan struct{}, 1)}
}

// Advance says that a device has every message of each conversation up to the number in received, and that its user has
// read up to the number in read.
func (c *Cursors) Advance(user UserID, device DeviceID, received, read map[ConvID]uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting > maxCursors {
		return
	}
	for conv, seq := range received {
		c.advance(user, device, conv, seq)
		c.advance(user, anyDevice, conv, seq)
	}
	for conv, seq := range read {
		c.advance(user, readMark, conv, seq)
	}
}

// advance notes one move. The caller holds c.mu.
func (c *Cursors) advance(user UserID, device DeviceID, conv ConvID, seq uint64) {
	if c.pending.advance(deviceKey{user, device}, conv, seq) {
		c.waiting++
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

// Run writes what is gathered until ctx ends, then writes the rest. It writes every half second, and at once when
// someone waits, unless that was done a moment ago or the engine is away.
func (c *Cursors) Run(ctx context.Context) {
	tick := time.NewTicker(cursorFlush)
	defer tick.Stop()
	pause := time.NewTimer(markGap)
	defer pause.Stop()
	hurry := c.hurry
	for {
		select {
		case <-pause.C:
			hurry = c.hurry
			continue
		case <-hurry:
		case <-tick.C:
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			_ = c.flush(end) // logged
			return
		}
		hurry = nil
		if pause.Stop(); c.flush(ctx) == nil {
			pause.Reset(markGap)
		}
	}
}

func (c *Cursors) flush(ctx context.Context) error {
	c.mu.Lock()
	if c.waiting == 0 {
		c.mu.Unlock()
		return nil
	}
	writing, asked, written := c.pending, c.asked, make(chan struct{})
	c.writing, c.written = writing, written
	c.pending, c.asked, c.waiting = make(cursorMoves), nil, 0
	c.mu.Unlock()

	members := writing.members(asked)
	former, err := c.marksAt(ctx, members)
	if err == nil {
		for i, m := range members {
			if before, failed := c.untold[m]; failed {
				former[i] = before
			}
		}
		if err = c.write(ctx, writing); err == nil {
			c.untold = nil
		} else {
			c.keepUntold(members, former)
		}
	}

	c.mu.Lock()
	c.writing, c.written, c.failed = nil, nil, err
	if err != nil {
		for key, convs := range writing {
			for conv, seq := range convs {
				c.advance(key.user, key.device, conv, seq)
			}
		}
	}
	c.mu.Unlock()
	close(written)
	if err != nil {
		c.log.Warn("cursors not stored, trying again", "error", err)
	}
	c.tell(writing, members, former, asked, err)
	return err
}

// keepUntold notes what stood before a write that failed: the next one tells of what this one may have moved.
func (c *Cursors) keepUntold(members []Member, former []Marks) {
	if c.untold == nil {
		c.untold = make(map[Member]Marks, len(members))
	}
	for i, m := range members {
		c.untold[m] = former[i]
	}
}

func (c *Cursors) write(ctx context.Context, moves cursorMoves) error {
	n := 0
	for _, convs := range moves {
		n += len(convs)
	}
	batch := make([]Cursor, 0, min(n, cursorsAtOnce)) // a new device begins with few, or with none
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
