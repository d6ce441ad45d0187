package engineio

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
)

// This file is JSONP polling of protocol 3, for browsers that cannot ask another origin: polls are answered by scripts,
// and posts come from forms.

var errForm = errors.New("malformed form")

// maxIndex bounds the digits of the index that a JSONP client gives itself.
const maxIndex = 10

// isIndex tells whether j may be written into a script.
func isIndex(j string) bool {
	for _, c := range j {
		if c < '0' || c > '9' {
			return false
		}
	}
	return j != "" && len(j) <= maxIndex
}

// script makes the script that hands a payload to the client. The string is valid JavaScript, not only JSON (Marshal
// escapes U+2028 and U+2029), and holds no "<" that could end a script element.
func script(index string, payload []byte) []byte {
	quoted, _ := json.Marshal(string(payload)) // a string always marshals
	out := make([]byte, 0, len(quoted)+len(index)+12)
	out = append(out, "___eio["...)
	out = append(out, index...)
	out = append(out, "]("...)
	out = append(out, quoted...)
	return append(out, ");"...)
}

// formPayload returns the payload in the field d of a form. Forms change line ends, so the client has written a newline
// as \n, and a \n that stood there before as \\n.
func formPayload(form []byte) ([]byte, error) {
	for more := true; more; {
		var field []byte
		field, form, more = bytes.Cut(form, []byte{'&'})
		if value, found := bytes.CutPrefix(field, []byte("d=")); found {
			text, err := url.QueryUnescape(string(value))
			if err != nil {
				return nil, errForm
			}
			return unescapeNewlines([]byte(text)), nil
		}
	}
	return nil, errForm
}

// unescapeNewlines works in place.
func unescapeNewlines(text []byte) []byte {
	out := text[:0]
	for i := 0; i < len(text); i++ {
		switch rest := text[i:]; {
		case bytes.HasPrefix(rest, []byte(`\\n`)):
			out = append(out, `\n`...)
			i += 2
		case bytes.HasPrefix(rest, []byte(`\n`)):
			out = append(out, '\n')
			i++
		default:
			out = append(out, text[i])
		}
	}
	return out
}
