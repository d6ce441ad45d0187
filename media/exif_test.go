package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"strings"
	"testing"
)

func order(i int) binary.AppendByteOrder {
	return [...]binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian}[i%2]
}

// afterIHDR is where the first chunk of a PNG may follow.
const afterIHDR = 8 + 12 + 13

// stored returns img as a camera stores it with an orientation. EXIF says which side of the scene the first row and
// the first column of the file are: 6 is a first row at the right and a first column on top.
func stored(img *image.NRGBA, orientation int) *image.NRGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	rows, columns := h, w
	if orientation >= 5 {
		rows, columns = w, h
	}
	out := image.NewNRGBA(image.Rect(0, 0, columns, rows))
	for r := range rows {
		for c := range columns {
			var x, y int
			switch orientation {
			case 1: // top, left
				x, y = c, r
			case 2: // top, right
				x, y = w-1-c, r
			case 3: // bottom, right
				x, y = w-1-c, h-1-r
			case 4: // bottom, left
				x, y = c, h-1-r
			case 5: // left, top
				x, y = r, c
			case 6: // right, top
				x, y = w-1-r, c
			case 7: // right, bottom
				x, y = w-1-r, h-1-c
			case 8: // left, bottom
				x, y = r, h-1-c
			}
			out.SetNRGBA(c, r, img.NRGBAAt(x, y))
		}
	}
	return out
}

func TestPicturesStandUprightWithoutMetadata(t *testing.T) {
	p := open(t)
	scene := picture(600, 360)
	for orientation := 1; orientation <= 8; orientation++ {
		tiff := exif(order(orientation), uint16(orientation))
		file := stored(scene, orientation)
		isTopLeft := func(x, y int) bool { return file.NRGBAAt(x, y) == quarters[0][0] }
		w, h := file.Rect.Dx(), file.Rect.Dy()
		uploads := map[string][]byte{
			"JPEG": insert(asJPEG(t, file), 2,
				segment(0xe0, "JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00"),
				segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta/>"), // an APP1 that is not EXIF
				segment(0xe1, exifHeader+string(tiff)), segment(0xfe, secret)),
			"PNG": insert(asPNG(t, file), afterIHDR, pngChunk("tEXt", []byte("Comment\x00"+secret)), pngChunk("eXIf", tiff)),
			"WebP": asWebP(vp8x(w, h), riffChunk("VP8L", asVP8L(w, h, isTopLeft)), riffChunk("EXIF", tiff),
				riffChunk("XMP ", []byte(secret))),
		}
		for kind, upload := range uploads {
			t.Run(fmt.Sprint(kind, orientation), func(t *testing.T) {
				data, img := saved(t, p, save(t, p, ann, upload))
				wantSize(t, img, 512, 307)
				if kind == "WebP" {
					for corner, want := range map[image.Point]bool{{100, 100}: true, {400, 100}: false, {100, 250}: false, {400, 250}: false} {
						if _, g, _, _ := img.At(corner.X, corner.Y).RGBA(); (g>>8 > 100) != want {
							t.Errorf("green %d at %v", g>>8, corner)
						}
					}
				} else {
					wantQuarters(t, img)
				}
				for _, mark := range []string{secret, "Exif", "eXIf", "tEXt", "xmpmeta", "II*\x00", "MM\x00*"} {
					if bytes.Contains(data, []byte(mark)) {
						t.Errorf("%q is in the stored file", mark)
					}
				}
			})
		}
	}
}

func TestDoubtfulExifLeavesThePictureAsItIs(t *testing.T) {
	good := exif(order(0), 6)
	if got := tiffOrientation(good); got != 6 {
		t.Fatalf("the pattern itself gives %d", got)
	}
	endless := bytes.Clone(good)
	binary.LittleEndian.PutUint16(endless[8:], 65_535)
	binary.LittleEndian.PutUint16(endless[10+12:], 0x0111)
	far := bytes.Clone(good)
	binary.LittleEndian.PutUint32(far[4:], 1<<32-1)
	long := bytes.Clone(good)
	long[10+12+2] = 4 // LONG instead of SHORT
	tests := map[string][]byte{
		"nothing":                  nil,
		"cut in the header":        good[:6],
		"cut in the directory":     good[:20],
		"another byte order":       append([]byte("XX*\x00"), good[4:]...),
		"orientation 0":            exif(order(0), 0),
		"orientation 9":            exif(order(1), 9),
		"of another type":          long,
		"directory far away":       far,
		"directory without an end": endless,
	}
	jpg := asJPEG(t, picture(8, 6))
	for name, tiff := range tests {
		if got := tiffOrientation(tiff); got != 1 {
			t.Errorf("%s: got %d, want 1", name, got)
		}
		upload := insert(jpg, 2, segment(0xe1, exifHeader+string(tiff)))
		if got := orientation(bytes.NewReader(upload), jpegChunks); got != 1 {
			t.Errorf("%s, in a JPEG: got %d, want 1", name, got)
		}
	}
}

// TestSearchForExifEnds gives the walk over the chunks files that lead it astray.
func TestSearchForExifEnds(t *testing.T) {
	huge := "\x89PNG\r\n\x1a\n\xff\xff\xff\xffeXIf\x00\x00\x00\x00"
	tests := []struct {
		name, file string
		next       chunks
	}{
		{"JPEG, segment of length 0", "\xff\xd8\xff\xe1\x00\x00Exif\x00\x00", jpegChunks},
		{"JPEG, fill bytes without end", "\xff\xd8" + strings.Repeat("\xff", 1<<20), jpegChunks},
		{"JPEG, SOI without end", strings.Repeat("\xff\xd8", 1<<20), jpegChunks},
		{"PNG, chunks without end", "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00\x00\x00\x00abcd\x00\x00\x00\x00", 1<<16), pngChunks},
		{"PNG, chunk of 4 GB", huge, pngChunks},
		{"WebP, chunk of 4 GB", "RIFF\x00\x00\x00\x00WEBPEXIF\xff\xff\xff\xff", webpChunks},
		{"GIF", "GIF89a", nil},
	}
	for _, test := range tests {
		if got := orientation(strings.NewReader(test.file), test.next); got != 1 {
			t.Errorf("%s: got %d, want 1", test.name, got)
		}
	}
}
