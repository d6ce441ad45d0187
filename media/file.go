package media

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// tempPrefix marks our own unfinished files, in a folder that others may use too.
const tempPrefix = "parley-picture-"

// keep makes a picture durable under its name. It is written in tmp and moved, so that no half of it is ever seen; where
// tmp is on another file system it is written beside its place.
func (p *Pictures) keep(name string, data []byte) error {
	err := p.place(p.tmp, name, data)
	if errors.Is(err, syscall.EXDEV) {
		err = p.place(p.dir, name, data)
	}
	if err != nil {
		return err
	}
	return syncDir(p.dir)
}

// place writes a picture to the disk in the folder from, then moves it to its name.
func (p *Pictures) place(from, name string, data []byte) error {
	f, err := os.CreateTemp(from, tempPrefix+"*")
	if err != nil {
		return err
	}
	defer discard(f) // after the move there is nothing left to remove
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return p.rename(f.Name(), filepath.Join(p.dir, name))
}

func discard(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// sweep removes our unfinished files that nobody has written to since before.
func sweep(dir string, before time.Time) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), tempPrefix) || !entry.Type().IsRegular() {
			continue
		}
		info, failed := entry.Info()
		if failed == nil && info.ModTime().Before(before) {
			failed = os.Remove(filepath.Join(dir, entry.Name()))
		}
		if failed != nil && !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return err
}
