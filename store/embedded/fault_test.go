package embedded

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/parley-chat/parley/chat"
)

// fault is something that goes wrong with the disk while everybody writes.
type fault struct {
	name string
	hits func(op errorfs.Op) bool // the operations that it may hit
	err  error                    // what they answer; nil for operations that hang and then succeed
	once bool                     // else it lasts until the story ends it
}

func on(suffix string, kinds ...errorfs.OpKind) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool {
		if !strings.Contains(op.Path, suffix) {
			return false
		}
		for _, kind := range kinds {
			if op.Kind == kind {
				return true
			}
		}
		return false
	}
}

func faults() []fault {
	const sync, data, write, create = errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileWrite, errorfs.OpCreate
	growing := func(op errorfs.Op) bool {
		return op.Kind == write || op.Kind == create || op.Kind == errorfs.OpReuseForWrite || op.Kind == sync || op.Kind == data
	}
	return []fault{
		{name: "one fsync of the log fails", hits: on(".log", sync, data), err: syscall.EIO, once: true},
		{name: "one write to the log fails", hits: on(".log", write), err: syscall.EIO, once: true},
		{name: "no new log can be made", hits: on(".log", create, errorfs.OpReuseForWrite), err: syscall.EIO},
		{name: "one write to the manifest fails", hits: on("MANIFEST", write), err: syscall.EIO, once: true},
		{name: "one fsync of the manifest fails", hits: on("MANIFEST", sync, data), err: syscall.EIO, once: true},
		{name: "tables cannot be written", hits: on(".sst", write, create), err: syscall.EIO},
		{name: "files cannot be renamed or removed", hits: on("", errorfs.OpRename, errorfs.OpRemove), err: syscall.EROFS},
		{name: "the disk is full", hits: growing, err: syscall.ENOSPC},
		{name: "the disk hangs", hits: on("", sync, data)},
	}
}

// faulty is a disk on which a fault can be let loose.
type faulty struct {
	*disk
	fault   fault
	chance  *rand.Rand
	armed   atomic.Bool
	hit     atomic.Int32
	release chan struct{}
	mu      sync.Mutex // guards chance and release
}

func (d *faulty) MaybeError(op errorfs.Op) error {
	if !d.armed.Load() || !d.fault.hits(op) {
		return nil
	}
	d.mu.Lock()
	passes, release := d.hit.Load() == 0 && d.chance.IntN(4) > 0, d.release
	d.mu.Unlock()
	if passes {
		return nil
	}
	if d.fault.once && !d.armed.CompareAndSwap(true, false) {
		return nil
	}
	d.hit.Add(1)
	if d.fault.err == nil {
		<-release
	}
	return d.fault.err
}

// end lets everything pass again.
func (d *faulty) end() {
	d.armed.Store(false)
	d.hit.Store(0)
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.release)
	d.release = make(chan struct{})
}

func (d *faulty) String() string { return d.fault.name }

// The disk fails in every way while people write, correct what they wrote, register and read. Nobody waits for ever. The
// engine comes back by itself. Then everything that was answered is there, nothing that was refused is, and no number
// was ever seen with two texts, or skipped; and so it is after a power cut.
func TestTheDiskFails(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			d := &faulty{disk: newDisk(), fault: f, chance: rand.New(rand.NewPCG(seed, 0)), release: make(chan struct{})}
			long := patience
			if f.err == nil {
				long = time.Second
			}
			s, err := open("data", errorfs.Wrap(d.MemFS, d), nil, long)
			if err != nil {
				t.Fatal(err)
			}
			o := newOracle(t, s)
			o.people()
			for range 2 {
				o.untilAcked(200)
				_, before := o.count()
				d.armed.Store(true)
				for d.hit.Load() == 0 {
					o.flush()
					runtime.Gosched()
				}
				o.untilRefused(before + 10)
				for !f.once && s.Ping(t.Context()) == nil {
					runtime.Gosched()
				}
				d.end()
				o.untilAcked(200)
			}
			o.stop()
			t.Logf("seed %d: %d messages answered, %d refused", seed, len(o.acked), len(o.refused))
			o.check(s)
			after := d.cut().open(t, nil)
			o.check(after)
			after.Close()
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// A copy that is written elsewhere fails by itself: the engine is well.
func TestACopyElsewhereFails(t *testing.T) {
	d := newDisk()
	full := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasPrefix(op.Path, "elsewhere") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	})
	s, err := open("data", errorfs.Wrap(d.MemFS, full), nil, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.db.Checkpoint("elsewhere"); err == nil {
		t.Error("the copy is said to be made")
	}
	if _, err := s.Append(t.Context(), []chat.Message{hello("1")}); err != nil {
		t.Error(err)
	}
}

// A copy during which the disk fails is none: what was answered may be missing from it.
func TestTheDiskFailsUnderACopy(t *testing.T) {
	d := newDisk()
	var s *Store
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if s != nil && strings.HasPrefix(op.Path, "elsewhere") {
			s.fuse.blow(syscall.EIO)
		}
		return nil
	})
	opened, err := open("data", errorfs.Wrap(d.MemFS, inject), nil, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	s = opened
	if _, err := s.Append(t.Context(), []chat.Message{hello("1")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Checkpoint(t.Context(), "elsewhere"); chat.CodeOf(err) != chat.Unavailable {
		t.Errorf("the copy ended with %v", err)
	}
}

// What the retention job is told is done has reached the disk.
func TestDropSketchesTellsOfTheDisk(t *testing.T) {
	d := newDisk()
	s := d.open(t, nil)
	defer s.Close()
	old := chat.Sketch{Oldest: time.UnixMilli(1), Bits: []byte{1}}
	if err := s.PutSketches(t.Context(), annBo, []chat.Sketch{old}); err != nil {
		t.Fatal(err)
	}
	fails := func() error { return syscall.EIO }
	d.onSync.Store(&fails)
	if err := s.DropSketches(t.Context(), time.UnixMilli(2)); chat.CodeOf(err) != chat.Unavailable {
		t.Errorf("on a disk that fails: %v", err)
	}
	d.onSync.Store(nil)
}

// stuckFile does not close before it is released.
type stuckFile struct {
	vfs.File
	closing, release chan struct{}
}

func (f *stuckFile) Close() error {
	close(f.closing)
	<-f.release
	return f.File.Close()
}

// Closing one file may take as long as the disk likes; syncs of others do not wait for it.
func TestAFileThatDoesNotClose(t *testing.T) {
	f := newFuse(vfs.NewMem(), "data", patience)
	if err := f.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	create := func(name string) *fusedFile {
		file, err := f.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		return file.(*fusedFile)
	}
	stuck, well := create("data/stuck"), create("data/well")
	under := &stuckFile{File: stuck.File, closing: make(chan struct{}), release: make(chan struct{})}
	stuck.File = under
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		stuck.Close()
	}()
	<-under.closing
	well.Sync()
	well.Close()
	close(under.release)
	<-closed
	if err := f.blown(); err != nil {
		t.Errorf("the fuse blew: %v", err)
	}
}
