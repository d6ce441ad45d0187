package media

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"runtime/debug"

	"github.com/disintegration/imaging"
	"golang.org/x/image/webp"

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
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	chunks chunks
}

// sniff tells the format by the first bytes: neither the file's name nor its declared type is to be trusted.
func sniff(f io.ReaderAt) (format, bool) {
	var head [512]byte
	n, _ := f.ReadAt(head[:], 0)
	switch http.DetectContentType(head[:n]) {
	case "image/jpeg":
		return format{jpeg.DecodeConfig, jpeg.Decode, jpegChunks}, true
	case "image/png":
		return format{png.DecodeConfig, png.Decode, pngChunks}, true
	case "image/gif":
		return format{gif.DecodeConfig, gif.Decode, nil}, true
	case "image/webp":
		return format{webp.DecodeConfig, webp.Decode, webpChunks}, true
	}
	return format{}, false
}

// render makes an avatar from an upload.
func (p *Pictures) render(ctx context.Context, f io.ReaderAt, size int64) (data []byte, ext string, err error) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("picture decoder panicked", "panic", r, "stack", string(debug.Stack()))
			data, ext, err = nil, "", chat.Errorf(chat.Invalid, "picture: damaged")
		}
	}()
	kind, ok := sniff(f)
	if !ok {
		return nil, "", chat.Errorf(chat.Invalid, "picture: not a JPEG, PNG, GIF or WebP")
	}
	config, err := kind.config(io.NewSectionReader(f, 0, size))
	if err != nil || config.Width <= 0 || config.Height <= 0 {
		return nil, "", chat.Wrap(chat.Invalid, "picture: damaged", err)
	}
	pixels := int64(config.Width) * int64(config.Height)
	if config.Width > maxSide || config.Height > maxSide || pixels > maxPixels {
		return nil, "", chat.Errorf(chat.TooLarge, "picture: over %d megapixels or %d pixels on a side", maxPixels/1_000_000, maxSide)
	}
	img, err := p.decode(ctx, kind, io.NewSectionReader(f, 0, size), pixels)
	if err != nil {
		return nil, "", err
	}
	return encode(upright(img, orientation(f, kind.chunks)))
}

// decode returns the picture at its final size. It waits until there is room for its pixels.
func (p *Pictures) decode(ctx context.Context, kind format, r io.Reader, pixels int64) (*image.NRGBA, error) {
	if err := p.decoding.Acquire(ctx, pixels); err != nil {
		return nil, cancelled(ctx)
	}
	defer p.decoding.Release(pixels)
	// Few bytes can hold much work: 76 make a progressive JPEG walk over 36 megapixels once more, about 9 ms, so 8 MB
	// would take a quarter of an hour.
	patience, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	img, err := kind.decode(&reader{patience, r})
	switch {
	case ctx.Err() != nil:
		return nil, cancelled(ctx)
	case patience.Err() != nil:
		return nil, chat.Errorf(chat.TooLarge, "picture: takes too long to decode")
	case err != nil:
		return nil, chat.Wrap(chat.Invalid, "picture: damaged", err)
	}
	if img, ok := img.(*image.Paletted); ok {
		// imaging looks colors up in goroutines of its own, where a panic ends the process (CVE-2023-36308): no
		// index may be outside.
		for len(img.Palette) < 256 {
			img.Palette = append(img.Palette, color.Transparent)
		}
	}
	return imaging.Fit(img, avatarSide, avatarSide, imaging.Lanczos), nil
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
