package embedded

import (
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Sizes. The cache fills as old conversations are read, a memtable as messages come; an idle engine uses neither.
const (
	cacheSize    = 64 << 20
	memTableSize = 16 << 20
	blockSize    = 8 << 10 // of tables: what is read and compressed at once; larger ones cost memory of the cache
)

// Each memtable that was written out is a layer of tables over all conversations, and sorting one layer into those below
// rewrites much of them. So several wait for each other, as long as a read can look into all of them.
const (
	layersSorted = 4
	layersMost   = 24 // writes wait for the sorting
)

func options(fs vfs.FS, logger *logger) *pebble.Options {
	o := &pebble.Options{
		FS:                          fs,
		CacheSize:                   cacheSize,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: 4,                // a burst goes on while full memtables are being written out
		L0CompactionThreshold:       2 * layersSorted, // Pebble counts a layer twice
		L0StopWritesThreshold:       layersMost,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      logger,
		EventListener: &pebble.EventListener{
			DiskSlow: func(info pebble.DiskSlowInfo) {
				logger.log.Warn("slow disk", "path", info.Path, "duration", info.Duration)
			},
			WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
				logger.log.Warn("writes wait for the disk", "reason", info.Reason)
			},
		},
	}
	// Tables by row: writing them by column takes a tenth more time, and nothing here reads single columns.
	o.Experimental.EnableColumnarBlocks = func() bool { return false }
	// Most refs are new: a Bloom filter says so without reading a table. 10 bits are wrong once in a hundred times.
	// One index per table, not an index of small indexes: a table is a few megabytes.
	for i := range o.Levels {
		o.Levels[i].BlockSize = blockSize
		o.Levels[i].IndexBlockSize = 256 << 10
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

// logger hands Pebble's own words to the log.
type logger struct {
	log  *slog.Logger
	exit func(code int)
	fuse *fuse // of the database that speaks; nil for the store's own logger
}

// Infof implements pebble.Logger.
func (l *logger) Infof(format string, args ...any) {
	l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (l *logger) Errorf(format string, args ...any) {
	if l.cutOff() {
		l.Infof(format, args...)
		return
	}
	l.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf ends the process, as Pebble asks when it finds that what it holds contradicts itself, or that a table on the disk is
// not what it wrote. A disk that fails is not a reason: the fuse keeps that from Pebble.
func (l *logger) Fatalf(format string, args ...any) {
	if l.cutOff() {
		l.Infof(format, args...)
		return
	}
	l.log.Error("the embedded engine cannot go on and ends the server", "cause", fmt.Sprintf(format, args...))
	l.exit(1)
}

// cutOff tells whether it is a database that speaks which is cut off from the disk: then what goes wrong in it means nothing.
func (l *logger) cutOff() bool { return l.fuse != nil && l.fuse.blown() != nil }

// fatalPanic treats a panic out of Pebble's commit like Fatalf: its locks are then held for good, and a door that
// recovers from panics must not serve on.
func (l *logger) fatalPanic() {
	if p := recover(); p != nil {
		l.Fatalf("%v", p)
	}
}
