package media

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/disintegration/imaging"
	"golang.org/x/image/webp"
	"golang.org/x/sync/semaphore"

	"github.com/parley-chat/parley/chat"
)

const (
	// maxPixels bounds a picture, and all pictures being decoded at one time. Most take 4 bytes for a pixel, 160 MB in
	// all; the worst, a progressive JPEG in CMYK, 24.
	maxPixels = 40_000_000
	// maxSide is the longest that JPEG and GIF know. The resizer's tables grow with the longer side, by 96 bytes for a
	// pixel: a PNG of 40,000,000 × 1 would ask for 4 GB.
	maxSide     = 65_535
	avatarSide  = 512
	jpegQuality = 85

	extJPEG = ".jpg"
	extPNG  = ".png"
)

// format is a picture format that this package reads.
type format struct {
	mime, extension string
	config          func(io.Reader) (image.Config, error)
	decode          func(io.Reader) (image.Image, error)
	chunks          chunks
	strip           func(*stripper)
}

// sniff tells the format by the first bytes: neither the file's name nor its declared type is to be trusted.
func sniff(f io.ReaderAt) (format, bool) {
	var head [512]byte
	n, _ := f.ReadAt(head[:], 0)
	switch mime := http.DetectContentType(head[:n]); mime {
	case "image/jpeg":
		return format{mime, extJPEG, jpeg.DecodeConfig, jpeg.Decode, jpegChunks, stripJPEG}, true
	case "image/png":
		return format{mime, extPNG, png.DecodeConfig, png.Decode, pngChunks, stripPNG}, true
	case "image/gif":
		return format{mime, ".gif", gif.DecodeConfig, gif.Decode, nil, stripGIF}, true
	case "image/webp":
		return format{mime, ".webp", webp.DecodeConfig, webp.Decode, webpChunks, stripWebP}, true
	}
	return format{}, false
}

// decoder reads pictures, of which it bounds how many pixels are being decoded at one time.
type decoder struct {
	log      *slog.Logger
	decoding *semaphore.Weighted // in pixels
	patience time.Duration       // for one picture
}

func newDecoder(log *slog.Logger) *decoder {
	return &decoder{log: log, decoding: semaphore.NewWeighted(maxPixels), patience: 30 * time.Second}
}

// look is what can be said of a picture without decoding it.
type look struct {
	kind          format
	size          int64 // bytes
	width, height int   // as stored, before orientation
	orientation   int   // EXIF, 1 to 8
}

// shown returns width and height as people see the picture: the orientations from 5 on lie on their side.
func (l look) shown() (width, height int) {
	if l.orientation >= 5 {
		return l.height, l.width
	}
	return l.width, l.height
}

// examine reads the head of a picture. Invalid when it is none, or damaged, or of a variant that cannot be decoded; in the
// last case, see unsupported, its format is told all the same.
func (d *decoder) examine(f io.ReaderAt, size int64) (l look, err error) {
	defer d.survive(&err)
	kind, ok := sniff(f)
	if !ok {
		return l, chat.Errorf(chat.Invalid, "picture: not a JPEG, PNG, GIF or WebP")
	}
	config, err := kind.config(io.NewSectionReader(f, 0, size))
	l = look{kind, size, config.Width, config.Height, orientation(f, kind.chunks)}
	if err != nil || config.Width <= 0 || config.Height <= 0 {
		return l, damaged(err)
	}
	return l, nil
}

// unsupported tells whether a picture is not damaged, but of a variant that the decoder does not know, as JPEG with
// arithmetic coding.
func unsupported(err error) bool {
	var ofJPEG jpeg.UnsupportedError
	var ofPNG png.UnsupportedError
	return errors.As(err, &ofJPEG) || errors.As(err, &ofPNG)
}

// survive turns a panic of a decoder into an error.
func (d *decoder) survive(err *error) {
	if r := recover(); r != nil {
		d.log.Error("picture decoder panicked", "panic", r, "stack", string(debug.Stack()))
		*err = damaged(nil)
	}
}

func damaged(cause error) error { return chat.Wrap(chat.Invalid, "picture: damaged", cause) }

// render returns a picture upright and made anew, at most side pixels wide and high. TooLarge when it has too many
// pixels to be decoded, or takes too long.
func (d *decoder) render(ctx context.Context, f io.ReaderAt, l look, side int) (data []byte, ext string, err error) {
	defer d.survive(&err)
	pixels := int64(l.width) * int64(l.height)
	if l.width > maxSide || l.height > maxSide || pixels > maxPixels {
		return nil, "", chat.Errorf(chat.TooLarge, "picture: over %d megapixels or %d pixels on a side", maxPixels/1_000_000, maxSide)
	}
	img, err := d.decode(ctx, l, f, pixels, side)
	if err != nil {
		return nil, "", err
	}
	return encode(upright(img, l.orientation))
}

// decode returns the picture at its final size. It waits until there is room for its pixels.
func (d *decoder) decode(ctx context.Context, l look, f io.ReaderAt, pixels int64, side int) (*image.NRGBA, error) {
	if err := d.decoding.Acquire(ctx, pixels); err != nil {
		return nil, cancelled(ctx)
	}
	defer d.decoding.Release(pixels)
	// Few bytes can hold much work: 76 make a progressive JPEG walk over 36 megapixels once more, about 9 ms, so 8 MB
	// would take a quarter of an hour.
	patience, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	img, err := l.kind.decode(&reader{patience, io.NewSectionReader(f, 0, l.size)})
	switch {
	case ctx.Err() != nil:
		return nil, cancelled(ctx)
	case patience.Err() != nil:
		return nil, chat.Errorf(chat.TooLarge, "picture: takes too long to decode")
	case err != nil:
		return nil, damaged(err)
	}
	if img, ok := img.(*image.Paletted); ok {
		// imaging looks colors up in goroutines of its own, where a panic ends the process (CVE-2023-36308): no
		// index may be outside.
		for len(img.Palette) < 256 {
			img.Palette = append(img.Palette, color.Transparent)
		}
	}
	return imaging.Fit(img, side, side, imaging.Lanczos), nil
}

// upright undoes an EXIF orientation. It comes after the resizing, which does not mind: a turn of the full size would
// need its memory twice.
func upright(img *image.NRGBA, orientation int) *image.NRGBA {
	switch orientation {
	case 2:
		return imaging.FlipH(img)
	case 3:
		return imaging.Rotate180(img)
	case 4:
		return imaging.FlipV(img)
	case 5:
		return imaging.Transpose(img)
	case 6:
		return imaging.Rotate270(img) // counter-clockwise
	case 7:
		return imaging.Transverse(img)
	case 8:
		return imaging.Rotate90(img)
	}
	return img
}

// encode returns a picture as JPEG, or as PNG if one can see through it.
func encode(img *image.NRGBA) (data []byte, ext string, err error) {
	kind := imaging.PNG
	ext = extPNG
	if img.Opaque() {
		kind, ext = imaging.JPEG, extJPEG
	}
	var b bytes.Buffer
	if err := imaging.Encode(&b, img, kind, imaging.JPEGQuality(jpegQuality)); err != nil {
		return nil, "", chat.Wrap(chat.Internal, "picture not encoded", err)
	}
	return b.Bytes(), ext, nil
}
