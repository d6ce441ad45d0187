package media

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/parley-chat/parley/chat"
)

// tempPrefix marks our own unfinished files, in a folder that others may use too.
const tempPrefix = "parley-upload-"

// folder is where finished files stay, and where they begin.
type folder struct {
	dir    string
	tmp    string // where they begin, perhaps on another file system
	beside string // where they begin instead then: a folder on the same file system as dir
	rename func(from, to string) error
}

// openFolder makes the folders that are missing, and removes what a crash left half done in them more than a day ago.
func openFolder(dir, tmp, beside string, log *slog.Logger) (d folder, err error) {
	for _, path := range []string{dir, tmp, beside} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return d, chat.Wrap(chat.Internal, "upload folder not made", err)
		}
		if path == dir && beside != dir {
			continue // nothing begins there
		}
		if err := sweep(path, time.Now().Add(-24*time.Hour)); err != nil {
			log.Warn("old uploads not removed", "folder", path, "error", err)
		}
	}
	return folder{dir: dir, tmp: tmp, beside: beside, rename: os.Rename}, nil
}

// create begins a file.
func (d *folder) create() (*os.File, error) {
	f, err := os.CreateTemp(d.tmp, tempPrefix+"*")
	if err != nil {
		return nil, writeError("upload not begun", err)
	}
	return f, nil
}

// keep makes a file durable under its name. It is on the disk before it is moved, so that no half of it is ever seen;
// from another file system it is copied beside its place first.
func (d *folder) keep(f *os.File, name string) error {
	err := d.move(f, name)
	if errors.Is(err, syscall.EXDEV) {
		err = d.carry(f, name)
	}
	if err == nil {
		err = syncDir(d.dir)
	}
	if err != nil {
		return writeError("upload not stored", err)
	}
	return nil
}

// keepBytes keeps what is in memory.
func (d *folder) keepBytes(data []byte, name string) error {
	f, err := d.create()
	if err != nil {
		return err
	}
	defer discard(f)
	if _, err := f.Write(data); err != nil {
		return writeError("upload not written", err)
	}
	return d.keep(f, name)
}

func (d *folder) move(f *os.File, name string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	return d.rename(f.Name(), filepath.Join(d.dir, name))
}

func (d *folder) carry(f *os.File, name string) error {
	beside, err := os.CreateTemp(d.beside, tempPrefix+"*")
	if err != nil {
		return err
	}
	defer discard(beside) // after the move there is nothing left to remove
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(beside, f); err != nil {
		return err
	}
	return d.move(beside, name)
}

// remove deletes a finished file. A missing one is no error.
func (d *folder) remove(name string) error {
	if err := os.Remove(filepath.Join(d.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return chat.Wrap(chat.Internal, "upload not removed", err)
	}
	return nil
}

// receive copies an upload of at most so many bytes into a file and returns its size. what names it in errors.
func receive(ctx context.Context, f *os.File, r io.Reader, most int64, what string) (int64, error) {
	size, err := io.Copy(f, io.LimitReader(&reader{ctx, r}, most+1))
	var tooLong *http.MaxBytesError
	var disk *fs.PathError
	switch {
	case ctx.Err() != nil:
		return 0, cancelled(ctx)
	case size > most || errors.As(err, &tooLong):
		return 0, chat.Errorf(chat.TooLarge, "%s: over %d bytes", what, most)
	case errors.As(err, &disk):
		return 0, writeError("upload not written", err)
	case err != nil:
		return 0, chat.Wrap(chat.Invalid, what+": the upload broke off", err)
	case size == 0:
		return 0, chat.Errorf(chat.Invalid, "%s: empty", what)
	}
	return size, nil
}

// writeError says that an upload cannot be kept: later perhaps, when the disk has room again.
func writeError(message string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return chat.Wrap(chat.Unavailable, "there is no room for uploads now", err)
	}
	return chat.Wrap(chat.Internal, message, err)
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
