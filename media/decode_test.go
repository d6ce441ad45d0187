package media

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func TestEveryFormatIsRead(t *testing.T) {
	p := open(t)
	paletted := image.NewPaletted(image.Rect(0, 0, 40, 30), color.Palette{quarters[0][0]})
	tests := []struct {
		name   string
		upload []byte
		ext    string
		check  func(*testing.T, image.Image)
	}{
		{"JPEG", asJPEG(t, picture(40, 30)), extJPEG, nil},
		{"gray JPEG", asJPEG(t, image.NewGray(image.Rect(0, 0, 40, 30))), extJPEG, wantCorner(color.Black)},
		{"PNG", asPNG(t, picture(40, 30)), extJPEG, nil},
		{"PNG that one sees through", asPNG(t, seeThrough(40, 30)), extPNG, wantSeeThrough},
		{"PNG with a palette of one", asPNG(t, paletted), extJPEG, wantCorner(quarters[0][0])},
		{"GIF", asGIF(t, picture(40, 30)), extJPEG, nil},
		{"GIF that one sees through", asGIF(t, seeThrough(40, 30)), extPNG, wantSeeThrough},
		{"GIF that moves: its first frame", asGIF(t, picture(40, 30), seeThrough(40, 30)), extJPEG, nil},
		{"WebP", asWebP(riffChunk("VP8L", asVP8L(40, 30, nil))), extJPEG, wantCorner(color.NRGBA{30, 30, 30, 255})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			name := save(t, p, ann, test.upload)
			if !strings.HasSuffix(name, test.ext) || !validName(name) {
				t.Fatalf("named %s, want %s", name, test.ext)
			}
			_, img := saved(t, p, name)
			wantSize(t, img, 40, 30)
			if test.check == nil {
				wantQuarters(t, img)
			} else {
				test.check(t, img)
			}
		})
	}
}

func wantCorner(want color.Color) func(*testing.T, image.Image) {
	return func(t *testing.T, img image.Image) {
		if got := img.At(5, 5); !near(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func wantSeeThrough(t *testing.T, img image.Image) {
	wantCorner(quarters[0][0])(t, img)
	if _, _, _, a := img.At(5, 25).RGBA(); a != 0 {
		t.Fatalf("alpha %d at the bottom, want 0", a)
	}
}

func TestAvatarFitsAndIsNeverEnlarged(t *testing.T) {
	p := open(t)
	for _, test := range []struct{ width, height, wantWidth, wantHeight int }{
		{1, 1, 1, 1},
		{512, 512, 512, 512},
		{300, 512, 300, 512},
		{513, 513, 512, 512},
		{2000, 1000, 512, 256},
		{1000, 2000, 256, 512},
		{40_000, 1, 512, 1},
		{1, 40_000, 1, 512},
		{maxSide, 3, 512, 1},
	} {
		_, img := saved(t, p, save(t, p, ann, blackPNG(t, test.width, test.height)))
		wantSize(t, img, test.wantWidth, test.wantHeight)
	}
}

func TestWhatIsNoPictureIsRefused(t *testing.T) {
	p := open(t)
	jpg, whole := asJPEG(t, picture(400, 300)), asPNG(t, picture(400, 300))
	webp := asWebP(riffChunk("VP8L", asVP8L(40, 30, func(x, y int) bool { return x > y })))
	tests := map[string][]byte{
		"a zip":               []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"),
		"HTML":                []byte("<!DOCTYPE html><script>alert(1)</script>"),
		"SVG":                 []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
		"SVG as XML":          []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`),
		"HTML after GIF89a":   []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00<script>alert(1)</script>"),
		"a BMP":               append([]byte("BM"), make([]byte, 100)...),
		"a TIFF":              append([]byte("II*\x00\x08\x00\x00\x00"), make([]byte, 100)...),
		"a JPEG cut short":    jpg[:len(jpg)/2],
		"a JPEG without data": jpg[:3],
		"a PNG cut short":     whole[:len(whole)/2],
		"a PNG without data":  pngHeader(10, 10),
		"a PNG with a hole":   append(append(bytes.Clone(whole[:50]), 0, 0, 0), whole[53:]...),
		"a PNG of no width":   pngHeader(0, 10),
		"a WebP cut short":    webp[:len(webp)-60],
		"an empty WebP":       asWebP(),
		"a small WebP canvas": asWebP(vp8x(1, 1), riffChunk("VP8L", asVP8L(6000, 6000, nil))),
		"a GIF frame outside": gifWithFrame(10, 10, 6000, 6000),
		"a GIF without frame": []byte("GIF89a\x0a\x00\x0a\x00\x00\x00\x00;"),
	}
	for name, upload := range tests {
		t.Run(name, func(t *testing.T) {
			name, err := p.SaveAvatar(t.Context(), ann, bytes.NewReader(upload))
			if chat.CodeOf(err) != chat.Invalid {
				t.Fatalf("got %q, %v; want invalid", name, err)
			}
			wantEmpty(t, p.tmp)
			wantEmpty(t, p.dir)
		})
	}
}

// gifWithFrame is the head of a GIF with a screen and a frame of these sizes, and a frame without data.
func gifWithFrame(width, height, frameWidth, frameHeight uint16) []byte {
	b := []byte("GIF89a")
	b = binary.LittleEndian.AppendUint16(b, width)
	b = binary.LittleEndian.AppendUint16(b, height)
	b = append(b, 0x80, 0, 0, 1, 2, 3, 4, 5, 6) // a palette of two
	b = append(b, ',', 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, frameWidth)
	b = binary.LittleEndian.AppendUint16(b, frameHeight)
	return append(b, 0, 2, 0, ';')
}

func TestPixelBombsAreRefusedBeforeTheyAreDecoded(t *testing.T) {
	p := open(t)
	tests := map[string][]byte{
		"PNG header, 50,000 × 50,000":       pngHeader(50_000, 50_000),
		"PNG header, 2^31-1 × 1":            pngHeader(1<<31-1, 1),
		"whole PNG, 10,000 × 10,000":        blackPNG(t, 10_000, 10_000),
		"PNG of one long row":               blackPNG(t, maxSide+1, 1),
		"PNG just over 40 megapixels":       pngHeader(8000, 5001),
		"GIF with a screen of 65535²":       gifWithFrame(65_535, 65_535, 1, 1),
		"WebP of 30 bytes, 16,384 × 16,384": asWebP(riffChunk("VP8L", asVP8L(16_384, 16_384, nil))),
		"WebP canvas of 2^24 × 100":         asWebP(vp8x(1<<24, 100), riffChunk("VP8L", asVP8L(1, 1, nil))),
	}
	for name, upload := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := p.SaveAvatar(t.Context(), ann, bytes.NewReader(upload))
			runtime.ReadMemStats(&after)
			if chat.CodeOf(err) != chat.TooLarge {
				t.Fatalf("got %v, want too_large", err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
				t.Fatalf("%d bytes allocated for %d bytes of bomb", used, len(upload))
			}
			wantEmpty(t, p.tmp)
		})
	}
}

// scanBomb is a progressive JPEG that says "nothing new" about all its pixels, as often as scans says: each scan is
// a few bytes to send and a walk over every block to decode.
func scanBomb(width, height uint16, scans int) []byte {
	b := []byte{0xff, 0xd8}
	b = append(b, segment(0xdb, "\x00"+strings.Repeat("\x01", 64))...) // quantization
	frame := binary.BigEndian.AppendUint16([]byte{8}, height)
	frame = binary.BigEndian.AppendUint16(frame, width)
	b = append(b, segment(0xc2, string(append(frame, 1, 1, 0x11, 0)))...)
	// One code, "0": for DC the size 0, for AC the end of a band of 2^14 blocks and 14 bits more.
	b = append(b, segment(0xc4, "\x00\x01"+strings.Repeat("\x00", 15)+"\x00")...)
	b = append(b, segment(0xc4, "\x10\x01"+strings.Repeat("\x00", 15)+"\xe0")...)
	blocks := int(width+7) / 8 * (int(height+7) / 8)
	b = append(b, segment(0xda, "\x01\x01\x00\x00\x00\x00")...)
	b = append(b, make([]byte, (blocks+7)/8)...)
	scan := segment(0xda, "\x01\x01\x00\x01\x3f\x00")
	scan = append(scan, make([]byte, (blocks/(1<<14)+1)*15/8+1)...)
	for range scans {
		b = append(b, scan...)
	}
	return append(b, 0xff, 0xd9)
}

func TestScanBombIsCutOff(t *testing.T) {
	p := open(t)
	if _, err := p.SaveAvatar(t.Context(), ann, bytes.NewReader(scanBomb(100, 100, 3))); err != nil {
		t.Fatalf("a harmless one: %v", err)
	}
	p.patience = 100 * time.Millisecond
	bomb := scanBomb(6000, 6000, 50_000)
	if len(bomb) > maxBytes {
		t.Fatalf("%d bytes would not get in", len(bomb))
	}
	start := time.Now()
	_, err := p.SaveAvatar(t.Context(), ann, bytes.NewReader(bomb))
	if chat.CodeOf(err) != chat.TooLarge || !strings.Contains(err.Error(), "too long") {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Fatalf("held the server up for %v", took)
	}
	wantEmpty(t, p.tmp)
	if !p.decoding.TryAcquire(maxPixels) {
		t.Fatal("its pixels were not given back")
	}
}

// panicky is a file that breaks its reader.
type panicky struct{}

func (panicky) ReadAt([]byte, int64) (int, error) { panic("boom") }

func TestPanicInADecoderIsADamagedPicture(t *testing.T) {
	p := open(t)
	if _, err := p.examine(panicky{}, 100); chat.CodeOf(err) != chat.Invalid {
		t.Fatalf("at its head: got %v, want invalid", err)
	}
	l := look{kind: format{decode: func(io.Reader) (image.Image, error) { panic("boom") }}, width: 4, height: 4}
	if _, _, err := p.render(t.Context(), panicky{}, l, avatarSide); chat.CodeOf(err) != chat.Invalid {
		t.Fatalf("got %v, want invalid", err)
	}
	if !p.decoding.TryAcquire(maxPixels) {
		t.Fatal("its pixels were not given back")
	}
}
