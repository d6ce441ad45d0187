package embedded

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// file is the value of a file. Its id is in the key.
type file struct {
	Owner   chat.UserID    `json:"owner"`
	Name    string         `json:"name"`
	Size    int64          `json:"size"`
	Mime    string         `json:"mime"`
	Width   int            `json:"width,omitempty"`
	Height  int            `json:"height,omitempty"`
	Thumb   bool           `json:"thumb,omitempty"`
	Created time.Time      `json:"created"`
	State   chat.FileState `json:"state,omitempty"`
	Since   time.Time      `json:"since"`
}

func (f *file) of(id chat.FileID) chat.File {
	return chat.File{
		ID: id, Owner: f.Owner, Name: f.Name, Size: f.Size, Mime: f.Mime, Width: f.Width, Height: f.Height, Thumb: f.Thumb,
		Created: f.Created, State: f.State, Since: f.Since,
	}
}

func newFile(f *chat.File) file {
	return file{
		Owner: f.Owner, Name: f.Name, Size: f.Size, Mime: f.Mime, Width: f.Width, Height: f.Height, Thumb: f.Thumb,
		Created: f.Created, State: f.State, Since: f.Since,
	}
}

// fileKey begins a key with its kind and one file; ok is false for what is no file id. All ids have one length.
func fileKey(kind byte, id chat.FileID) (k []byte, ok bool) {
	return named(kind, string(id)), id.Valid()
}

func noFile() error { return chat.Errorf(chat.NotFound, "no such file") }

// PutFile implements chat.FileStore.
func (s *Store) PutFile(ctx context.Context, f chat.File, quota int64) error {
	k, ok := fileKey(kindFile, f.ID)
	if !ok {
		return chat.Errorf(chat.Invalid, "not a file id")
	}
	return s.update(ctx, func(c *change) error {
		if _, taken, err := s.get(k); err != nil {
			return err
		} else if taken {
			return chat.Errorf(chat.Conflict, "the file id is taken")
		}
		weight, err := s.addWeight(c, f.Owner, f.Weight())
		if err != nil {
			return err
		}
		if weight > quota {
			return chat.Errorf(chat.TooLarge, "your files would be over %d bytes together", quota)
		}
		if err := putLoose(c.Batch, k, f.State); err != nil {
			return err
		}
		return c.put(k, newFile(&f))
	})
}

// addWeight adds to what the files of a user weigh together, and returns the sum.
func (s *Store) addWeight(c *change, owner chat.UserID, by int64) (int64, error) {
	k, err := key(kindWeight, owner)
	if err != nil {
		return 0, err
	}
	value, _, err := s.get(k)
	if err != nil {
		return 0, err
	}
	weight, _ := binary.Uvarint(value)
	sum := max(int64(weight)+by, 0)
	return sum, broken(c.Set(k, binary.AppendUvarint(nil, uint64(sum)), nil))
}

// putLoose writes whether a file, whose key is given, is one that may have to go.
func putLoose(b *pebble.Batch, fileKey []byte, state chat.FileState) error {
	k := slices.Concat([]byte{kindLoose}, fileKey[1:])
	if state == chat.FileKept {
		return broken(b.Delete(k, nil))
	}
	return broken(b.Set(k, nil, nil))
}

// File implements chat.FileStore.
func (s *Store) File(ctx context.Context, id chat.FileID) (chat.File, error) {
	k, ok := fileKey(kindFile, id)
	if !ok {
		return chat.File{}, noFile()
	}
	if err := s.enter(ctx); err != nil {
		return chat.File{}, err
	}
	defer s.leave()
	f, err := s.loadFile(k)
	return f.of(id), err
}

func (s *Store) loadFile(key []byte) (f file, err error) {
	ok, err := s.load(key, &f)
	if err == nil && !ok {
		err = noFile()
	}
	return f, err
}

// Files implements chat.FileStore.
func (s *Store) Files(ctx context.Context, after chat.FileID, limit int) ([]chat.File, error) {
	return s.files(ctx, kindFile, after, limit, func(file) bool { return true })
}

// LooseFiles implements chat.FileStore.
func (s *Store) LooseFiles(ctx context.Context, before time.Time, after chat.FileID, limit int) ([]chat.File, error) {
	return s.files(ctx, kindLoose, after, limit, func(f file) bool { return f.Created.Before(before) })
}

// files goes through the ids of an index behind after and returns at most limit files that fit.
func (s *Store) files(ctx context.Context, index byte, after chat.FileID, limit int, fits func(file) bool) ([]chat.File, error) {
	from := []byte{index}
	if after != "" {
		k, ok := fileKey(index, after)
		if !ok {
			return nil, chat.Errorf(chat.Invalid, "not a file id")
		}
		from = append(k, 0)
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: []byte{index + 1}})
	if err != nil {
		return nil, broken(err)
	}
	defer it.Close()
	var found []chat.File
	for ok := it.First(); ok && len(found) < limit; ok = it.Next() {
		id := it.Key()[1:]
		f, err := s.loadFile(slices.Concat([]byte{kindFile}, id))
		switch {
		case chat.CodeOf(err) == chat.NotFound: // deleted meanwhile
		case err != nil:
			return nil, err
		case fits(f):
			found = append(found, f.of(chat.FileID(id)))
		}
	}
	return found, broken(it.Error())
}

// FilesWeight implements chat.FileStore.
func (s *Store) FilesWeight(ctx context.Context, owner chat.UserID) (int64, error) {
	k, err := key(kindWeight, owner)
	if err != nil {
		return 0, err
	}
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	value, _, err := s.get(k)
	weight, _ := binary.Uvarint(value)
	return int64(weight), err
}

// FileUsed implements chat.FileStore.
func (s *Store) FileUsed(ctx context.Context, id chat.FileID) (used bool, err error) {
	k, ok := fileKey(kindUse, id)
	if !ok {
		return false, nil
	}
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.leave()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: k, UpperBound: behind(k)})
	if err != nil {
		return false, broken(err)
	}
	used = it.First()
	return used, broken(it.Close())
}

// useFiles writes that the message at a place names these files, and no longer those that it named before. It belongs
// into the batch that writes the message.
func useFiles(b *pebble.Batch, conv *convKey, seq uint64, before, now []chat.FileID) error {
	place := binary.BigEndian.AppendUint64(slices.Clone(conv.key()), seq)
	for _, id := range before {
		if k, ok := fileKey(kindUse, id); ok && !slices.Contains(now, id) {
			if err := b.Delete(append(k, place...), nil); err != nil {
				return broken(err)
			}
		}
	}
	for _, id := range now {
		if k, ok := fileKey(kindUse, id); ok {
			if err := b.Set(append(k, place...), nil, nil); err != nil {
				return broken(err)
			}
		}
	}
	return nil
}

// SetFileState implements chat.FileStore.
func (s *Store) SetFileState(ctx context.Context, id chat.FileID, was, is chat.FileState, at time.Time) error {
	k, ok := fileKey(kindFile, id)
	if !ok {
		return noFile()
	}
	return s.update(ctx, func(c *change) error {
		f, err := s.loadFile(k)
		if err != nil {
			return err
		}
		if f.State != was {
			return chat.Errorf(chat.Conflict, "the file has changed meanwhile")
		}
		f.State, f.Since = is, at
		if err := putLoose(c.Batch, k, is); err != nil {
			return err
		}
		return c.put(k, f)
	})
}

// DeleteFile implements chat.FileStore.
func (s *Store) DeleteFile(ctx context.Context, id chat.FileID) error {
	k, ok := fileKey(kindFile, id)
	if !ok {
		return nil
	}
	return s.update(ctx, func(c *change) error {
		f, err := s.loadFile(k)
		if chat.CodeOf(err) == chat.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		gone := f.of(id)
		if _, err := s.addWeight(c, f.Owner, -gone.Weight()); err != nil {
			return err
		}
		if err := putLoose(c.Batch, k, chat.FileKept); err != nil {
			return err
		}
		return broken(c.Delete(k, nil))
	})
}
