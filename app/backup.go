package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/chat"
)

// archiveFile is what a backup has in place of the engine's folder where MongoDB is the engine.
const archiveFile = "archive.ndjson"

// backup makes a copy of all data in dir, which may be missing or empty. On the embedded engine it is what DATA_DIR of a
// new server may be; on MongoDB it has an archive to import.
//
// Every message that was acknowledged before is in it. The files come before the engine, which names them, and once
// more after it: so what the engine names in the copy is there.
func (w *worker) backup(ctx context.Context, dir string, out io.Writer) (err error) {
	if dir == "" || !filepath.IsAbs(dir) {
		return chat.Errorf(chat.Invalid, "backup: no folder")
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return chat.Errorf(chat.Conflict, "%s is not empty: name a folder that is", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := filepath.Abs(w.cfg.DataDir)
	if err != nil {
		return err
	}
	if inside, err := filepath.Rel(data, dir); err == nil && filepath.IsLocal(inside) {
		return chat.Errorf(chat.Invalid, "%s is inside of DATA_DIR: name a folder outside", dir)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	// Under its name there is a whole backup or none.
	part, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-*") // mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	files := copier{from: data, to: part, skip: map[string]bool{engineFolder: true, controlFolder: true}}
	if tmp, err := filepath.Abs(w.cfg.TmpDir); err == nil {
		if inside, err := filepath.Rel(data, tmp); err == nil && inside != "." {
			files.skip[inside] = true
		}
	}
	if err := files.pass(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d files copied\n", files.count)
	if err := w.backupEngine(ctx, part, out); err != nil {
		return err
	}
	if err := files.pass(ctx); err != nil {
		return err
	}
	if err := syncFolders(part); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // only an empty one goes
		return err
	}
	if err := os.Rename(part, dir); err != nil {
		return err
	}
	fmt.Fprintf(out, "backup of %s in %s\n", data, dir)
	return syncFolder(filepath.Dir(dir))
}

func (w *worker) backupEngine(ctx context.Context, part string, out io.Writer) error {
	if engine, ok := w.store.(interface {
		Checkpoint(ctx context.Context, dir string) error
	}); ok {
		return engine.Checkpoint(ctx, filepath.Join(part, engineFolder))
	}
	f, err := os.OpenFile(filepath.Join(part, archiveFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	counts, err := (&chat.Archives{Store: w.store, Now: w.now}).Export(ctx, f)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d records exported: %s\n", counts.Total(), inWords(counts))
	return errors.Join(f.Sync(), f.Close())
}

// copier copies a tree of files that are never written to again once they have their name.
type copier struct {
	from, to string
	skip     map[string]bool // relative to from
	count    int
}

// pass copies what is there and not in the copy yet. A file that goes away meanwhile is none.
func (c *copier) pass(ctx context.Context) error {
	return filepath.WalkDir(c.from, func(path string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(c.from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(c.to, name)
		switch {
		case c.skip[name]:
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case entry.IsDir():
			return os.MkdirAll(to, 0o700)
		case !entry.Type().IsRegular():
			return nil
		}
		added, err := copyFile(path, to, filepath.Dir(name) == ".")
		if added {
			c.count++
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// copyFile makes a hard link, or where that cannot be, or must not, a copy. A file that is there stays.
func copyFile(from, to string, apart bool) (added bool, err error) {
	if _, err := os.Lstat(to); err == nil {
		return false, nil
	}
	if !apart {
		if err := os.Link(from, to); err == nil || errors.Is(err, fs.ErrNotExist) {
			return err == nil, err
		}
	}
	source, err := os.Open(from)
	if err != nil {
		return false, err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false, err
	}
	defer target.Close()
	_, err = io.Copy(target, source)
	return true, errors.Join(err, target.Sync(), target.Close())
}

// syncFolders makes the names in a tree durable.
func syncFolders(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = syncFolder(path)
		}
		return err
	})
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
