package words

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// texts calls each with every text of a message's body: the values that are strings, wherever they stand in the JSON,
// except links, which nobody searches by. Names of members are no text. It ends early when each returns false.
func texts(body []byte, each func(text string) (more bool)) {
	if len(body) >= 2 && body[0] == '"' && bytes.IndexByte(body, '\\') < 0 && utf8.Valid(body) {
		each(string(body[1 : len(body)-1])) // nothing to decode
		return
	}
	var value any
	if json.Unmarshal(body, &value) == nil {
		walk(value, each)
	}
}

func walk(value any, each func(text string) bool) (more bool) {
	switch v := value.(type) {
	case string:
		return each(v)
	case []any:
		for _, item := range v {
			if !walk(item, each) {
				return false
			}
		}
	case map[string]any:
		for name, item := range v {
			if name != "url" && name != "thumb" && !walk(item, each) {
				return false
			}
		}
	}
	return true
}
