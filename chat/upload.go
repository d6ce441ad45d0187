package chat

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// FileBodies keeps the bytes of files.
type FileBodies interface {
	// Receive reads an upload to its end and finds out what it is. It waits under no name until it is kept or discarded;
	// nothing of it remains on an error: Invalid, TooLarge, Unavailable, and what terms.Accept returns.
	Receive(ctx context.Context, r io.Reader, terms FileTerms) (FileBody, error)
	// Remove deletes what was kept under an id. What is not there is no error.
	Remove(id FileID) error
}

// FileTerms are what an upload must keep to.
type FileTerms struct {
	Most   int64                   // bytes
	Voice  bool                    // what may be sound or a film is sound
	Accept func(mime string) error // refuses types; asked before there is much work to do
}

// FileBody is an upload that has come.
type FileBody interface {
	// Facts tells what it is.
	Facts() FileFacts
	// Keep makes it durable under an id.
	Keep(id FileID) error
	// Discard lets go of it. What was kept stays.
	Discard()
}

// FileFacts are what the bytes say of a file: see File. Extension goes with the type, and begins with a dot or is "".
type FileFacts struct {
	Size          int64
	Mime          string
	Extension     string
	Width, Height int
	Thumb         bool
}

// Upload is a request to keep a file.
type Upload struct {
	Owner UserID
	Name  string // what the client calls it; may be ""
	Voice bool   // it is a voice message
	Body  io.Reader
}

// uploadsAtOnce bounds the uploads of one user that are under way, and with that what she may hold of the disk beside
// her quota. Browsers send six at once to a host.
const uploadsAtOnce = 8

// Files are the rules of uploads. All fields but the unexported are needed.
type Files struct {
	Store  FileStore
	Bodies FileBodies
	Most   int64         // bytes of one file
	Quota  int64         // bytes of one user's files together
	Types  []string      // that are taken, as "image/png" or "image/*"; "*" or nothing for all
	Keep   time.Duration // how long a file may wait for a message that names it
	Now    func() time.Time
	Log    *slog.Logger

	mu      sync.Mutex // guards uploads
	uploads map[UserID]int
}

// Save keeps an upload. Once it returns, the file is durable, and is deleted later if no message names it.
//
// Errors: Invalid when it is empty, broken off, a damaged picture or of a type that is not taken; TooLarge, also when
// the user's files would be too large together; TooMany; Unavailable.
func (s *Files) Save(ctx context.Context, u Upload) (File, error) {
	if !s.begin(u.Owner) {
		return File{}, tooMany("too many uploads of yours are under way", time.Second)
	}
	defer s.end(u.Owner)
	// Before the bytes come, because a full quota should not cost the time that they take. PutFile decides.
	if weight, err := s.Store.FilesWeight(ctx, u.Owner); err != nil {
		return File{}, err
	} else if weight >= s.Quota {
		return File{}, Errorf(TooLarge, "your files are %d bytes together: no more than that are kept", weight)
	}
	body, err := s.Bodies.Receive(ctx, u.Body, FileTerms{Most: s.Most, Voice: u.Voice, Accept: s.accept})
	if err != nil {
		return File{}, err
	}
	defer body.Discard()
	facts, now := body.Facts(), s.Now().Truncate(time.Millisecond)
	f := File{
		ID: NewFileID(), Owner: u.Owner, Name: fileName(u.Name, facts.Mime, facts.Extension), Size: facts.Size,
		Mime: facts.Mime, Width: facts.Width, Height: facts.Height, Thumb: facts.Thumb, Created: now, Since: now,
	}
	// The record comes first: bytes without one would never be found again, a record without bytes is collected.
	if err := s.Store.PutFile(ctx, f, s.Quota); err != nil {
		return File{}, err
	}
	if err := body.Keep(f.ID); err != nil {
		s.drop(context.WithoutCancel(ctx), f.ID)
		return File{}, err
	}
	return f, nil
}

// drop deletes a file whose bytes could not be kept. What is left of it after a failure is collected.
func (s *Files) drop(ctx context.Context, id FileID) {
	err := s.Bodies.Remove(id)
	if err == nil {
		err = s.Store.DeleteFile(ctx, id)
	}
	if err != nil {
		s.Log.Warn("a failed upload was not removed", "file", id, "error", err)
	}
}

// File returns the file with this id. Whoever knows the id may have it. NotFound when there is none.
func (s *Files) File(ctx context.Context, id FileID) (File, error) {
	if !id.Valid() {
		return File{}, Errorf(NotFound, "no such file")
	}
	return s.Store.File(ctx, id)
}

func (s *Files) accept(mime string) error {
	if len(s.Types) == 0 {
		return nil
	}
	kind, _, _ := strings.Cut(mime, "/")
	for _, t := range s.Types {
		if t == "*" || t == mime || t == kind+"/*" {
			return nil
		}
	}
	return Errorf(Invalid, "file: %s is not taken here, only %s", mime, strings.Join(s.Types, ", "))
}

// begin counts an upload; false when the user has too many under way.
func (s *Files) begin(user UserID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uploads == nil {
		s.uploads = make(map[UserID]int)
	}
	if s.uploads[user] >= uploadsAtOnce {
		return false
	}
	s.uploads[user]++
	return true
}

func (s *Files) end(user UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uploads[user]--; s.uploads[user] == 0 {
		delete(s.uploads, user)
	}
}
