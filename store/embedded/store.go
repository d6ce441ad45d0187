// Package embedded is the engine that needs no server: Pebble, an LSM tree in pure Go, in one folder of one process.
//
// What must not be lost is in the synced write-ahead log before a method returns. What may lose its last second is
// written without waiting and synced soon after. A disk that fails makes it unavailable until the disk is well again.
// It knows nothing of rules: see the comments in package chat.
package embedded

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/parley-chat/parley/chat"
)

// schema is the version of the key layout. A folder of a newer one is refused. In one of version 1 what is new is missing:
// it is added, and the folder marked before it gets values that version 1 cannot read.
const schema = 2

// syncSoon is how long a write may wait for the disk when losing the last second is allowed.
const syncSoon = 500 * time.Millisecond

// Store is an open engine. It implements chat.Store.
type Store struct {
	dir      string
	disk     vfs.FS
	onDisk   bool // disk is the operating system's
	lock     *pebble.Lock
	logger   *logger
	patience time.Duration

	gate   sync.RWMutex // held for reading during each call; guards db, fuse and closed
	db     *pebble.DB   // nil while it is closed
	fuse   *fuse        // its disk
	closed bool

	closing    sync.Once
	stop, kept chan struct{} // closed to end keep, and when it has ended
	doubts     doubts

	changing sync.Mutex // makes read-then-write of everything but messages one step
	unsynced atomic.Bool
	syncing  atomic.Int32 // changes that are written and wait for the disk
	syncer   *time.Timer

	numbering numbering
	changes   changes
	sockets   sockets
}

var _ chat.Store = (*Store)(nil)

// Open opens the engine in a folder, which it makes if it is missing. log may be nil.
//
// Errors: Unavailable when the folder is in use by another process, is not this engine's, was written by a newer
// version of it, or cannot be read and written.
func Open(_ context.Context, dir string, log *slog.Logger) (*Store, error) {
	dir, err := filepath.Abs(dir) // Pebble's own guard against opening twice goes by the name
	if err != nil {
		return nil, chat.Wrap(chat.Unavailable, "the working folder is gone", err)
	}
	_, missing := os.Stat(dir)
	s, err := open(dir, nil, log, patience)
	if err != nil || missing == nil {
		return s, err
	}
	if err := os.Chmod(dir, 0o700); err != nil { // what people write to each other is nobody else's
		s.Close()
		return nil, openError(dir, err)
	}
	return s, nil
}

// OpenMemory opens an empty engine whose data ends with it.
func OpenMemory() (*Store, error) { return open("memory", vfs.NewMem(), nil, patience) }

// open opens the engine on a disk; nil stands for that of the operating system. patience bounds a sync.
func open(dir string, disk vfs.FS, log *slog.Logger, patience time.Duration) (*Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		dir: dir, disk: disk, logger: &logger{log: log, exit: os.Exit}, patience: patience,
		stop: make(chan struct{}), kept: make(chan struct{}),
	}
	if disk == nil {
		s.disk, s.onDisk = vfs.Default, true
	}
	err := s.disk.MkdirAll(dir, 0o755)
	if err == nil {
		s.lock, err = pebble.LockDirectory(dir, s.disk)
	}
	if err != nil {
		return nil, openError(dir, err)
	}
	if err = s.openDB(); err != nil {
		err = openError(dir, err)
	} else if err = s.checkSchema(); err == nil {
		err = s.dropSockets()
	}
	if err != nil {
		s.closeDB()
		s.lock.Close()
		return nil, err
	}
	s.syncer = time.AfterFunc(syncSoon, s.sync)
	s.syncer.Stop()
	go s.keep()
	return s, nil
}

func openError(dir string, err error) error {
	// The lock answers EAGAIN when another process holds it, and in words when this one does.
	if errors.Is(err, syscall.EAGAIN) || strings.Contains(err.Error(), "lock held by current process") {
		return &chat.Error{Code: chat.Unavailable, Message: "the folder " + dir + " is in use by another process", Cause: err}
	}
	return &chat.Error{Code: chat.Unavailable, Message: "the folder " + dir + " cannot be opened", Cause: err}
}

// checkSchema marks a new folder, and refuses one of a newer version or of another program.
func (s *Store) checkSchema() error {
	key := []byte{kindVersion}
	value, ok, err := s.get(key)
	if err != nil {
		return err
	}
	if !ok {
		err := s.each(nil, func(_, _ []byte) error {
			return chat.Errorf(chat.Unavailable, "the folder %s holds the data of another program", s.dir)
		})
		if err != nil {
			return err
		}
	} else if version, n := binary.Uvarint(value); n <= 0 || version > schema {
		return chat.Errorf(chat.Unavailable, "the folder %s was written by a newer version of the server: schema %d, this one knows %d",
			s.dir, version, schema)
	} else if version == schema {
		return nil
	} else if err := s.noteEmails(); err != nil {
		return err
	}
	if err := s.db.Set(key, binary.AppendUvarint(nil, schema), pebble.Sync); err != nil {
		return broken(err)
	}
	return s.whole()
}

// Ping implements chat.Store.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	_, _, err := s.get([]byte{kindVersion})
	return err
}

// Close implements chat.Store. It waits for calls that are under way.
func (s *Store) Close() error {
	s.closing.Do(func() { close(s.stop) })
	<-s.kept
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.syncer.Stop()
	return broken(errors.Join(s.closeDB(), s.lock.Close())) // closing syncs the log
}

// change is a set of writes that happen together or not at all.
type change struct {
	*pebble.Batch
	mayLose bool // a crash within the next second may undo it
}

// update makes one change. fill reads what it needs and writes what follows from it; no other update happens between.
// An error of fill changes nothing. When the disk fails, the change may be made or not.
func (s *Store) update(ctx context.Context, fill func(c *change) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	c := &change{Batch: s.db.NewBatch()}
	if err := s.apply(c, fill); err != nil || c.Empty() {
		c.Close()
		if err == nil && s.syncing.Load() > 0 {
			err = s.settle() // what made this change needless may not be on the disk yet
		}
		return err
	}
	if !c.mayLose {
		defer s.syncing.Add(-1)
		// Out of the lock, so that many wait for one sync.
		if err := c.SyncWait(); err != nil {
			s.logger.Fatalf("write-ahead log: %v", err) // the fuse keeps errors of the disk from it
		}
	}
	if err := s.whole(); err != nil {
		c.Close()
		return err
	}
	return broken(c.Close())
}

// updateIf makes a change if a key is there, or if it is not; done says that it was made.
func (s *Store) updateIf(ctx context.Context, key []byte, there bool, fill func(c *change) error) (done bool, err error) {
	err = s.update(ctx, func(c *change) error {
		_, known, err := s.get(key)
		if err != nil || known != there {
			return err
		}
		done = true
		return fill(c)
	})
	return done && err == nil, err
}

func (s *Store) apply(c *change, fill func(c *change) error) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := fill(c); err != nil || c.Empty() {
		return err
	}
	defer s.logger.fatalPanic()
	if !c.mayLose {
		if err := s.db.ApplyNoSyncWait(c.Batch, pebble.Sync); err != nil {
			return broken(err)
		}
		s.syncing.Add(1)
		return nil
	}
	err := s.db.Apply(c.Batch, pebble.NoSync)
	if !s.unsynced.Swap(true) { // behind the write, so that a sync under way is not taken for one that has it
		s.syncer.Reset(syncSoon)
	}
	return broken(err)
}

// settle makes durable all that was written.
func (s *Store) settle() error {
	defer s.logger.fatalPanic()
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		return broken(err)
	}
	return s.whole()
}

// sync makes durable what was written without waiting. Pebble would keep it in memory until the next synced write.
func (s *Store) sync() {
	if s.enter(context.Background()) != nil {
		return
	}
	defer s.leave()
	defer s.logger.fatalPanic()
	s.unsynced.Store(false)
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		s.logger.Errorf("sync: %v", err)
	}
}

// get returns a copy of a value; ok is false where there is none.
func (s *Store) get(key []byte) (value []byte, ok bool, err error) {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, broken(err)
	}
	value = append([]byte{}, v...)
	return value, true, broken(closer.Close())
}

// load reads a value of JSON into v.
func (s *Store) load(key []byte, v any) (ok bool, err error) {
	value, ok, err := s.get(key)
	if err != nil || !ok {
		return false, err
	}
	return true, unpack(value, v)
}

// put writes v as JSON.
func (c *change) put(key []byte, v any) error { return putJSON(c.Batch, key, v) }

func putJSON(batch *pebble.Batch, key []byte, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return chat.Wrap(chat.Internal, "a record cannot be written", err)
	}
	return broken(batch.Set(key, value, nil))
}

func unpack(value []byte, v any) error {
	if err := json.Unmarshal(value, v); err != nil {
		return chat.Wrap(chat.Internal, "a record cannot be read", err)
	}
	return nil
}

// each calls f with every entry whose key begins with prefix. rest is the key behind prefix; f must not keep its
// arguments.
func (s *Store) each(prefix []byte, f func(rest, value []byte) error) (err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: behind(prefix)})
	if err != nil {
		return broken(err)
	}
	for it.First(); it.Valid(); it.Next() {
		if err := f(it.Key()[len(prefix):], it.Value()); err != nil {
			it.Close()
			return err
		}
	}
	return broken(it.Close()) // also what ended the loop early
}

// broken wraps an error of Pebble.
func broken(err error) error {
	if err == nil {
		return nil
	}
	return chat.Wrap(chat.Unavailable, "the engine does not answer", err)
}
