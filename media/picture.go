// Package media keeps what people upload: avatars, which it makes anew, and files, which it keeps but for the metadata
// of pictures. It serves both so that no browser runs them.
//
// Nothing of a client becomes part of a path. It does not know whose upload it is beyond the id that goes into an
// avatar's name, nor what names a file.
package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"strings"

	"github.com/parley-chat/parley/chat"
)

// maxBytes bounds an upload.
const maxBytes = 8 << 20

// Pictures keeps pictures in one folder. It implements chat.PictureFiles. Make it with Open.
type Pictures struct {
	folder
	*decoder
}

// Open returns the pictures in dir; uploads begin in tmp. Both folders are made if they are missing, and what a crash
// left half done in them more than a day ago is removed.
func Open(dir, tmp string, log *slog.Logger) (*Pictures, error) {
	d, err := openFolder(dir, tmp, dir, log)
	if err != nil {
		return nil, err
	}
	return &Pictures{d, newDecoder(log)}, nil
}

// SaveAvatar reads an image (JPEG, PNG, GIF or WebP, at most 8 MB and 40 megapixels), turns it upright, fits it into
// 512 × 512 pixels and keeps it, without its metadata, under a name made from owner and content. Of an animated GIF it
// keeps the first frame.
//
// Errors: Invalid when it is no such image, TooLarge, Unavailable when ctx ends first.
func (p *Pictures) SaveAvatar(ctx context.Context, owner chat.UserID, r io.Reader) (name string, err error) {
	upload, err := p.create()
	if err != nil {
		return "", err
	}
	defer discard(upload)
	size, err := receive(ctx, upload, r, maxBytes, "picture")
	if err != nil {
		return "", err
	}
	look, err := p.examine(upload, size)
	if err != nil {
		return "", err
	}
	data, ext, err := p.render(ctx, upload, look, avatarSide)
	if err != nil {
		return "", err
	}
	name = pictureName(owner, data, ext)
	return name, p.keepBytes(data, name)
}

// Remove deletes a picture by a name that SaveAvatar gave. A missing file is no error; Invalid for any other name.
func (p *Pictures) Remove(name string) error {
	if !validName(name) {
		return chat.Errorf(chat.Invalid, "picture: not a name of a picture")
	}
	return p.remove(name)
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
