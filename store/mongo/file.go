package mongo

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/chat"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// fileDoc is a document of files. Loose is the time of creation while the file is not kept, and missing else, so that
// a sparse index holds the loose ones alone.
type fileDoc struct {
	ID      chat.FileID    `bson:"_id"`
	Owner   chat.UserID    `bson:"owner"`
	Name    string         `bson:"name"`
	Size    int64          `bson:"size"`
	Weight  int64          `bson:"weight"`
	Mime    string         `bson:"mime"`
	Width   int            `bson:"width,omitempty"`
	Height  int            `bson:"height,omitempty"`
	Thumb   bool           `bson:"thumb,omitempty"`
	Created time.Time      `bson:"created"`
	State   chat.FileState `bson:"state"`
	Since   time.Time      `bson:"since"`
	Loose   time.Time      `bson:"loose,omitempty"`
}

func newFileDoc(f *chat.File) fileDoc {
	d := fileDoc{
		ID: f.ID, Owner: f.Owner, Name: f.Name, Size: f.Size, Weight: f.Weight(), Mime: f.Mime, Width: f.Width,
		Height: f.Height, Thumb: f.Thumb, Created: f.Created, State: f.State, Since: f.Since,
	}
	if f.State != chat.FileKept {
		d.Loose = f.Created
	}
	return d
}

func (d *fileDoc) file() chat.File {
	return chat.File{
		ID: d.ID, Owner: d.Owner, Name: d.Name, Size: d.Size, Mime: d.Mime, Width: d.Width, Height: d.Height, Thumb: d.Thumb,
		Created: d.Created, State: d.State, Since: d.Since,
	}
}

func noSuchFile() error { return chat.Errorf(chat.NotFound, "no such file") }

// PutFile stores a new file: see chat.FileStore. The file is inserted first and weighed with the others second: of two
// at the same moment the later one sees both, whichever process it is in, so they never pass the quota together.
func (s *Store) PutFile(ctx context.Context, f chat.File, quota int64) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	_, err := s.files.InsertOne(ctx, newFileDoc(&f))
	if duplicate(err) {
		return chat.Wrap(chat.Conflict, "the file id is taken", err)
	}
	if err != nil {
		return failure(err)
	}
	weight, err := s.FilesWeight(ctx, f.Owner)
	if err == nil && weight > quota {
		err = chat.Errorf(chat.TooLarge, "your files would be over %d bytes together", quota)
	}
	if err != nil {
		// If this fails as well, a file stays that nobody names, and is collected.
		_ = s.DeleteFile(context.WithoutCancel(ctx), f.ID)
	}
	return err
}

// File returns the file with this id, or NotFound.
func (s *Store) File(ctx context.Context, id chat.FileID) (chat.File, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var d fileDoc
	err := s.files.FindOne(ctx, byID(id)).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return chat.File{}, noSuchFile()
	}
	if err != nil {
		return chat.File{}, failure(err)
	}
	return d.file(), nil
}

// Files returns at most limit files whose ids follow after, in the order of ids.
func (s *Store) Files(ctx context.Context, after chat.FileID, limit int) ([]chat.File, error) {
	return s.filesBehind(ctx, after, limit)
}

// LooseFiles is Files for those that are not kept and were created before before.
func (s *Store) LooseFiles(ctx context.Context, before time.Time, after chat.FileID, limit int) ([]chat.File, error) {
	return s.filesBehind(ctx, after, limit, bson.E{Key: "loose", Value: bson.D{{Key: "$lt", Value: before}}})
}

func (s *Store) filesBehind(ctx context.Context, after chat.FileID, limit int, filter ...bson.E) ([]chat.File, error) {
	if limit <= 0 {
		return nil, nil // MongoDB takes 0 for no limit
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var docs []fileDoc
	err := find(ctx, s.files, append(bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: after}}}}, filter...), &docs,
		options.Find().SetSort(byID(1)).SetLimit(int64(limit)))
	if err != nil {
		return nil, err
	}
	files := make([]chat.File, len(docs))
	for i := range docs {
		files[i] = docs[i].file()
	}
	return files, nil
}

// FilesWeight returns what the files of a user weigh together.
func (s *Store) FilesWeight(ctx context.Context, owner chat.UserID) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	sums, err := s.files.Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: bson.D{{Key: "owner", Value: owner}}}},
		{{Key: "$group", Value: bson.D{{Key: "_id", Value: nil}, {Key: "weight", Value: bson.D{{Key: "$sum", Value: "$weight"}}}}}},
	})
	if err != nil {
		return 0, failure(err)
	}
	var sum []struct {
		Weight int64 `bson:"weight"`
	}
	if err := sums.All(ctx, &sum); err != nil || len(sum) == 0 {
		return 0, failure(err)
	}
	return sum[0].Weight, nil
}

// FileUsed tells whether a stored message names the file in its Files.
func (s *Store) FileUsed(ctx context.Context, id chat.FileID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	err := s.messages.FindOne(ctx, bson.D{{Key: "files", Value: id}}, options.FindOne().SetProjection(byID(1))).Err()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, failure(err)
}

// SetFileState moves a file from one state into another: see chat.FileStore. MongoDB compares and swaps in one atomic
// step; see stripe for FerretDB.
func (s *Store) SetFileState(ctx context.Context, id chat.FileID, was, is chat.FileState, at time.Time) error {
	f, err := s.File(ctx, id) // for its owner and time of creation, which never change
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	lock := s.stripe(string(f.Owner))
	lock.Lock()
	defer lock.Unlock()
	change := bson.D{{Key: "state", Value: is}, {Key: "since", Value: at}}
	var update bson.D
	if is == chat.FileKept {
		update = append(set(change), bson.E{Key: "$unset", Value: bson.D{{Key: "loose", Value: ""}}})
	} else {
		update = set(append(change, bson.E{Key: "loose", Value: f.Created}))
	}
	result, err := s.files.UpdateOne(ctx, append(byID(id), bson.E{Key: "state", Value: was}), update)
	if err != nil {
		return failure(err)
	}
	if result.MatchedCount == 0 {
		if _, err := s.File(ctx, id); err != nil {
			return err
		}
		return chat.Errorf(chat.Conflict, "the file has changed meanwhile")
	}
	return nil
}

// DeleteFile forgets a file. A missing one is no error.
func (s *Store) DeleteFile(ctx context.Context, id chat.FileID) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	_, err := s.files.DeleteOne(ctx, byID(id))
	return failure(err)
}
