package chat

import (
	"context"
	"time"
)

// A file that no message names is deleted. Both sides of the question move: a message may be on its way that names the
// file, and a message that named it may be recalled. So a file goes in two steps. It is condemned, from when on no message
// may name it; and when a message that was taken before must long be stored, it is looked for once more, and deleted or
// kept.

const (
	collectEvery = 10 * time.Minute
	// condemnedFor is how long a file is condemned before it is deleted. A message on its way is stored, or refused,
	// within a minute.
	condemnedFor = 10 * time.Minute
	// recheckEvery is how often kept files are looked at: those whose message was recalled, or whose time is over.
	recheckEvery = 24 * time.Hour
	// recheckFirst is when after the start they are looked at first: a server that is started anew every day does it too.
	recheckFirst = time.Hour
	collectPage  = 256
)

// Run collects files that no message names, until ctx ends.
func (s *Files) Run(ctx context.Context) {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	lastFull := s.Now().Add(recheckFirst - recheckEvery)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := s.Now()
		err := s.Collect(ctx)
		if err == nil && now.Sub(lastFull) >= recheckEvery {
			if err = s.Recheck(ctx); err == nil {
				lastFull = now
			}
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("unused files not collected", "error", err)
		}
	}
}

// Collect goes once through the files that are not known to be used, and moves each one step: a used one is kept, one
// that has waited for Keep is condemned, and one that has been condemned for a while is deleted.
func (s *Files) Collect(ctx context.Context) error {
	now := s.Now()
	page := func(after FileID) ([]File, error) {
		return s.Store.LooseFiles(ctx, now.Add(-s.Keep), after, collectPage)
	}
	return eachFile(page, func(f *File) error {
		if f.State == FileCondemned && now.Sub(f.Since) < condemnedFor {
			return nil
		}
		used, err := s.Store.FileUsed(ctx, f.ID)
		switch {
		case err != nil:
			return err
		case used:
			return s.move(ctx, f, FileKept)
		case f.State == FileNew:
			return s.move(ctx, f, FileCondemned)
		}
		// The bytes go first: without its record nobody would find them again.
		if err := s.Bodies.Remove(f.ID); err != nil {
			return err
		}
		return s.Store.DeleteFile(ctx, f.ID)
	})
}

// Recheck goes once through the kept files, and makes those loose again that no message names any more.
func (s *Files) Recheck(ctx context.Context) error {
	page := func(after FileID) ([]File, error) { return s.Store.Files(ctx, after, collectPage) }
	return eachFile(page, func(f *File) error {
		if f.State != FileKept {
			return nil
		}
		used, err := s.Store.FileUsed(ctx, f.ID)
		if err != nil || used {
			return err
		}
		return s.move(ctx, f, FileNew)
	})
}

// move changes a file's state. That it has changed or gone meanwhile is as well.
func (s *Files) move(ctx context.Context, f *File, to FileState) error {
	return moveFile(ctx, s.Store, f, to, s.Now())
}

func moveFile(ctx context.Context, store FileStore, f *File, to FileState, now time.Time) error {
	switch err := store.SetFileState(ctx, f.ID, f.State, to, now.Truncate(time.Millisecond)); CodeOf(err) {
	case Conflict, NotFound:
		return nil
	default:
		return err
	}
}

func eachFile(page func(after FileID) ([]File, error), do func(*File) error) error {
	var after FileID
	for {
		files, err := page(after)
		if err != nil || len(files) == 0 {
			return err
		}
		for i := range files {
			if err := do(&files[i]); err != nil {
				return err
			}
		}
		after = files[len(files)-1].ID
	}
}
