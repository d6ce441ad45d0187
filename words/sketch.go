package words

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// A sketch is a Bloom filter over the grams of texts: four bytes that name its making, then the bits, a power of two of
// them. Without bits it holds everything.
//
// It is filled at the largest size and then folded, one half onto the other, for as long as it stays thin: so its size
// follows from what is in it, and no set of grams is needed to know that in advance. At 40 % full, four probes are wrong
// for one gram in 40.
const (
	largestSketch = 32 << 10 // bytes: the grams of about 250 KB of text
	leastSketch   = 64
	probes        = 4
	thin          = 0.4     // of the bits may be set after folding
	crowded       = 0.75    // with more set at the largest size, a sketch tells too little to be kept
	mostText      = 1 << 20 // bytes that are worth the time
)

const makingSize = 4

// newMaking names what a sketch depends on: this package's layout, and the Unicode version by which texts are folded.
func newMaking() []byte {
	h := fnv.New32a()
	h.Write([]byte("1 " + norm.Version + " " + cases.UnicodeVersion))
	return h.Sum(nil)
}

// Sketch implements chat.Words.
func (w *Words) Sketch(bodies [][]byte) []byte {
	size := 0
	for _, body := range bodies {
		size += len(body)
	}
	if size > mostText {
		return bytes.Clone(w.making)
	}
	s := make(sketch, largestSketch)
	var folded []byte
	for _, body := range bodies {
		texts(body, func(text string) bool {
			folded = w.folder.append(folded[:0], text)
			grams(folded, s.add)
			return true
		})
	}
	if s.full() > crowded {
		return bytes.Clone(w.making)
	}
	for len(s) > leastSketch {
		half := len(s) / 2
		if s.folded(half) > thin {
			break
		}
		for i := range half {
			s[i] |= s[half+i]
		}
		s = s[:half]
	}
	return slices.Concat(w.making, s)
}

// Current implements chat.Words.
func (w *Words) Current(sketch []byte) bool {
	return bytes.HasPrefix(sketch, w.making)
}

// sketch is the bits alone.
type sketch []byte

// readSketch returns the bits of a sketch; ok is false when it holds everything or is of another making.
func readSketch(b, making []byte) (s sketch, ok bool) {
	s, ok = bytes.CutPrefix(b, making)
	return s, ok && len(s) > 0 && len(s)&(len(s)-1) == 0
}

func (s sketch) add(gram uint64) {
	h, step := hash(gram)
	mask := uint32(len(s) - 1)
	for range probes {
		s[h>>3&mask] |= 1 << (h & 7)
		h += step
	}
}

func (s sketch) has(gram uint64) bool {
	h, step := hash(gram)
	mask := uint32(len(s) - 1)
	for range probes {
		if s[h>>3&mask]&(1<<(h&7)) == 0 {
			return false
		}
		h += step
	}
	return true
}

// full returns the share of bits that are set.
func (s sketch) full() float64 {
	n := 0
	for i := 0; i < len(s); i += 8 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(s[i:]))
	}
	return float64(n) / float64(8*len(s))
}

// folded returns what full would be with the upper half folded onto the lower.
func (s sketch) folded(half int) float64 {
	n := 0
	for i := 0; i < half; i += 8 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(s[i:]) | binary.LittleEndian.Uint64(s[half+i:]))
	}
	return float64(n) / float64(8*half)
}

// hash spreads a gram over 64 bits (the finalizer of SplitMix64) and takes them as the first probe and the way to the
// next.
func hash(gram uint64) (first, step uint32) {
	gram = (gram ^ gram>>30) * 0xbf58476d1ce4e5b9
	gram = (gram ^ gram>>27) * 0x94d049bb133111eb
	gram ^= gram >> 31
	return uint32(gram), uint32(gram>>32) | 1
}

// grams calls each with the grams of a folded text: what a text with a certain word in it must have, too. They are the
// pairs of neighbouring characters, three neighbours in scripts of few characters, and single characters in scripts of
// many. None contains a blank, since no word does.
func grams(text []byte, each func(gram uint64)) {
	const width = 21 // bits of a character
	var last, lastButOne uint64
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		if unicode.IsSpace(r) {
			last, lastButOne = 0, 0
			continue
		}
		c := uint64(r)
		if many(r) {
			each(c)
		}
		if last != 0 {
			each(last<<width | c)
			if lastButOne != 0 && !many(r) && !many(rune(last)) && !many(rune(lastButOne)) {
				each((lastButOne<<width|last)<<width | c)
			}
		}
		lastButOne, last = last, c
	}
}

// many tells whether a character's script has so many that one alone tells something, or is written without blanks:
// Thai to Myanmar, Khmer, Chinese, Japanese, Korean, and emoji.
func many(r rune) bool {
	return 0x0E00 <= r && r <= 0x109F || 0x1780 <= r && r <= 0x17FF || 0x2E80 <= r
}
