package media

import (
	"errors"
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
	f, err := os.Open(filepath.Join(p.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return chat.Errorf(chat.NotFound, "no such picture")
	}
	if err != nil {
		return chat.Wrap(chat.Internal, "picture not read", err)
	}
	defer f.Close()
	contentType := "image/png"
	if strings.HasSuffix(name, extJPEG) {
		contentType = "image/jpeg"
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", `"`+name+`"`)
	// Whoever gets a file in here by another way still runs nothing in the reader's browser.
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}
