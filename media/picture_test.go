package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"golang.org/x/sync/semaphore"

	"github.com/parley-chat/parley/chat"
)

var _ chat.PictureFiles = (*Pictures)(nil)

func save(t testing.TB, p *Pictures, owner chat.UserID, upload []byte) string {
	t.Helper()
	name, err := p.SaveAvatar(t.Context(), owner, bytes.NewReader(upload))
	must(t, err)
	wantEmpty(t, p.tmp)
	return name
}

func TestTwoUsersNeverShareAFile(t *testing.T) {
	p := open(t)
	upload := asPNG(t, picture(40, 30))
	anns, bobs := save(t, p, ann, upload), save(t, p, bob, upload)
	if anns == bobs {
		t.Fatal("one picture of two users has one name")
	}
	if again := save(t, p, ann, upload); again != anns {
		t.Fatalf("the same picture of Ann is %s, then %s", anns, again)
	}
	if other := save(t, p, ann, asPNG(t, picture(30, 40))); other == anns {
		t.Fatal("two pictures of Ann have one name")
	}
	must(t, p.Remove(anns))
	must(t, p.Remove(anns)) // a missing file is no error
	if _, err := os.Stat(filepath.Join(p.dir, anns)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("Ann's picture after Remove: %v", err)
	}
	saved(t, p, bobs)
}

func TestRemoveTakesOnlyNamesOfPictures(t *testing.T) {
	p := open(t)
	outside := filepath.Join(filepath.Dir(p.dir), "secret")
	must(t, os.WriteFile(outside, nil, 0o600))
	inside := filepath.Join(p.dir, "notes.txt")
	must(t, os.WriteFile(inside, nil, 0o600))
	for _, name := range badNames() {
		if err := p.Remove(name); chat.CodeOf(err) != chat.Invalid {
			t.Errorf("%q: got %v, want invalid", name, err)
		}
	}
	for _, path := range []string{outside, inside} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func badNames() []string {
	digits := strings.Repeat("0a", 16)
	return []string{
		"", ".", "..", "/", "../secret", "..%2fsecret", "notes.txt", "/etc/passwd", "img/" + digits + ".jpg",
		digits, digits + ".gif", digits + ".JPG", digits + ".jpg\x00", digits + ".jpg/", digits[1:] + ".jpg", digits + "0.jpg",
		strings.ToUpper(digits) + ".jpg", strings.Repeat("../", 10) + "aa.jpg", "\\" + digits[1:] + ".png", digits[1:] + "é"[:1] + ".png",
		strings.Repeat("x", 1<<20),
	}
}

func TestUploadIsBounded(t *testing.T) {
	p := open(t)
	small := asPNG(t, picture(4, 4))
	exact := append(bytes.Clone(small), make([]byte, maxBytes-len(small))...) // decoders stop at the end of the picture
	save(t, p, ann, exact)

	tests := []struct {
		name   string
		upload io.Reader
		code   chat.Code
	}{
		{"nothing", strings.NewReader(""), chat.Invalid},
		{"a byte too many", bytes.NewReader(append(exact, 0)), chat.TooLarge},
		{"9 MB", bytes.NewReader(append(exact, make([]byte, 1<<20)...)), chat.TooLarge},
		{"without end", iotest.ErrReader(&http.MaxBytesError{Limit: 1}), chat.TooLarge},
		{"broken off", io.MultiReader(bytes.NewReader(small[:20]), iotest.ErrReader(io.ErrUnexpectedEOF)), chat.Invalid},
		{"refused by the door", iotest.ErrReader(chat.Errorf(chat.TooMany, "slower")), chat.TooMany},
		{"a byte at a time", iotest.OneByteReader(bytes.NewReader(small)), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := p.SaveAvatar(t.Context(), ann, test.upload); chat.CodeOf(err) != test.code {
				t.Fatalf("got %v, want %q", err, test.code)
			}
			wantEmpty(t, p.tmp)
		})
	}
}

func TestUploadEndsWithItsContext(t *testing.T) {
	p := open(t)
	upload := asPNG(t, picture(40, 30))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.SaveAvatar(ctx, ann, bytes.NewReader(upload)); chat.CodeOf(err) != chat.Unavailable {
		t.Fatalf("cancelled before: got %v", err)
	}

	// All room for decoding is taken, so Ann's upload waits for it when she goes.
	must(t, p.decoding.Acquire(t.Context(), maxPixels))
	ctx, cancel = context.WithCancel(t.Context())
	read := &readerThen{bytes.NewReader(upload), cancel}
	if _, err := p.SaveAvatar(ctx, ann, read); chat.CodeOf(err) != chat.Unavailable {
		t.Fatalf("cancelled while it waits: got %v", err)
	}
	p.decoding.Release(maxPixels)
	wantEmpty(t, p.tmp)
	wantEmpty(t, p.dir)
	save(t, p, ann, upload)
}

// readerThen calls then when all is read.
type readerThen struct {
	io.Reader
	then func()
}

func (r *readerThen) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err == io.EOF {
		r.then()
	}
	return n, err
}

func TestManyUploadAtOnce(t *testing.T) {
	p := open(t)
	upload := asJPEG(t, picture(900, 600))
	p.decoding = semaphore.NewWeighted(3 * 900 * 600) // the others wait for three
	names := make([]string, 8)
	var all sync.WaitGroup
	for i := range names {
		all.Go(func() {
			owner := chat.UserID(fmt.Sprintf("%024x", i))
			var err error
			if names[i], err = p.SaveAvatar(t.Context(), owner, bytes.NewReader(upload)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wantEmpty(t, p.tmp)
	if t.Failed() {
		return
	}
	for _, name := range names {
		_, img := saved(t, p, name)
		wantSize(t, img, 512, 341)
		wantQuarters(t, img)
	}
}

func FuzzSaveAvatar(f *testing.F) {
	jpg, apng := asJPEG(f, picture(8, 6)), asPNG(f, seeThrough(8, 6))
	for _, seed := range [][]byte{
		nil, []byte("GIF89a"), []byte("<svg/>"), jpg, apng, jpg[:len(jpg)/2], apng[:len(apng)/2],
		asGIF(f, picture(8, 6), picture(8, 6)),
		asWebP(riffChunk("VP8L", asVP8L(8, 6, nil))),
		asWebP(vp8x(8, 6), riffChunk("VP8L", asVP8L(8, 6, nil)), riffChunk("EXIF", exif(order(0), 6))),
		insert(jpg, 2, segment(0xe1, exifHeader+string(exif(order(1), 8)))),
		insert(apng, afterIHDR, pngChunk("eXIf", exif(order(0), 5))),
		pngHeader(50_000, 50_000), blackPNG(f, 100, 100), scanBomb(100, 100, 3),
	} {
		f.Add(seed)
	}
	p := open(f)
	f.Fuzz(func(t *testing.T, upload []byte) {
		name, err := p.SaveAvatar(t.Context(), ann, bytes.NewReader(upload))
		wantEmpty(t, p.tmp)
		switch code := chat.CodeOf(err); code {
		case "":
		case chat.Invalid, chat.TooLarge:
			return
		default:
			t.Fatalf("got %v", err)
		}
		data, img := saved(t, p, name)
		if size := img.Bounds().Size(); size.X < 1 || size.Y < 1 || size.X > avatarSide || size.Y > avatarSide {
			t.Fatalf("stored with %v", size)
		}
		if bytes.Contains(data, []byte(secret)) {
			t.Fatal("stored with its metadata")
		}
		must(t, p.Remove(name))
	})
}
