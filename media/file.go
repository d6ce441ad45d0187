package media

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"github.com/parley-chat/parley/chat"
)

const (
	thumbSide   = 320
	thumbSuffix = ".thumb" // of the thumbnail's name; no file id has a dot
	sniffBytes  = 3072     // that tell a type; what mimetype reads
)

// Files keeps uploads in one folder, under their ids. It implements chat.FileBodies. Make it with OpenFiles.
type Files struct {
	folder
	*decoder
}

// OpenFiles returns the files in dir, which is made if it is missing. Uploads begin where those of pictures do, and share
// their room for pixels.
func OpenFiles(dir string, pictures *Pictures) (*Files, error) {
	d, err := openFolder(dir, pictures.tmp, filepath.Join(dir, "incoming"), pictures.log)
	if err != nil {
		return nil, err
	}
	return &Files{d, pictures.decoder}, nil
}

// Receive reads an upload to its end: see chat.FileBodies. A JPEG, PNG, GIF or WebP loses its metadata and gets a
// thumbnail, unless it has too many pixels for one or cannot be decoded here, as animated WebP; of an animated GIF that
// is its first frame.
//
// Errors: Invalid when it is empty, breaks off, or is a damaged picture; TooLarge; Unavailable when ctx ends first or
// the disk is full; what terms.Accept returns.
func (f *Files) Receive(ctx context.Context, r io.Reader, terms chat.FileTerms) (chat.FileBody, error) {
	b := &body{folder: &f.folder}
	err := f.receive(ctx, b, r, terms)
	if err != nil {
		b.Discard()
		return nil, err
	}
	return b, nil
}

func (f *Files) receive(ctx context.Context, b *body, r io.Reader, terms chat.FileTerms) (err error) {
	defer f.survive(&err)
	if b.file, err = f.create(); err != nil {
		return err
	}
	size, err := receive(ctx, b.file, r, terms.Most, "file")
	if err != nil {
		return err
	}
	kind, picture := sniff(b.file)
	b.facts = chat.FileFacts{Size: size, Mime: kind.mime, Extension: kind.extension}
	if !picture {
		b.facts.Mime, b.facts.Extension = typeOf(b.file, terms.Voice)
	}
	if err := terms.Accept(b.facts.Mime); err != nil || !picture {
		return err
	}
	return f.receivePicture(ctx, b)
}

// receivePicture puts a picture without metadata in the place of the upload, and makes its thumbnail.
func (f *Files) receivePicture(ctx context.Context, b *body) error {
	l, err := f.examine(b.file, b.facts.Size)
	if err == nil {
		b.facts.Width, b.facts.Height = l.shown()
		b.thumb, _, err = f.render(ctx, b.file, l, thumbSide)
		b.facts.Thumb = err == nil
	}
	// Of WebP the decoder knows stills alone.
	if err != nil && chat.CodeOf(err) != chat.TooLarge && !unsupported(err) && !animatedWebP(b.file) {
		return err
	}
	plain, err := f.create()
	if err != nil {
		return err
	}
	upload := b.file
	b.file = plain
	defer discard(upload)
	if err := strip(plain, upload, l); err != nil {
		return err
	}
	b.facts.Size, err = plain.Seek(0, io.SeekEnd)
	if err != nil {
		return writeError("picture not written", err)
	}
	return nil
}

// animatedWebP tells whether a WebP file says that it is an animation (RFC 9649, section 2.7.1).
func animatedWebP(f io.ReaderAt) bool {
	const kind, flags, animation = 12, 20, 0x02
	var head [flags + 1]byte
	n, _ := f.ReadAt(head[:], 0)
	return n == len(head) && string(head[kind:kind+4]) == "VP8X" && head[flags]&animation != 0
}

// typeOf tells what a file is by its first bytes, and the extension that goes with it. A container that holds sound or
// pictures alike is sound when its uploader says so, or when it names a codec for sound and none for pictures.
func typeOf(f io.ReaderAt, voice bool) (kind, extension string) {
	head := make([]byte, sniffBytes)
	n, _ := f.ReadAt(head, 0)
	found := mimetype.Detect(head[:n])
	kind, _, _ = mime.ParseMediaType(found.String())
	extension = found.Extension()
	switch kind {
	case "":
		kind = "application/octet-stream"
	case "video/webm", "video/mp4", "video/ogg", "video/3gpp":
		// RFC 9559: codec ids in Matroska, and so in WebM, begin with A_ or V_.
		if voice || kind == "video/webm" && bytes.Contains(head, []byte("A_")) && !bytes.Contains(head, []byte("V_")) {
			kind = "audio" + strings.TrimPrefix(kind, "video")
		}
	}
	return kind, extension
}

// body is an upload that has come and is not kept yet.
type body struct {
	folder *folder
	file   *os.File
	thumb  []byte
	facts  chat.FileFacts
}

// Facts implements chat.FileBody.
func (b *body) Facts() chat.FileFacts { return b.facts }

// Keep implements chat.FileBody. The thumbnail comes first: who sees the file may ask for it.
func (b *body) Keep(id chat.FileID) error {
	if b.thumb != nil {
		if err := b.folder.keepBytes(b.thumb, string(id)+thumbSuffix); err != nil {
			return err
		}
	}
	return b.folder.keep(b.file, string(id))
}

// Discard implements chat.FileBody.
func (b *body) Discard() {
	if b.file != nil {
		discard(b.file) // where it was kept, there is nothing left to remove
	}
}

// Remove implements chat.FileBodies.
func (f *Files) Remove(id chat.FileID) error {
	if !id.Valid() {
		return chat.Errorf(chat.Invalid, "not a file id")
	}
	if err := f.remove(string(id) + thumbSuffix); err != nil {
		return err
	}
	return f.remove(string(id))
}

// Serve answers GET and HEAD for a file, or for its thumbnail, with ranges and If-None-Match (RFC 9110). An id stands
// for one content for ever. The browser saves it and never runs it: only types in which nothing can run are named.
//
// Errors: NotFound for what is not there; then nothing is written yet.
func (f *Files) Serve(w http.ResponseWriter, r *http.Request, file chat.File, thumb bool) error {
	if !file.ID.Valid() || thumb && !file.Thumb {
		return chat.Errorf(chat.NotFound, "no such file")
	}
	name, contentType := string(file.ID), servedType(file.Mime)
	if thumb {
		name, contentType = name+thumbSuffix, ""
	}
	body, err := f.open(name, "no such file")
	if err != nil {
		return err
	}
	defer body.Close()
	if thumb { // this package made it, so it is one of two
		contentType = "image/png"
		if kind, ok := sniff(body); ok {
			contentType = kind.mime
		}
	}
	// Whoever has the link may see it, but caches between her and the server need not keep what is hers.
	serveImmutable(w, r, body, contentType, `"`+name+`"`, "private", disposition(file.Name))
	return nil
}

// servedType is the type under which a file is served: its own if nothing in it can run in a browser.
func servedType(mime string) string {
	switch mime {
	case "image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/heic", "image/bmp", "application/pdf":
		return mime
	case "text/plain":
		return "text/plain; charset=utf-8"
	}
	if strings.HasPrefix(mime, "audio/") || strings.HasPrefix(mime, "video/") {
		return mime
	}
	return "application/octet-stream"
}

// disposition tells a browser to save a file, and under which name: in ASCII for those who know no other (RFC 6266,
// section 4.3), and as it is (RFC 8187).
func disposition(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || strings.ContainsRune(`"\%`, r) {
			return '_'
		}
		return r
	}, name)
	header := `attachment; filename="` + plain + `"`
	if plain != name {
		header += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return header
}
