package embedded

import (
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// patience is how long a sync may take before the disk counts as broken.
const patience = 8 * time.Second

// fuse is the disk as one open database has it. The first operation that fails to change the disk blows it: from then
// on nothing reaches the disk, and Pebble is told all the same that everything goes well. For whether what failed is on
// the disk is unknowable, after a failed fsync for good; and Pebble, told of the failure, would end the process, or
// stand still with its locks held. So it runs on, into memory, until it is closed, while whoever asked for durability
// asks the fuse whether there was any: a fuse that is whole after a sync was whole during it.
//
// It guards the database's folder. What Pebble writes elsewhere, as a copy for a backup, succeeds or fails by itself.
type fuse struct {
	vfs.FS          // the disk
	dir      string // what is guarded
	shadow   vfs.FS // takes what is created after the fuse blew
	patience time.Duration

	cause atomic.Pointer[error]
	gone  chan struct{} // closed when the fuse blows

	mu      sync.Mutex    // guards what follows, and the same of each file
	syncing int           // syncs that have not ended
	idle    chan struct{} // closed when there is none; nil while nobody waits for that
}

func newFuse(disk vfs.FS, dir string, patience time.Duration) *fuse {
	return &fuse{FS: disk, dir: dir, shadow: vfs.NewMem(), patience: patience, gone: make(chan struct{})}
}

func (f *fuse) guards(name string) bool {
	rest, inside := strings.CutPrefix(name, f.dir)
	return inside && (rest == "" || os.IsPathSeparator(rest[0]))
}

// blown tells why nothing reaches the disk; nil while the fuse is whole.
func (f *fuse) blown() error {
	if cause := f.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

func (f *fuse) blow(cause error) {
	if f.cause.CompareAndSwap(nil, &cause) {
		close(f.gone)
	}
}

// at changes what stands under a name.
func (f *fuse) at(name string, change func() error) error {
	if !f.guards(name) {
		return change()
	}
	return f.do(change)
}

// do changes what the fuse guards.
func (f *fuse) do(change func() error) error {
	if f.blown() != nil {
		return nil
	}
	if err := change(); err != nil {
		f.blow(err)
	}
	return nil
}

var errTooSlow = errors.New("the disk did not answer a sync in time")

// quiet is closed when no sync is under way, not even one that nobody waits for any more.
func (f *fuse) quiet() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	idle := make(chan struct{})
	if f.syncing == 0 {
		close(idle)
	} else {
		f.idle = idle
	}
	return idle
}

// make makes a file on the disk, or in memory when that is out of reach.
func (f *fuse) make(name string, on func() (vfs.File, error)) (file vfs.File, err error) {
	if !f.guards(name) {
		return on()
	}
	f.do(func() error {
		file, err = on()
		return err
	})
	if file == nil {
		if err := f.shadow.MkdirAll(f.PathDir(name), 0o700); err != nil {
			return nil, err
		}
		return f.shadow.Create(name, vfs.WriteCategoryUnspecified)
	}
	return &fusedFile{File: file, fuse: f}, nil
}

// Create implements vfs.FS.
func (f *fuse) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.make(name, func() (vfs.File, error) { return f.FS.Create(name, category) })
}

// ReuseForWrite implements vfs.FS.
func (f *fuse) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.make(newname, func() (vfs.File, error) { return f.FS.ReuseForWrite(oldname, newname, category) })
}

// OpenReadWrite implements vfs.FS.
func (f *fuse) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.make(name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, category, opts...) })
}

// Open implements vfs.FS.
func (f *fuse) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if f.blown() != nil {
		if file, err := f.shadow.Open(name, opts...); err == nil {
			return file, nil
		}
	}
	return f.FS.Open(name, opts...)
}

// OpenDir implements vfs.FS.
func (f *fuse) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil || !f.guards(name) {
		return file, err
	}
	return &fusedFile{File: file, fuse: f}, nil
}

// Stat implements vfs.FS.
func (f *fuse) Stat(name string) (vfs.FileInfo, error) {
	if f.blown() != nil {
		if info, err := f.shadow.Stat(name); err == nil {
			return info, nil
		}
	}
	return f.FS.Stat(name)
}

// Link implements vfs.FS.
func (f *fuse) Link(oldname, newname string) error {
	return f.at(newname, func() error { return f.FS.Link(oldname, newname) })
}

// Rename implements vfs.FS.
func (f *fuse) Rename(oldname, newname string) error {
	return f.at(newname, func() error { return f.FS.Rename(oldname, newname) })
}

// MkdirAll implements vfs.FS.
func (f *fuse) MkdirAll(dir string, perm os.FileMode) error {
	return f.at(dir, func() error { return f.FS.MkdirAll(dir, perm) })
}

// Remove implements vfs.FS. That there is no such file is an answer, not a failure.
func (f *fuse) Remove(name string) (err error) {
	if !f.guards(name) {
		return f.FS.Remove(name)
	}
	f.do(func() error {
		if err = f.FS.Remove(name); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		failure := err
		err = nil
		return failure
	})
	return err
}

// RemoveAll implements vfs.FS.
func (f *fuse) RemoveAll(name string) error {
	return f.at(name, func() error { return f.FS.RemoveAll(name) })
}

// Unwrap implements vfs.FS.
func (f *fuse) Unwrap() vfs.FS { return f.FS }

// fusedFile is a file or folder on the disk. Reading goes past the fuse.
type fusedFile struct {
	vfs.File
	fuse *fuse

	syncing int  // syncs that have not ended
	closed  bool // the last of them closes the file
}

// Write implements vfs.File.
func (f *fusedFile) Write(p []byte) (int, error) {
	return len(p), f.fuse.do(func() error {
		_, err := f.File.Write(p)
		return err
	})
}

// WriteAt implements vfs.File.
func (f *fusedFile) WriteAt(p []byte, at int64) (int, error) {
	return len(p), f.fuse.do(func() error {
		_, err := f.File.WriteAt(p, at)
		return err
	})
}

// Preallocate implements vfs.File. Where it fails, the write will tell.
func (f *fusedFile) Preallocate(offset, length int64) error {
	if f.fuse.blown() == nil {
		f.File.Preallocate(offset, length)
	}
	return nil
}

// Sync implements vfs.File.
func (f *fusedFile) Sync() error {
	return f.fuse.do(func() error { return f.wait(f.File.Sync) })
}

// SyncData implements vfs.File.
func (f *fusedFile) SyncData() error {
	return f.fuse.do(func() error { return f.wait(f.File.SyncData) })
}

// wait does not wait for a sync longer than patience: it may never end.
func (f *fusedFile) wait(sync func() error) error {
	ended := make(chan error, 1)
	f.begin()
	go func() {
		err := sync()
		f.end()
		ended <- err
	}()
	late := time.NewTimer(f.fuse.patience)
	defer late.Stop()
	select {
	case err := <-ended:
		return err
	case <-late.C:
		return errTooSlow
	}
}

func (f *fusedFile) begin() {
	f.fuse.mu.Lock()
	defer f.fuse.mu.Unlock()
	f.syncing++
	f.fuse.syncing++
}

func (f *fusedFile) end() {
	f.fuse.mu.Lock()
	f.syncing--
	last := f.syncing == 0 && f.closed
	f.fuse.mu.Unlock()
	if last {
		f.File.Close() // out of the lock, for which every sync waits: closing may take long too
	}
	f.fuse.mu.Lock()
	defer f.fuse.mu.Unlock()
	if f.fuse.syncing--; f.fuse.syncing == 0 && f.fuse.idle != nil {
		close(f.fuse.idle)
		f.fuse.idle = nil
	}
}

// SyncTo implements vfs.File.
func (f *fusedFile) SyncTo(length int64) (full bool, err error) {
	f.fuse.do(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, nil
}

// Close implements vfs.File. The file is closed in any case.
func (f *fusedFile) Close() error {
	f.fuse.mu.Lock()
	f.closed = true
	syncing := f.syncing > 0
	f.fuse.mu.Unlock()
	if syncing {
		return nil
	}
	if err := f.File.Close(); err != nil {
		f.fuse.blow(err)
	}
	return nil
}
