package media

import (
	"bytes"
	"fmt"
	"image"
	"testing"
)

func TestPicturesKeepTheirPixelsAndLoseTheirMetadata(t *testing.T) {
	f := openFiles(t)
	scene := picture(60, 36)
	for orientation := 1; orientation <= 8; orientation++ {
		tiff := append(exif(order(orientation), uint16(orientation)), secret...)
		shot := stored(scene, orientation)
		jpg, apng := asJPEG(t, shot), asPNG(t, shot)
		for kind, upload := range map[string][]byte{
			"image/jpeg": insert(append(jpg, secret...), 2,
				segment(0xe0, "JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x01\x01"+secret), segment(0xe1, exifHeader+string(tiff)),
				segment(0xe2, "ICC_PROFILE\x00\x01\x01profile"), segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"+secret),
				segment(0xed, secret), segment(0xfe, secret)),
			"image/png": insert(append(apng, secret...), afterIHDR,
				pngChunk("eXIf", tiff), pngChunk("tEXt", []byte("Comment\x00"+secret)), pngChunk("iCCP", []byte("ICC_PROFILE"))),
		} {
			name := fmt.Sprint(kind, " ", orientation)
			file, data := keepFile(t, f, upload)
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s kept its metadata", name)
			}
			if !bytes.Contains(data, []byte("ICC_PROFILE")) {
				t.Errorf("%s lost its colors", name)
			}
			if file.Mime != kind || file.Width != 60 || file.Height != 36 {
				t.Errorf("%s: %+v", name, file)
			}
			wantSamePixels(t, name, data, upload)
			l, err := f.examine(bytes.NewReader(data), int64(len(data)))
			must(t, err)
			if l.orientation != orientation {
				t.Errorf("%s: orientation %d", name, l.orientation)
			}
			thumb, _, err := image.Decode(fetch(t, f, file, true).Body)
			must(t, err)
			wantSize(t, thumb, 60, 36)
			wantQuarters(t, thumb)
		}
	}
}

func wantSamePixels(t testing.TB, name string, got, want []byte) {
	t.Helper()
	a, _, err := image.Decode(bytes.NewReader(got))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	b, _, err := image.Decode(bytes.NewReader(want))
	must(t, err)
	if a.Bounds() != b.Bounds() {
		t.Fatalf("%s: %v, want %v", name, a.Bounds(), b.Bounds())
	}
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			if a.At(x, y) != b.At(x, y) {
				t.Fatalf("%s: another color at %d, %d", name, x, y)
			}
		}
	}
}

func TestWebPLosesItsMetadata(t *testing.T) {
	f := openFiles(t)
	still := riffChunk("VP8L", asVP8L(8, 6, func(x, y int) bool { return x < 4 }))
	upload := append(asWebP(vp8x(8, 6), still, riffChunk("EXIF", append(exif(order(0), 6), secret...)),
		riffChunk("XMP ", []byte(secret)), riffChunk("junk", []byte(secret+"!"))), secret...)
	file, data := keepFile(t, f, upload)
	if bytes.Contains(data, []byte(secret)) {
		t.Error("kept its metadata")
	}
	if file.Width != 6 || file.Height != 8 || file.Mime != "image/webp" {
		t.Errorf("%+v", file)
	}
	if size := int(data[4]) | int(data[5])<<8; size != len(data)-8 {
		t.Errorf("RIFF says %d of %d bytes", size, len(data)-8)
	}
	wantSamePixels(t, "WebP", data, upload)
	if l, err := f.examine(bytes.NewReader(data), int64(len(data))); err != nil || l.orientation != 6 {
		t.Errorf("orientation %d, %v", l.orientation, err)
	}
}

func TestAnAnimatedWebPIsKept(t *testing.T) {
	f := openFiles(t)
	frame := append(make([]byte, 16), riffChunk("VP8L", asVP8L(8, 6, nil))...)
	frame[6], frame[9] = 7, 5 // 8 × 6 pixels
	head := vp8x(8, 6)
	head[8] |= 0x02
	hiding := append(bytes.Clone(frame), riffChunk("note", []byte(secret))...)
	upload := asWebP(head, riffChunk("ANIM", make([]byte, 6)), riffChunk("ANMF", frame), riffChunk("ANMF", hiding), riffChunk("XMP ", []byte(secret)))
	file, data := keepFile(t, f, upload)
	if file.Thumb || file.Width != 8 || file.Height != 6 || bytes.Count(data, []byte("ANMF")) != 2 || bytes.Contains(data, []byte(secret)) {
		t.Errorf("%+v: %q", file, data)
	}
	if bytes.Count(data, frame) != 2 {
		t.Error("a frame is not as it was")
	}
}

func TestAnimationsGoOn(t *testing.T) {
	f := openFiles(t)
	plain := asGIF(t, picture(20, 10), seeThrough(20, 10), picture(20, 10))
	at := bytes.IndexByte(plain[13:], 0x21) + 13 // the first extension; the color tables are the frames' own
	comment := append([]byte{0x21, 0xfe, byte(len(secret))}, secret+"\x00"...)
	xmp := append([]byte("\x21\xff\x0bXMP DataXMP"), append([]byte{byte(len(secret))}, secret+"\x00"...)...)
	_, data := keepFile(t, f, append(insert(plain, at, comment, xmp), secret...))
	if bytes.Contains(data, []byte(secret)) {
		t.Error("kept its metadata")
	}
	if !bytes.Equal(data, plain) {
		t.Error("the rest is not as it was")
	}
	cut, _ := keepFile(t, f, plain[:len(plain)-1]) // without its trailer
	if cut.Size != int64(len(plain)) {
		t.Errorf("%d bytes, want %d", cut.Size, len(plain))
	}
}

func TestAPictureThatIsNotDecodedLosesItsMetadataToo(t *testing.T) {
	f := openFiles(t)
	upload := asJPEG(t, picture(40, 30))
	frame := bytes.Index(upload, []byte{0xff, 0xc0})
	upload[frame+1] = 0xc9 // arithmetic coding
	file, data := keepFile(t, f, insert(upload, 2, segment(0xe1, exifHeader+secret)))
	if file.Thumb || file.Mime != "image/jpeg" || !bytes.Equal(data, upload) {
		t.Errorf("%+v", file)
	}
}
