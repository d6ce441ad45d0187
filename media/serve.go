package media

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-chat/parley/chat"
)

// Serve answers GET and HEAD for the picture of this name, with ranges and If-None-Match (RFC 9110). A name stands for
// one content for ever, so whoever has it need not ask again.
//
// Errors: NotFound for a missing picture and for whatever is not a name of one; then nothing is written yet.
func (p *Pictures) Serve(w http.ResponseWriter, r *http.Request, name string) error {
	if !validName(name) {
		return chat.Errorf(chat.NotFound, "no such picture")
	}
	f, err := p.open(name, "no such picture")
	if err != nil {
		return err
	}
	defer f.Close()
	contentType := "image/png"
	if strings.HasSuffix(name, extJPEG) {
		contentType = "image/jpeg"
	}
	serveImmutable(w, r, f, contentType, `"`+name+`"`, "public", "")
	return nil
}

// open opens a finished file. NotFound, in the words of missing, when there is none.
func (d *folder) open(name, missing string) (*os.File, error) {
	f, err := os.Open(filepath.Join(d.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, chat.Errorf(chat.NotFound, "%s", missing)
	}
	if err != nil {
		return nil, chat.Wrap(chat.Internal, "upload not read", err)
	}
	return f, nil
}

// serveImmutable writes a content that never changes. Whoever gets a file in here by another way still runs nothing in
// the reader's browser. A disposition of "" leaves it to the browser what to do.
func serveImmutable(w http.ResponseWriter, r *http.Request, body io.ReadSeeker, contentType, tag, cache, disposition string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cache+", max-age=31536000, immutable")
	h.Set("ETag", tag)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if disposition != "" {
		h.Set("Content-Disposition", disposition)
	}
	http.ServeContent(w, r, "", time.Time{}, body)
}
