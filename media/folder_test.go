package media

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func TestUploadsOnAnotherFileSystem(t *testing.T) {
	upload := asPNG(t, picture(40, 30))
	t.Run("as rename tells it", func(t *testing.T) {
		p := open(t)
		var from []string
		p.rename = func(old, new string) error {
			from = append(from, filepath.Dir(old))
			if filepath.Dir(old) != filepath.Dir(new) {
				return &os.LinkError{Op: "rename", Old: old, New: new, Err: syscall.EXDEV}
			}
			return os.Rename(old, new)
		}
		_, img := saved(t, p, save(t, p, ann, upload))
		wantQuarters(t, img)
		if !slices.Equal(from, []string{p.tmp, p.dir}) {
			t.Fatalf("moved from %v", from)
		}
	})
	t.Run("as the machine has it", func(t *testing.T) {
		p := open(t)
		shm, err := os.MkdirTemp("/dev/shm", "parley-test-")
		if err != nil {
			t.Skip("no /dev/shm here")
		}
		t.Cleanup(func() { os.RemoveAll(shm) })
		p.tmp = shm
		probe := filepath.Join(shm, "probe")
		must(t, os.WriteFile(probe, nil, 0o600))
		if err := os.Rename(probe, filepath.Join(p.dir, "probe")); !errors.Is(err, syscall.EXDEV) {
			t.Skip("/dev/shm is on the same file system")
		}
		must(t, os.Remove(probe))
		name := save(t, p, ann, upload)
		_, img := saved(t, p, name)
		wantQuarters(t, img)
		must(t, p.Remove(name))
		wantEmpty(t, p.dir)
	})
}

func TestFailedMoveLeavesNothing(t *testing.T) {
	p := open(t)
	p.rename = func(string, string) error { return syscall.EIO }
	upload := asPNG(t, picture(40, 30))
	_, err := p.SaveAvatar(t.Context(), ann, bytes.NewReader(upload))
	if chat.CodeOf(err) != chat.Internal || !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v", err)
	}
	wantEmpty(t, p.tmp)
	wantEmpty(t, p.dir)
}

func TestOpenRemovesWhatACrashLeft(t *testing.T) {
	p := open(t)
	now := time.Now()
	files := map[string]struct {
		age   time.Duration
		stays bool
	}{
		tempPrefix + "old":                     {25 * time.Hour, false},
		tempPrefix + "of a running upload":     {time.Hour, true},
		"someone-elses":                        {25 * time.Hour, true},
		"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a.jpg": {25 * time.Hour, true},
	}
	for _, dir := range []string{p.tmp, p.dir} {
		must(t, os.Mkdir(filepath.Join(dir, tempPrefix+"folder"), 0o700))
		for name, file := range files {
			path := filepath.Join(dir, name)
			must(t, os.WriteFile(path, nil, 0o600))
			must(t, os.Chtimes(path, now, now.Add(-file.age)))
		}
	}
	_, err := Open(p.dir, p.tmp, p.log)
	must(t, err)
	for _, dir := range []string{p.tmp, p.dir} {
		for name, file := range files {
			if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != file.stays {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestOpenNeedsItsFolders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := Open(filepath.Join(file, "img"), t.TempDir(), open(t).log); chat.CodeOf(err) != chat.Internal {
		t.Fatalf("got %v", err)
	}
}
