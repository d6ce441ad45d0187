package uschat

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/parley-chat/parley/chat"
)

// Number is a number of a user, a thread or a message as clients send it: 123456789 or "123456789". Absent, null and ""
// are 0.
type Number uint64

// UnmarshalJSON implements json.Unmarshaler. What is no whole number from 0 up to 2^53 is Invalid.
func (n *Number) UnmarshalJSON(b []byte) error {
	b = bytes.Trim(b, `"`)
	if len(b) == 0 || string(b) == "null" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil || v > 1<<53 {
		return chat.Errorf(chat.Invalid, "a whole number is expected")
	}
	*n = Number(v)
	return nil
}

// Text is a text as clients send it: a string, or a number meant as one. Absent and null are "".
type Text string

// UnmarshalJSON implements json.Unmarshaler. An object, an array or a truth value is Invalid.
func (t *Text) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		*t = ""
		return nil
	case b[0] == '"':
		var s string
		err := json.Unmarshal(b, &s)
		*t = Text(s)
		return err
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		*t = Text(b)
		return nil
	}
	return chat.Errorf(chat.Invalid, "a text is expected")
}
