package media

import (
	"bytes"
	"encoding/binary"
	"io"
)

// imaging reads the orientation of a JPEG too, but it turns the picture at its full size, stops at the first APP1
// segment whatever is in it, and leaks a goroutine when the decoder panics. So the few bytes are read here, which
// also serves PNG and WebP.

// Bounds of the search for the orientation: cameras write it into the first directory of the first chunks.
const (
	maxChunks = 4096
	maxExif   = 64 << 10 // bytes
)

// chunks finds the parts of a container format. For the part whose head stands at off it returns where the payload
// begins, its size, where the next part begins, and whether the payload may be EXIF. A next of 0 ends the search.
type chunks func(head [12]byte, off int64) (payload, size, next int64, exif bool)

// jpegChunks knows JPEG's segments (ISO/IEC 10918-1, annex B): marker, length with itself, payload; SOI before all.
func jpegChunks(head [12]byte, off int64) (payload, size, next int64, exif bool) {
	const soi, sos, app1 = 0xd8, 0xda, 0xe1
	switch {
	case head[0] != 0xff || head[1] == sos:
		return 0, 0, 0, false
	case head[1] == soi:
		return 0, 0, off + 2, false
	case head[1] == 0xff: // fill byte
		return 0, 0, off + 1, false
	}
	size = int64(binary.BigEndian.Uint16(head[2:])) - 2
	return off + 4, size, off + 4 + size, head[1] == app1 && string(head[4:10]) == exifHeader
}

// pngChunks knows PNG's chunks (W3C PNG, third edition): length, type, payload, CRC; 8 bytes of signature before all.
func pngChunks(head [12]byte, off int64) (payload, size, next int64, exif bool) {
	if off == 0 {
		return 0, 0, 8, false
	}
	size = int64(binary.BigEndian.Uint32(head[:]))
	return off + 8, size, off + 12 + size, string(head[4:8]) == "eXIf"
}

// webpChunks knows RIFF's chunks (RFC 9649): type, length, payload, padding to an even size; 12 bytes before all.
func webpChunks(head [12]byte, off int64) (payload, size, next int64, exif bool) {
	if off == 0 {
		return 0, 0, 12, false
	}
	size = int64(binary.LittleEndian.Uint32(head[4:]))
	return off + 8, size, off + 8 + size + size&1, string(head[:4]) == "EXIF"
}

// exifHeader stands before the TIFF data in JPEG, and by mistake in some WebP files.
const exifHeader = "Exif\x00\x00"

// orientation returns the EXIF orientation of a picture, 1 to 8; 1, upright, when it says nothing that can be read.
func orientation(f io.ReaderAt, next chunks) int {
	if next == nil {
		return 1
	}
	var off int64
	for range maxChunks {
		var head [12]byte
		if n, _ := f.ReadAt(head[:], off); n < 4 {
			return 1
		}
		payload, size, after, exif := next(head, off)
		if exif {
			tiff := make([]byte, max(0, min(size, maxExif)))
			n, _ := f.ReadAt(tiff, payload)
			return tiffOrientation(bytes.TrimPrefix(tiff[:n], []byte(exifHeader)))
		}
		if after <= off {
			return 1
		}
		off = after
	}
	return 1
}

// tiffOrientation reads the tag Orientation of the first directory (EXIF 2.32, section 4.6.4; TIFF 6.0, section 2).
func tiffOrientation(tiff []byte) int {
	const header, entry, tag, short = 8, 12, 0x0112, 3
	if len(tiff) < header {
		return 1
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	off := int64(order.Uint32(tiff[4:]))
	if off+2 > int64(len(tiff)) {
		return 1
	}
	directory := tiff[off+2:]
	for range order.Uint16(tiff[off:]) {
		if len(directory) < entry {
			return 1
		}
		if order.Uint16(directory) == tag && order.Uint16(directory[2:]) == short {
			if value := int(order.Uint16(directory[8:])); value >= 1 && value <= 8 {
				return value
			}
			return 1
		}
		directory = directory[entry:]
	}
	return 1
}
