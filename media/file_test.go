package media

import (
	"bytes"
	"context"
	"image"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/parley-chat/parley/chat"
)

var _ chat.FileBodies = (*Files)(nil)

func openFiles(t testing.TB) *Files {
	t.Helper()
	f, err := OpenFiles(filepath.Join(t.TempDir(), "files"), open(t))
	must(t, err)
	return f
}

func anyType(string) error { return nil }

// keepFile takes an upload and keeps it.
func keepFile(t testing.TB, f *Files, upload []byte) (chat.File, []byte) {
	t.Helper()
	b, err := f.Receive(t.Context(), bytes.NewReader(upload), chat.FileTerms{Most: 1 << 20, Accept: anyType})
	must(t, err)
	id := chat.NewFileID()
	must(t, b.Keep(id))
	b.Discard()
	wantEmpty(t, f.tmp)
	wantEmpty(t, f.beside)
	data, err := os.ReadFile(filepath.Join(f.dir, string(id)))
	must(t, err)
	facts := b.Facts()
	if facts.Size != int64(len(data)) {
		t.Errorf("%d bytes told, %d kept", facts.Size, len(data))
	}
	return chat.File{
		ID: id, Name: "name", Size: facts.Size, Mime: facts.Mime, Width: facts.Width, Height: facts.Height, Thumb: facts.Thumb,
	}, data
}

func TestAFileIsKeptAsItIs(t *testing.T) {
	f := openFiles(t)
	text := []byte("just a text\n")
	file, data := keepFile(t, f, text)
	if !bytes.Equal(data, text) || file.Mime != "text/plain" || file.Thumb || file.Width != 0 {
		t.Fatalf("%+v: %q", file, data)
	}
	must(t, f.Remove(file.ID))
	must(t, f.Remove(file.ID))
	if err := f.Remove("../secret"); chat.CodeOf(err) != chat.Invalid {
		t.Errorf("a name that climbs: %v", err)
	}
	entries, err := os.ReadDir(f.dir)
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != "incoming" {
		t.Errorf("left behind: %v", entries)
	}
}

func TestTheBytesTellTheType(t *testing.T) {
	for what, c := range map[string]struct {
		head  string
		voice bool
		mime  string
	}{
		"a page":                    {"<!DOCTYPE html><script>alert(1)</script>", false, "text/html"},
		"a drawing":                 {`<svg xmlns="http://www.w3.org/2000/svg"></svg>`, false, "image/svg+xml"},
		"a document":                {"%PDF-1.7\n", false, "application/pdf"},
		"AMR":                       {"#!AMR\n\x3c", false, "audio/amr"},
		"a song":                    {"ID3\x03\x00\x00\x00\x00\x00\x00", false, "audio/mpeg"},
		"sound in WebM":             {"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f\x42\x82\x84webm A_OPUS", false, "audio/webm"},
		"a film in WebM":            {"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f\x42\x82\x84webm V_VP8 A_OPUS", false, "video/webm"},
		"MP4":                       {"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", false, "video/mp4"},
		"MP4 said to talk":          {"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", true, "audio/mp4"},
		"a page that says it talks": {"<html>", true, "text/html"},
		"nothing known":             {"\x00\x01\x02\x03", false, "application/octet-stream"},
	} {
		if mime, _ := typeOf(strings.NewReader(c.head), c.voice); mime != c.mime {
			t.Errorf("%s: %s, want %s", what, mime, c.mime)
		}
	}
}

func TestUploadsThatAreNotKept(t *testing.T) {
	f := openFiles(t)
	whole := asJPEG(t, picture(40, 30))
	for what, c := range map[string]struct {
		upload io.Reader
		accept func(string) error
		code   chat.Code
	}{
		"nothing":          {strings.NewReader(""), anyType, chat.Invalid},
		"a byte too many":  {bytes.NewReader(make([]byte, 1<<20+1)), anyType, chat.TooLarge},
		"broken off":       {io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)), anyType, chat.Invalid},
		"a damaged head":   {bytes.NewReader(whole[:30]), anyType, chat.Invalid},
		"half a picture":   {bytes.NewReader(whole[:len(whole)/2]), anyType, chat.Invalid},
		"a type not taken": {strings.NewReader("text"), func(string) error { return chat.Errorf(chat.Invalid, "no") }, chat.Invalid},
		"a picture not taken": {bytes.NewReader(whole), func(mime string) error { return chat.Errorf(chat.Forbidden, "%s", mime) },
			chat.Forbidden},
	} {
		_, err := f.Receive(t.Context(), c.upload, chat.FileTerms{Most: 1 << 20, Accept: c.accept})
		if chat.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", what, err, c.code)
		}
		wantEmpty(t, f.tmp)
		wantEmpty(t, f.beside)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.Receive(gone, strings.NewReader("text"), chat.FileTerms{Most: 100, Accept: anyType})
	if chat.CodeOf(err) != chat.Unavailable {
		t.Errorf("cancelled: %v", err)
	}
	wantEmpty(t, f.tmp)
}

func TestAFullDiskIsNoFaultOfTheUploader(t *testing.T) {
	f := openFiles(t)
	f.rename = func(old, new string) error {
		return &os.LinkError{Op: "rename", Old: old, New: new, Err: syscall.ENOSPC}
	}
	b, err := f.Receive(t.Context(), strings.NewReader("text"), chat.FileTerms{Most: 100, Accept: anyType})
	must(t, err)
	if err := b.Keep(chat.NewFileID()); chat.CodeOf(err) != chat.Unavailable {
		t.Errorf("got %v, want unavailable", err)
	}
	b.Discard()
	wantEmpty(t, f.tmp)
}

func TestFilesOnAnotherFileSystem(t *testing.T) {
	f := openFiles(t)
	f.rename = func(old, new string) error {
		if filepath.Dir(old) == f.tmp {
			return &os.LinkError{Op: "rename", Old: old, New: new, Err: syscall.EXDEV}
		}
		return os.Rename(old, new)
	}
	if _, data := keepFile(t, f, []byte("far away")); string(data) != "far away" {
		t.Errorf("kept %q", data)
	}
}

func TestAPictureTooLargeForAThumbnailIsKept(t *testing.T) {
	f := openFiles(t)
	file, _ := keepFile(t, f, blackPNG(t, 10_000, 4_001))
	if file.Thumb || file.Width != 10_000 || file.Height != 4_001 || file.Mime != "image/png" {
		t.Errorf("%+v", file)
	}
}

// fetch asks for a file as a browser does.
func fetch(t *testing.T, f *Files, file chat.File, thumb bool, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	must(t, f.Serve(w, r, file, thumb))
	return w.Result()
}

func TestNoBrowserRunsAFile(t *testing.T) {
	f := openFiles(t)
	for _, c := range []struct{ upload, name, contentType, disposition string }{
		{"<html><script>alert(1)</script>", "a.html", "application/octet-stream", `attachment; filename="a.html"`},
		{`<svg xmlns="http://www.w3.org/2000/svg"/>`, "a.svg", "application/octet-stream", `attachment; filename="a.svg"`},
		{"plain", `say "hi" 100%.txt`, "text/plain; charset=utf-8",
			`attachment; filename="say _hi_ 100_.txt"; filename*=UTF-8''say%20%22hi%22%20100%25.txt`},
		{"#!AMR\n", "声.amr", "audio/amr", `attachment; filename="_.amr"; filename*=UTF-8''%E5%A3%B0.amr`},
		{"\x00\x01", "a;b\\c.bin", "application/octet-stream", `attachment; filename="a;b_c.bin"; filename*=UTF-8''a%3Bb%5Cc.bin`},
	} {
		file, _ := keepFile(t, f, []byte(c.upload))
		file.Name = c.name
		res := fetch(t, f, file, false)
		body, err := io.ReadAll(res.Body)
		must(t, err)
		if string(body) != c.upload {
			t.Errorf("%s: %q", c.name, body)
		}
		for header, want := range map[string]string{
			"Content-Type": c.contentType, "Content-Disposition": c.disposition, "X-Content-Type-Options": "nosniff",
			"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "private, max-age=31536000, immutable",
		} {
			if got := res.Header.Get(header); got != want {
				t.Errorf("%s: %s: %s, want %s", c.name, header, got, want)
			}
		}
	}
}

func TestAFileIsServedInParts(t *testing.T) {
	f := openFiles(t)
	file, _ := keepFile(t, f, []byte("0123456789"))
	res := fetch(t, f, file, false, "Range", "bytes=3-5")
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 206 || string(body) != "345" || res.Header.Get("Content-Range") != "bytes 3-5/10" {
		t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
	}
	tag := res.Header.Get("ETag")
	if res := fetch(t, f, file, false, "If-None-Match", tag); res.StatusCode != 304 {
		t.Errorf("known already: %d", res.StatusCode)
	}
	if res := fetch(t, f, file, false, "Range", "bytes=20-"); res.StatusCode != 416 {
		t.Errorf("behind its end: %d", res.StatusCode)
	}
	for _, missing := range []chat.File{{ID: chat.NewFileID()}, {}, {ID: "../../etc/passwd"}} {
		err := f.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), missing, false)
		if chat.CodeOf(err) != chat.NotFound {
			t.Errorf("%q: %v", missing.ID, err)
		}
	}
	if err := f.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), file, true); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("a thumbnail that is not there: %v", err)
	}
}

func TestThumbnailsAreSmall(t *testing.T) {
	f := openFiles(t)
	for what, c := range map[string]struct {
		upload        []byte
		width, height int
		contentType   string
	}{
		"a large JPEG":       {asJPEG(t, picture(900, 600)), 320, 213, "image/jpeg"},
		"a small one":        {asJPEG(t, picture(90, 60)), 90, 60, "image/jpeg"},
		"one to see through": {asPNG(t, seeThrough(400, 800)), 160, 320, "image/png"},
		"an animation":       {asGIF(t, picture(640, 480), picture(640, 480)), 320, 240, "image/jpeg"},
	} {
		file, _ := keepFile(t, f, c.upload)
		if !file.Thumb {
			t.Errorf("%s has none", what)
			continue
		}
		res := fetch(t, f, file, true)
		if got := res.Header.Get("Content-Type"); got != c.contentType {
			t.Errorf("%s: %s, want %s", what, got, c.contentType)
		}
		img, _, err := image.Decode(res.Body)
		must(t, err)
		wantSize(t, img, c.width, c.height)
	}
}

func FuzzReceive(f *testing.F) {
	jpg, apng := asJPEG(f, picture(8, 6)), asPNG(f, seeThrough(8, 6))
	for _, seed := range [][]byte{
		[]byte("GIF89a"), []byte("<svg/>"), jpg, apng, jpg[:len(jpg)/2], apng[:len(apng)/2],
		asGIF(f, picture(8, 6), picture(8, 6)),
		asWebP(vp8x(8, 6), riffChunk("VP8L", asVP8L(8, 6, nil)), riffChunk("EXIF", exif(order(0), 6))),
		insert(jpg, 2, segment(0xe1, exifHeader+string(exif(order(1), 8)))),
		insert(apng, afterIHDR, pngChunk("eXIf", exif(order(0), 5))), scanBomb(100, 100, 3),
	} {
		f.Add(seed)
	}
	files := openFiles(f)
	f.Fuzz(func(t *testing.T, upload []byte) {
		b, err := files.Receive(t.Context(), bytes.NewReader(upload), chat.FileTerms{Most: 1 << 20, Accept: anyType})
		switch code := chat.CodeOf(err); code {
		case "":
		case chat.Invalid:
			wantEmpty(t, files.tmp)
			return
		default:
			t.Fatalf("got %v", err)
		}
		kept, err := os.ReadFile(b.(*body).file.Name())
		must(t, err)
		b.Discard()
		wantEmpty(t, files.tmp)
		if !b.Facts().Thumb {
			return
		}
		// What showed before shows now.
		wantSamePixels(t, "stripped", kept, upload)
	})
}
