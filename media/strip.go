package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// A picture that is sent as a file keeps its pixels, colors and frames bit by bit, and loses what else its container
// holds: where and when it was taken, with what, the unedited original in small, comments, what follows its end. Only
// the orientation is written anew, as EXIF that holds nothing else. What is not known to be needed is left out.

// strip copies a picture without its metadata. Invalid when its container is damaged.
func strip(dst *os.File, src io.ReaderAt, l look) error {
	from := bufio.NewReader(io.NewSectionReader(src, 0, l.size))
	to := bufio.NewWriter(dst)
	s := &stripper{r: from, w: to}
	if l.orientation > 1 {
		s.exif = orientationOnly(uint16(l.orientation))
	}
	l.kind.strip(s)
	if s.err == nil {
		s.err = to.Flush()
	}
	if s.err == nil && s.riff > 0 {
		_, s.err = dst.WriteAt(binary.LittleEndian.AppendUint32(nil, uint32(s.riff)), 4)
	}
	switch {
	case errors.Is(s.err, io.EOF), errors.Is(s.err, io.ErrUnexpectedEOF), errors.Is(s.err, errContainer):
		return damaged(s.err)
	case s.err != nil:
		return writeError("picture not written", s.err)
	}
	return nil
}

var errContainer = errors.New("malformed container")

// orientationOnly is a TIFF directory with the tag Orientation alone, see tiffOrientation.
func orientationOnly(value uint16) []byte {
	const at, entries, short = 8, 1, 3
	b := binary.BigEndian.AppendUint32([]byte("MM\x00*"), at)
	for _, v := range []uint16{entries, 0x0112, short, 0, 1, value, 0, 0, 0} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

// stripper copies a container part by part. The first error stays, and then nothing is copied.
type stripper struct {
	r    *bufio.Reader
	w    *bufio.Writer
	exif []byte // to be written; nil for an upright picture
	riff int64  // WebP's size, which is known at the end
	err  error
}

// take reads n bytes.
func (s *stripper) take(n int) []byte {
	b := make([]byte, n)
	if s.err == nil {
		_, s.err = io.ReadFull(s.r, b)
	}
	return b
}

// put writes parts.
func (s *stripper) put(parts ...[]byte) {
	for _, part := range parts {
		if s.err == nil {
			_, s.err = s.w.Write(part)
		}
	}
}

// pass copies the next n bytes, or drops them.
func (s *stripper) pass(n int64, keep bool) {
	switch {
	case s.err != nil:
	case keep:
		_, s.err = io.CopyN(s.w, s.r, n)
	default:
		_, s.err = io.CopyN(io.Discard, s.r, n)
	}
}

func (s *stripper) fail() { s.err = errors.Join(s.err, errContainer) }

// stripJPEG: ISO/IEC 10918-1, annex B. It ends at EOI: what phones hide behind it is left out.
func stripJPEG(s *stripper) {
	const (
		soi, eoi, sos           = 0xd8, 0xd9, 0xda
		app0, app1, app2, app14 = 0xe0, 0xe1, 0xe2, 0xee
		jfif                    = "JFIF\x00"
	)
	s.put(s.take(2)) // SOI
	if s.exif != nil {
		s.put(jpegSegment(app1, append([]byte(exifHeader), s.exif...)))
	}
	marker := s.jpegMarker()
	for s.err == nil && marker != eoi {
		if marker < 0xc0 || marker == soi || marker >= 0xd0 && marker <= 0xd7 {
			s.fail()
			return
		}
		size := int(binary.BigEndian.Uint16(s.take(2))) - 2
		if s.err != nil || size < 0 {
			s.fail()
			return
		}
		payload := s.take(size)
		switch {
		case marker == app0 && bytes.HasPrefix(payload, []byte(jfif)) && size >= 14:
			payload[12], payload[13] = 0, 0 // no thumbnail
			s.put(jpegSegment(marker, payload[:14]))
		case marker == app2 && bytes.HasPrefix(payload, []byte("ICC_PROFILE\x00")),
			marker == app14 && bytes.HasPrefix(payload, []byte("Adobe")),
			marker < app0: // tables, frames and scans
			s.put(jpegSegment(marker, payload))
		}
		if marker == sos {
			marker = s.jpegScan()
		} else {
			marker = s.jpegMarker()
		}
	}
	s.put([]byte{0xff, eoi})
}

func jpegSegment(marker byte, payload []byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(2+len(payload)))
	return append(head, payload...)
}

// jpegMarker reads a marker, with the fill bytes before it.
func (s *stripper) jpegMarker() byte {
	if s.take(1)[0] != 0xff {
		s.fail()
		return 0
	}
	for s.err == nil {
		if b := s.take(1)[0]; b != 0xff {
			return b
		}
	}
	return 0
}

// jpegScan copies entropy-coded data and returns the marker behind it. A file that is cut off there shows what it has.
func (s *stripper) jpegScan() byte {
	const eoi = 0xd9
	for s.err == nil {
		data, err := s.r.ReadSlice(0xff)
		if err == bufio.ErrBufferFull {
			s.put(data)
			continue
		}
		if err != nil {
			s.put(data)
			return eoi
		}
		s.put(data[:len(data)-1])
		switch b, err := s.r.ReadByte(); {
		case err != nil:
			return eoi
		case b == 0, b >= 0xd0 && b <= 0xd7: // a stuffed byte, a restart
			s.put([]byte{0xff, b})
		case b == 0xff: // a fill byte
			s.err = s.r.UnreadByte()
		default:
			return b
		}
	}
	return 0
}

// stripPNG: W3C PNG, third edition, with its animations.
func stripPNG(s *stripper) {
	s.put(s.take(8)) // signature
	for s.err == nil {
		head := s.take(8)
		kind := string(head[4:])
		keep := false
		switch kind {
		case "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "cICP", "mDCV", "cLLI", "sBIT", "bKGD", "pHYs",
			"acTL", "fcTL", "fdAT":
			keep = true
			s.put(head)
		}
		s.pass(int64(binary.BigEndian.Uint32(head))+4, keep) // with the CRC
		if kind == "IHDR" && s.exif != nil {
			chunk := append([]byte("eXIf"), s.exif...)
			s.put(binary.BigEndian.AppendUint32(nil, uint32(len(s.exif))), chunk,
				binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(chunk)))
		}
		if kind == "IEND" {
			return
		}
	}
}

// stripGIF: GIF89a, sections 18 to 27.
func stripGIF(s *stripper) {
	const image, extension, trailer = 0x2c, 0x21, 0x3b
	head := s.take(13) // signature and logical screen descriptor
	s.put(head)
	s.pass(colorTable(head[10]), true)
	for s.err == nil {
		switch kind, err := s.r.ReadByte(); {
		case err == nil && kind == image:
			descriptor := s.take(9)
			s.put([]byte{kind}, descriptor)
			s.pass(colorTable(descriptor[8])+1, true) // and the LZW minimum code size
			s.gifBlocks(true)
		case err == nil && kind == extension:
			s.gifExtension()
		case err == io.EOF || kind == trailer: // which some encoders forget
			s.put([]byte{trailer})
			return
		default:
			s.fail()
		}
	}
}

// gifExtension copies what shows and how: control, text in the picture, and how often an animation goes round.
func (s *stripper) gifExtension() {
	const extension, text, control, application = 0x21, 0x01, 0xf9, 0xff
	head := s.take(2) // label, size of the first block
	first := s.take(int(head[1]))
	keep := head[0] == text || head[0] == control ||
		head[0] == application && (string(first) == "NETSCAPE2.0" || string(first) == "ANIMEXTS1.0")
	if keep {
		s.put([]byte{extension}, head, first)
	}
	if head[1] > 0 {
		s.gifBlocks(keep)
	}
}

// gifBlocks goes through sub-blocks, each behind its size, to the empty one.
func (s *stripper) gifBlocks(keep bool) {
	for s.err == nil {
		size := s.take(1)
		if keep {
			s.put(size)
		}
		if size[0] == 0 {
			return
		}
		s.pass(int64(size[0]), keep)
	}
}

// colorTable is the size of the table that a packed field announces.
func colorTable(packed byte) int64 {
	if packed&0x80 == 0 {
		return 0
	}
	return 3 << (packed&7 + 1)
}

// webpFrame goes through the chunks of one frame of an animation: RFC 9649, section 2.7.1.1. What is unknown is blanked
// rather than left out, for the frame's size has been written already.
func (s *stripper) webpFrame(size int64) {
	const placement = 16
	if size < placement {
		s.fail()
		return
	}
	s.pass(placement, true)
	rest := size - placement
	for s.err == nil && rest >= 8 {
		chunk := s.take(8)
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		size += size & 1
		if rest -= 8 + size; rest < 0 {
			s.fail()
			return
		}
		s.put(chunk)
		switch string(chunk[:4]) {
		case "VP8 ", "VP8L", "ALPH":
			s.pass(size, true)
		default:
			s.blank(size)
		}
	}
	s.blank(rest)
}

// blank copies the next n bytes as zeros.
func (s *stripper) blank(n int64) {
	s.pass(n, false)
	for zeros := make([]byte, 512); s.err == nil && n > 0; {
		part := zeros[:min(n, int64(len(zeros)))]
		s.put(part)
		n -= int64(len(part))
	}
}

// stripWebP: RFC 9649, section 2.7.
func stripWebP(s *stripper) {
	const exifFlag, xmpFlag = 0x08, 0x04
	head := s.take(12)
	end := int64(binary.LittleEndian.Uint32(head[4:])) + 8
	s.put(head)
	out := int64(len(head))
	for at := int64(len(head)); s.err == nil && at+8 <= end; {
		chunk := s.take(8)
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		size += size & 1
		at += 8 + size
		switch string(chunk[:4]) {
		case "VP8X":
			if size < 10 {
				s.fail()
				return
			}
			flags := s.take(1)
			flags[0] &^= exifFlag | xmpFlag
			if s.exif != nil {
				flags[0] |= exifFlag
			}
			s.put(chunk, flags)
			s.pass(size-1, true)
			out += 8 + size
		case "ANMF":
			s.put(chunk)
			s.webpFrame(size)
			out += 8 + size
		case "VP8 ", "VP8L", "ALPH", "ANIM", "ICCP":
			s.put(chunk)
			s.pass(size, true)
			out += 8 + size
		default:
			s.pass(size, false)
		}
	}
	if s.exif != nil { // an even number of bytes: no padding
		s.put(binary.LittleEndian.AppendUint32([]byte("EXIF"), uint32(len(s.exif))), s.exif)
		out += 8 + int64(len(s.exif))
	}
	s.riff = out - 8
}
