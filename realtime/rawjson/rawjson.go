// Package rawjson checks JSON and splits it one level deep without decoding it: a chat server passes most values on as
// they came. It allocates the strings that it decodes, and nothing else.
//
// It follows RFC 8259. That the text is valid UTF-8 is the transport's business and not checked again.
package rawjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// MaxDepth is how deep arrays and objects may be nested.
const MaxDepth = 64

var (
	errSyntax = errors.New("malformed JSON")
	errDepth  = errors.New("JSON nested deeper than " + strconv.Itoa(MaxDepth) + " levels")
	errMany   = errors.New("too many elements")
	errArray  = errors.New("not a JSON array")
	errObject = errors.New("not a JSON object")
)

// Valid returns nil when data is one JSON value and nothing else.
func Valid(data []byte) error {
	end, err := value(data, space(data, 0), 0)
	if err != nil {
		return err
	}
	return ended(data, end)
}

// Elements appends the elements of an array to dst, as they stand in data, and fails when they do not fit into cap(dst).
func Elements(data []byte, dst [][]byte) ([][]byte, error) {
	i := space(data, 0)
	if i == len(data) || data[i] != '[' {
		return nil, errArray
	}
	end, err := sequence(data, i, 0, ']', func(i int) (int, error) {
		end, err := value(data, i, 1)
		if err != nil {
			return 0, err
		}
		if len(dst) == cap(dst) {
			return 0, errMany
		}
		dst = append(dst, data[i:end:end])
		return end, nil
	})
	if err != nil {
		return nil, err
	}
	return dst, ended(data, end)
}

// Fields calls each with every member of an object, in order: the name decoded, the value as it stands in data.
func Fields(data []byte, each func(name, value []byte) error) error {
	i := space(data, 0)
	if i == len(data) || data[i] != '{' {
		return errObject
	}
	end, err := sequence(data, i, 0, '}', func(i int) (int, error) {
		from, colon, err := name(data, i)
		if err != nil {
			return 0, err
		}
		end, err := value(data, colon, 1)
		if err != nil {
			return 0, err
		}
		key := data[i+1 : from-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			decoded, _ := String(data[i:from])
			key = []byte(decoded)
		}
		return end, each(key, data[colon:end:end])
	})
	if err != nil {
		return err
	}
	return ended(data, end)
}

// String decodes a JSON string; ok is false for any other value.
func String(raw []byte) (s string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	var decoded string // not s, which would then be on the heap for plain strings too
	err := json.Unmarshal(raw, &decoded)
	return decoded, err == nil
}

// AppendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func ended(data []byte, i int) error {
	if space(data, i) != len(data) {
		return errSyntax
	}
	return nil
}

func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t') {
		i++
	}
	return i
}

// value returns the index behind the value that begins at i.
func value(data []byte, i, depth int) (int, error) {
	if i == len(data) {
		return 0, errSyntax
	}
	switch data[i] {
	case '"':
		return text(data, i)
	case '{':
		return sequence(data, i, depth, '}', func(i int) (int, error) {
			_, colon, err := name(data, i)
			if err != nil {
				return 0, err
			}
			return value(data, colon, depth+1)
		})
	case '[':
		return sequence(data, i, depth, ']', func(i int) (int, error) { return value(data, i, depth+1) })
	case 't':
		return literal(data, i, "true")
	case 'f':
		return literal(data, i, "false")
	case 'n':
		return literal(data, i, "null")
	default:
		return number(data, i)
	}
}

// sequence returns the index behind the array or object that begins at i; item returns the index behind one item.
func sequence(data []byte, i, depth int, end byte, item func(i int) (int, error)) (int, error) {
	if depth == MaxDepth {
		return 0, errDepth
	}
	i = space(data, i+1)
	if i < len(data) && data[i] == end {
		return i + 1, nil
	}
	for {
		next, err := item(i)
		if err != nil {
			return 0, err
		}
		i = space(data, next)
		switch {
		case i == len(data):
			return 0, errSyntax
		case data[i] == end:
			return i + 1, nil
		case data[i] != ',':
			return 0, errSyntax
		}
		i = space(data, i+1)
	}
}

// name returns the index behind a member's name and that of its value.
func name(data []byte, i int) (end, value int, err error) {
	if i == len(data) || data[i] != '"' {
		return 0, 0, errSyntax
	}
	if end, err = text(data, i); err != nil {
		return 0, 0, err
	}
	i = space(data, end)
	if i == len(data) || data[i] != ':' {
		return 0, 0, errSyntax
	}
	return end, space(data, i+1), nil
}

func text(data []byte, i int) (int, error) {
	for i++; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			return i + 1, nil
		case c < 0x20:
			return 0, errSyntax
		case c == '\\':
			i++
			if i == len(data) {
				return 0, errSyntax
			}
			switch data[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if len(data)-i < 5 {
					return 0, errSyntax
				}
				for _, h := range data[i+1 : i+5] {
					if !isHex(h) {
						return 0, errSyntax
					}
				}
				i += 4
			default:
				return 0, errSyntax
			}
		}
	}
	return 0, errSyntax
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func literal(data []byte, i int, word string) (int, error) {
	if len(data)-i < len(word) || string(data[i:i+len(word)]) != word {
		return 0, errSyntax
	}
	return i + len(word), nil
}

func number(data []byte, i int) (int, error) {
	if i < len(data) && data[i] == '-' {
		i++
	}
	whole := i
	i = digits(data, i)
	if i == whole || data[whole] == '0' && i > whole+1 {
		return 0, errSyntax
	}
	if i < len(data) && data[i] == '.' {
		from := i + 1
		if i = digits(data, from); i == from {
			return 0, errSyntax
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		from := i
		if i = digits(data, from); i == from {
			return 0, errSyntax
		}
	}
	return i, nil
}

func digits(data []byte, i int) int {
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	return i
}
