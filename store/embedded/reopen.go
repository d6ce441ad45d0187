package embedded

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// When the disk fails, the database in memory can no longer be trusted and that on the disk can: it holds all that was
// ever answered. So the one is closed, and the other is opened as after a crash, as soon as the disk takes a file again.
// Meanwhile every call is answered Unavailable. What was on its way when the disk failed may be on it or not; of that,
// messages and their changes are removed before anybody sees them, so that refused means not stored.
const (
	reopenMin  = 250 * time.Millisecond
	reopenMax  = 5 * time.Second
	calmAfter  = time.Minute  // of service, after which a failure counts as the first again
	probeSize  = memTableSize // what the disk must have room for: a memtable written out
	probeFile  = "probe"
	probeChunk = 1 << 20
)

// undo puts into a batch what removes a write that failed.
type undo func(b *pebble.Batch) error

// doubts are the writes that failed since the database was opened.
type doubts struct {
	mu    sync.Mutex
	undos []undo
}

func (d *doubts) add(u undo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.undos = append(d.undos, u)
}

// openDB opens the database behind a new fuse.
func (s *Store) openDB() error {
	f := newFuse(s.disk, s.dir, s.patience)
	o := options(f, &logger{log: s.logger.log, exit: s.logger.exit, fuse: f})
	o.Lock = s.lock
	o.ErrorIfNotExists = s.fuse != nil // opened before: an empty folder is not what it was
	if s.onDisk {
		o.WithFSDefaults() // reports operations that are slow
	}
	db, err := pebble.Open(s.dir, o)
	s.fuse, s.db = f, db
	if err == nil {
		err = f.blown()
	}
	return err
}

func (s *Store) closeDB() error {
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	return errors.Join(db.Close(), s.fuse.blown())
}

// keep reopens the database whenever its fuse blows, until the store closes.
func (s *Store) keep() {
	defer close(s.kept)
	var last time.Time
	wait := reopenMin
	for {
		select {
		case <-s.fuse.gone:
		case <-s.stop:
			return
		}
		if time.Since(last) > calmAfter {
			wait = reopenMin
		}
		if !s.mend(&wait) {
			return
		}
		last = time.Now()
	}
}

// mend closes the database and opens it again, however long that takes; false says that the store closes meanwhile.
func (s *Store) mend(wait *time.Duration) bool {
	begun := time.Now()
	s.logger.log.Error("the disk failed: the engine is unavailable until it can be opened again", "cause", s.fuse.blown())
	s.gate.Lock()
	defer s.gate.Unlock()
	for {
		if err := s.closeDB(); err != nil {
			s.logger.log.Debug("database closed", "error", err)
		}
		pause := time.NewTimer(*wait)
		*wait = min(2**wait, reopenMax)
		select {
		case <-pause.C:
		case <-s.stop:
			pause.Stop()
			return false
		}
		select {
		case <-s.fuse.quiet():
		case <-s.stop:
			return false
		}
		err := s.reopen()
		if err == nil {
			s.logger.log.Info("the engine is open again", "after", time.Since(begun).Round(time.Millisecond))
			return true
		}
		s.logger.log.Warn("the engine cannot be opened yet", "error", err)
	}
}

func (s *Store) reopen() error {
	if err := s.probe(); err != nil {
		return err
	}
	if err := s.openDB(); err != nil {
		return err
	}
	if err := s.checkSchema(); err != nil {
		return err
	}
	if err := s.undo(); err != nil {
		return err
	}
	s.numbering.reset()
	s.changes.underway.Store(nil)
	s.unsynced.Store(false)
	return nil
}

// probe finds out whether the disk takes a file, and has room for what is to come.
func (s *Store) probe() error {
	f := newFuse(s.disk, s.dir, s.patience)
	s.fuse = f // so that a sync that hangs is waited for
	name := f.PathJoin(s.dir, probeFile)
	file, err := f.Create(name, "probe")
	if err != nil {
		return err
	}
	chunk := make([]byte, probeChunk)
	for n := 0; n < probeSize && f.blown() == nil; n += len(chunk) {
		file.Write(chunk)
	}
	file.Sync()
	file.Close()
	s.disk.Remove(name) // also what was begun
	return f.blown()
}

// undo removes what failed, now that the disk says what is there.
func (s *Store) undo() error {
	s.doubts.mu.Lock()
	defer s.doubts.mu.Unlock()
	b := s.db.NewBatch()
	defer b.Close()
	for _, u := range s.doubts.undos {
		if err := u(b); err != nil {
			return err
		}
	}
	if err := s.commit(b); err != nil {
		return err
	}
	s.doubts.undos = nil
	return nil
}

// commit makes a batch durable. On an error it may be durable or not, and the fuse is blown.
func (s *Store) commit(b *pebble.Batch) error {
	defer s.logger.fatalPanic()
	if err := b.Commit(pebble.Sync); err != nil {
		return broken(err)
	}
	return s.whole()
}

// whole returns nil if all that was done so far has reached the disk, as far as it was to.
func (s *Store) whole() error {
	if s.fuse.blown() != nil {
		return away()
	}
	return nil
}

// away is the answer while there is no database.
func away() error { return chat.Errorf(chat.Unavailable, "the engine does not answer") }

// enter begins a call; leave ends it.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return chat.Wrap(chat.Unavailable, "cancelled", err)
	}
	if !s.gate.TryRLock() {
		return away() // the database is being opened again, or closed
	}
	switch {
	case s.closed:
		s.gate.RUnlock()
		return chat.Errorf(chat.Unavailable, "the engine is closed")
	case s.fuse.blown() != nil:
		s.gate.RUnlock()
		return away()
	}
	return nil
}

func (s *Store) leave() { s.gate.RUnlock() }
