// Package media keeps pictures as files: it takes what someone uploads, makes it safe and small, and serves it.
//
// Nothing of a client becomes part of a path, and no byte of an upload is ever served: only what this package encoded
// itself. It does not know whose picture it is beyond the id that goes into the name.
package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/parley-chat/parley/chat"
)

// maxBytes bounds an upload.
const maxBytes = 8 << 20

// Pictures keeps pictures in one folder. It implements chat.PictureFiles. Make it with Open.
type Pictures struct {
	dir      string // where pictures stay
	tmp      string // where they begin, perhaps on another file system
	log      *slog.Logger
	decoding *semaphore.Weighted // in pixels
	patience time.Duration       // for one decoder
	rename   func(from, to string) error
}

// Open returns the pictures in dir; uploads begin in tmp. Both folders are made if they are missing, and what a crash
// left half done in them more than a day ago is removed.
func Open(dir, tmp string, log *slog.Logger) (*Pictures, error) {
	for _, folder := range []string{dir, tmp} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, chat.Wrap(chat.Internal, "picture folder not made", err)
		}
		if err := sweep(folder, time.Now().Add(-24*time.Hour)); err != nil {
			log.Warn("old uploads not removed", "folder", folder, "error", err)
		}
	}
	return &Pictures{
		dir:      dir,
		tmp:      tmp,
		log:      log,
		decoding: semaphore.NewWeighted(maxPixels),
		patience: 30 * time.Second,
		rename:   os.Rename,
	}, nil
}

// SaveAvatar reads an image (JPEG, PNG, GIF or WebP, at most 8 MB and 40 megapixels), turns it upright, fits it into
// 512 × 512 pixels and keeps it, without its metadata, under a name made from owner and content. Of an animated GIF it
// keeps the first frame.
//
// Errors: Invalid when it is no such image, TooLarge, Unavailable when ctx ends first.
func (p *Pictures) SaveAvatar(ctx context.Context, owner chat.UserID, r io.Reader) (name string, err error) {
	upload, err := os.CreateTemp(p.tmp, tempPrefix+"*")
	if err != nil {
		return "", chat.Wrap(chat.Internal, "upload not begun", err)
	}
	defer discard(upload)
	size, err := receive(ctx, upload, r)
	if err != nil {
		return "", err
	}
	data, ext, err := p.render(ctx, upload, size)
	if err != nil {
		return "", err
	}
	name = pictureName(owner, data, ext)
	if err := p.keep(name, data); err != nil {
		return "", chat.Wrap(chat.Internal, "picture not stored", err)
	}
	return name, nil
}

// receive copies an upload into a file and returns its size.
func receive(ctx context.Context, upload *os.File, r io.Reader) (int64, error) {
	size, err := io.Copy(upload, io.LimitReader(&reader{ctx, r}, maxBytes+1))
	var tooLong *http.MaxBytesError
	var disk *fs.PathError
	switch {
	case ctx.Err() != nil:
		return 0, cancelled(ctx)
	case size > maxBytes || errors.As(err, &tooLong):
		return 0, chat.Errorf(chat.TooLarge, "picture: over %d MB", maxBytes>>20)
	case errors.As(err, &disk):
		return 0, chat.Wrap(chat.Internal, "upload not written", err)
	case err != nil:
		return 0, chat.Wrap(chat.Invalid, "picture: the upload broke off", err)
	case size == 0:
		return 0, chat.Errorf(chat.Invalid, "picture: empty")
	}
	return size, nil
}

// Remove deletes a picture by a name that SaveAvatar gave. A missing file is no error; Invalid for any other name.
func (p *Pictures) Remove(name string) error {
	if !validName(name) {
		return chat.Errorf(chat.Invalid, "picture: not a name of a picture")
	}
	if err := os.Remove(filepath.Join(p.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return chat.Wrap(chat.Internal, "picture not removed", err)
	}
	return nil
}

// nameDigits is the length of a picture's name without the extension.
const nameDigits = 32

// pictureName names a picture by its content, so that it may be cached for ever, and by its owner, so that removing
// hers leaves the same picture of another user alone.
func pictureName(owner chat.UserID, data []byte, ext string) string {
	sum := sha256.New()
	sum.Write([]byte(owner)) // always 24 bytes
	sum.Write(data)
	return hex.EncodeToString(sum.Sum(nil)[:nameDigits/2]) + ext
}

// validName tells whether pictureName could have made name. No other name ever meets the file system.
func validName(name string) bool {
	if len(name) != nameDigits+len(extJPEG) {
		return false
	}
	digits, ext := name[:nameDigits], name[nameDigits:]
	return strings.Trim(digits, "0123456789abcdef") == "" && (ext == extJPEG || ext == extPNG)
}

// reader ends with its context: a decoder or a copy that takes too long stops at its next read.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

func cancelled(ctx context.Context) error {
	return chat.Wrap(chat.Unavailable, "cancelled", ctx.Err())
}
