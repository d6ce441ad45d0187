package chat

import (
	"context"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
)

// PicturePrefix begins the path of every picture; its name follows.
const PicturePrefix = "/mongo/img/"

// PictureURL is where a client finds a picture, given as an account has it, on the server at base; with "" that is a path.
// Where the Node server wrote a URL, it is that.
func PictureURL(base, stored string) string {
	if stored == "" || strings.HasPrefix(stored, "http://") || strings.HasPrefix(stored, "https://") {
		return stored
	}
	return base + (&url.URL{Path: PicturePrefix + stored}).EscapedPath()
}

// PictureFiles keeps pictures as files.
type PictureFiles interface {
	// SaveAvatar reads an image, makes it safe and small, and keeps it under a name made from owner and content.
	// Invalid when it is no image, TooLarge when it has too many bytes or pixels.
	SaveAvatar(ctx context.Context, owner UserID, r io.Reader) (name string, err error)
	// Remove deletes a picture by a name that SaveAvatar gave. A missing file is no error.
	Remove(name string) error
}

// Pictures are the rules of avatars.
type Pictures struct {
	Files    PictureFiles
	Accounts AccountStore
	Log      *slog.Logger

	uploading sync.Map // UserID: those whose upload is under way
}

// SetAvatar gives a user a new picture and removes the one she had, by the server's own record.
//
// Errors: Invalid when r is no image, TooLarge, Conflict while another upload of the same user is under way.
func (s *Pictures) SetAvatar(ctx context.Context, user UserID, r io.Reader) (name string, err error) {
	// One at a time: of two, the one could remove as former the very file that the other has just saved again. It
	// also keeps one user from holding all the room for decoding.
	if _, busy := s.uploading.LoadOrStore(user, true); busy {
		return "", Errorf(Conflict, "another upload of yours is under way")
	}
	defer s.uploading.Delete(user)
	name, err = s.Files.SaveAvatar(ctx, user, r)
	if err != nil {
		return "", err
	}
	former, err := s.Accounts.SetPicture(ctx, user, name)
	if err != nil {
		// The file stays if the engine did not answer: it may have stored the name all the same.
		if CodeOf(err) == NotFound { // she deleted her account meanwhile
			s.remove(name)
		}
		return "", err
	}
	if former != name {
		s.remove(former)
	}
	return name, nil
}

// remove deletes the file of a picture that nobody has any more. One with a URL is the Node server's: not ours to delete.
func (s *Pictures) remove(name string) {
	if name == "" || strings.Contains(name, "/") {
		return
	}
	if err := s.Files.Remove(name); err != nil {
		s.Log.Warn("former picture not removed", "name", name, "error", err)
	}
}

// LeaveAll implements Leaver: the user's picture goes. Conflict while an upload of hers is under way.
func (s *Pictures) LeaveAll(ctx context.Context, user UserID) error {
	if _, busy := s.uploading.LoadOrStore(user, true); busy {
		return Errorf(Conflict, "an upload of yours is under way")
	}
	defer s.uploading.Delete(user)
	former, err := s.Accounts.SetPicture(ctx, user, "")
	switch CodeOf(err) {
	case "":
		s.remove(former)
		return nil
	case NotFound:
		return nil // with the account
	default:
		return err
	}
}
