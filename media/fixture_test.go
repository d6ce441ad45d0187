package media

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

const (
	ann = "65f1a2b3c4d5e6f708192a3b"
	bob = "65f1a2b3c4d5e6f708192a3c"
)

// quarters are the colors of the test picture: top left, top right, bottom left, bottom right.
var quarters = [2][2]color.NRGBA{
	{{200, 30, 30, 255}, {30, 200, 30, 255}},
	{{30, 30, 200, 255}, {240, 240, 240, 255}},
}

func open(t testing.TB) *Pictures {
	t.Helper()
	p, err := Open(filepath.Join(t.TempDir(), "img"), filepath.Join(t.TempDir(), "tmp"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// picture returns the test picture.
func picture(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetNRGBA(x, y, quarters[2*y/height][2*x/width])
		}
	}
	return img
}

// seeThrough returns the test picture with its bottom half transparent.
func seeThrough(width, height int) *image.NRGBA {
	img := picture(width, height)
	clear(img.Pix[height/2*img.Stride:])
	return img
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func asJPEG(t testing.TB, img image.Image) []byte {
	var b bytes.Buffer
	must(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}))
	return b.Bytes()
}

func asPNG(t testing.TB, img image.Image) []byte {
	var b bytes.Buffer
	must(t, png.Encode(&b, img))
	return b.Bytes()
}

// asGIF returns the frames as an animation.
func asGIF(t testing.TB, frames ...image.Image) []byte {
	all := gif.GIF{}
	for _, frame := range frames {
		p := image.NewPaletted(frame.Bounds(), color.Palette{
			color.Transparent, quarters[0][0], quarters[0][1], quarters[1][0], quarters[1][1],
		})
		for y := range p.Rect.Dy() {
			for x := range p.Rect.Dx() {
				p.Set(x, y, frame.At(x, y))
			}
		}
		all.Image, all.Delay = append(all.Image, p), append(all.Delay, 10)
	}
	var b bytes.Buffer
	must(t, gif.EncodeAll(&b, &all))
	return b.Bytes()
}

// bits writes VP8L's bit stream: least significant bit first.
type bits struct {
	bytes []byte
	used  int
}

func (b *bits) put(value, n int) {
	for i := range n {
		if b.used%8 == 0 {
			b.bytes = append(b.bytes, 0)
		}
		b.bytes[b.used/8] |= byte(value>>i&1) << (b.used % 8)
		b.used++
	}
}

// asVP8L returns a lossless WebP bit stream (RFC 9649, section 3) whose green is 200 where on says so and else 30.
// With on nil all of it is 30 and no pixel takes a bit.
func asVP8L(width, height int, on func(x, y int) bool) []byte {
	var b bits
	b.put(0x2f, 8)
	b.put(width-1, 14)
	b.put(height-1, 14)
	b.put(0, 1+3)   // no alpha, version 0
	b.put(0, 1+1+1) // no transform, no color cache, no meta prefix codes
	single := func(symbol int) {
		b.put(1, 1) // a simple code
		b.put(0, 1) // of one symbol
		b.put(1, 1) // in 8 bits
		b.put(symbol, 8)
	}
	if on == nil {
		single(30)
	} else {
		b.put(1, 1)
		b.put(1, 1) // of two symbols
		b.put(1, 1)
		b.put(30, 8)
		b.put(200, 8)
	}
	single(30)  // red
	single(30)  // blue
	single(255) // alpha
	single(0)   // distance
	if on != nil {
		for y := range height {
			for x := range width {
				if on(x, y) {
					b.put(1, 1)
				} else {
					b.put(0, 1)
				}
			}
		}
	}
	return b.bytes
}

func riffChunk(kind string, data []byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(data)))
	out = append(out, data...)
	if len(data)%2 == 1 {
		out = append(out, 0)
	}
	return out
}

// asWebP returns a WebP file of these chunks.
func asWebP(chunks ...[]byte) []byte {
	body := append([]byte("WEBP"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// vp8x is the chunk that announces EXIF in a WebP file.
func vp8x(width, height int) []byte {
	data := []byte{0x08, 0, 0, 0}
	for _, side := range []int{width - 1, height - 1} {
		data = append(data, byte(side), byte(side>>8), byte(side>>16))
	}
	return riffChunk("VP8X", data)
}

func pngChunk(kind string, data []byte) []byte {
	out := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), kind...)
	out = append(out, data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

const pngSignature = "\x89PNG\r\n\x1a\n"

// pngHeader is the beginning of a PNG with one bit of gray for a pixel.
func pngHeader(width, height uint32) []byte {
	data := binary.BigEndian.AppendUint32(nil, width)
	data = binary.BigEndian.AppendUint32(data, height)
	return append([]byte(pngSignature), pngChunk("IHDR", append(data, 1, 0, 0, 0, 0))...)
}

// blackPNG is a whole PNG of black pixels, packed as well as can be.
func blackPNG(t testing.TB, width, height int) []byte {
	var b bytes.Buffer
	z, err := zlib.NewWriterLevel(&b, zlib.BestCompression)
	must(t, err)
	row := make([]byte, 1+(width+7)/8)
	for range height {
		_, err := z.Write(row)
		must(t, err)
	}
	must(t, z.Close())
	return bytes.Join([][]byte{
		pngHeader(uint32(width), uint32(height)), pngChunk("IDAT", b.Bytes()), pngChunk("IEND", nil),
	}, nil)
}

// exif returns TIFF data with a secret and an orientation.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	out := []byte("II*\x00")
	if order.String() == "BigEndian" {
		out = []byte("MM\x00*")
	}
	out = order.AppendUint32(out, 8)
	out = order.AppendUint16(out, 2)
	out = appendEntry(order, out, 0x010f, 2, uint32(len(secret)), 8+2+2*12+4) // Make, behind the directory
	out = order.AppendUint16(out, 0x0112)
	out = order.AppendUint16(out, 3)
	out = order.AppendUint32(out, 1)
	out = order.AppendUint16(out, orientation)
	out = order.AppendUint16(out, 0)
	out = order.AppendUint32(out, 0)
	return append(out, secret...)
}

func appendEntry(order binary.AppendByteOrder, out []byte, tag, kind uint16, count, value uint32) []byte {
	out = order.AppendUint16(out, tag)
	out = order.AppendUint16(out, kind)
	out = order.AppendUint32(out, count)
	return order.AppendUint32(out, value)
}

// secret is what a camera wrote and nobody may read.
const secret = "taken at 52.5163 N 13.3777 E"

// segment is an APPn segment of a JPEG.
func segment(marker byte, data string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(2+len(data))), data...)
}

// insert returns file with parts put in at off.
func insert(file []byte, off int, parts ...[]byte) []byte {
	return bytes.Join([][]byte{file[:off], bytes.Join(parts, nil), file[off:]}, nil)
}

// saved returns the bytes and the pixels of a stored picture.
func saved(t testing.TB, p *Pictures, name string) ([]byte, image.Image) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, name))
	must(t, err)
	img, kind, err := image.Decode(bytes.NewReader(data))
	must(t, err)
	if want := map[string]string{extJPEG: "jpeg", extPNG: "png"}[filepath.Ext(name)]; kind != want {
		t.Fatalf("%s holds a %s", name, kind)
	}
	return data, img
}

// near tells whether two colors look the same after a JPEG.
func near(a, b color.Color) bool {
	r1, g1, b1, a1 := a.RGBA()
	r2, g2, b2, a2 := b.RGBA()
	for _, d := range []int{int(r1) - int(r2), int(g1) - int(g2), int(b1) - int(b2), int(a1) - int(a2)} {
		if d > 12<<8 || d < -12<<8 {
			return false
		}
	}
	return true
}

// wantSize fails unless the picture has this size.
func wantSize(t testing.TB, img image.Image, width, height int) {
	t.Helper()
	if size := img.Bounds().Size(); size != image.Pt(width, height) {
		t.Fatalf("%v, want %d × %d", size, width, height)
	}
}

// wantQuarters fails unless the picture is the test picture, upright.
func wantQuarters(t testing.TB, img image.Image) {
	t.Helper()
	size := img.Bounds().Size()
	for row := range 2 {
		for column := range 2 {
			got := img.At(size.X*(2*column+1)/4, size.Y*(2*row+1)/4)
			if !near(got, quarters[row][column]) {
				t.Errorf("row %d, column %d: got %v, want %v", row, column, got, quarters[row][column])
			}
		}
	}
}

// wantEmpty fails unless nothing is left in the folder.
func wantEmpty(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, entry := range entries {
		t.Errorf("left behind: %s", entry.Name())
	}
}
