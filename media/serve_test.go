package media

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// get asks for a picture with the given header fields, in pairs.
func get(t *testing.T, p *Pictures, method, name string, header ...string) (*httptest.ResponseRecorder, error) {
	t.Helper()
	r := httptest.NewRequest(method, "/mongo/img/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	return w, p.Serve(w, r, name)
}

func TestServe(t *testing.T) {
	p := open(t)
	jpg, transparent := save(t, p, ann, asPNG(t, picture(40, 30))), save(t, p, ann, asPNG(t, seeThrough(40, 30)))
	for name, contentType := range map[string]string{jpg: "image/jpeg", transparent: "image/png"} {
		data, _ := saved(t, p, name)
		w, err := get(t, p, http.MethodGet, name)
		must(t, err)
		if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), data) {
			t.Fatalf("%s: status %d, %d bytes; want 200, %d bytes", name, w.Code, w.Body.Len(), len(data))
		}
		for field, want := range map[string]string{
			"Content-Type":            contentType,
			"Cache-Control":           "public, max-age=31536000, immutable",
			"X-Content-Type-Options":  "nosniff",
			"Content-Security-Policy": "default-src 'none'; sandbox",
			"Etag":                    `"` + name + `"`,
		} {
			if got := w.Header().Get(field); got != want {
				t.Errorf("%s: %s is %q, want %q", name, field, got, want)
			}
		}
	}
}

func TestServeSpeaksHTTP(t *testing.T) {
	p := open(t)
	name := save(t, p, ann, asPNG(t, picture(40, 30)))
	data, _ := saved(t, p, name)
	tests := []struct {
		name, method string
		header       []string
		status       int
		body         []byte
	}{
		{"HEAD", http.MethodHead, nil, http.StatusOK, nil},
		{"known already", http.MethodGet, []string{"If-None-Match", `"` + name + `"`}, http.StatusNotModified, nil},
		{"another one known", http.MethodGet, []string{"If-None-Match", `"x"`}, http.StatusOK, data},
		{"a range", http.MethodGet, []string{"Range", "bytes=2-5"}, http.StatusPartialContent, data[2:6]},
		{"a range outside", http.MethodGet, []string{"Range", "bytes=9999999-"}, http.StatusRequestedRangeNotSatisfiable, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, err := get(t, p, test.method, name, test.header...)
			must(t, err)
			if w.Code != test.status {
				t.Fatalf("status %d, want %d", w.Code, test.status)
			}
			if w.Code < 300 && !bytes.Equal(w.Body.Bytes(), test.body) {
				t.Fatalf("%d bytes, want %d", w.Body.Len(), len(test.body))
			}
		})
	}
}

func TestServeFindsOnlyPictures(t *testing.T) {
	p := open(t)
	must(t, os.WriteFile(filepath.Join(filepath.Dir(p.dir), "secret"), []byte("key"), 0o600))
	must(t, os.WriteFile(filepath.Join(p.dir, "notes.txt"), []byte("key"), 0o600))
	for _, name := range append(badNames(), strings.Repeat("0a", 16)+".jpg") {
		w, err := get(t, p, http.MethodGet, name)
		if chat.CodeOf(err) != chat.NotFound {
			t.Errorf("%.50q: got %v, want not_found", name, err)
		}
		if w.Body.Len() > 0 || len(w.Header()) > 0 {
			t.Errorf("%.50q: something was written beside the error", name)
		}
	}
}
