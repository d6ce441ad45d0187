package words

import (
	"bytes"
	"unicode/utf8"

	"github.com/parley-chat/parley/chat"
)

// Bounds of a question.
const (
	maxQuestion = 256 // bytes
	maxWords    = 8
)

// Words implements chat.Words. Make it with New.
type Words struct {
	folder folder
	making []byte // of its sketches
}

// New returns a reader of messages.
func New() *Words { return &Words{newFolder(), newMaking()} }

// Question implements chat.Words.
//
// Errors: Invalid.
func (w *Words) Question(q string) (chat.Question, error) {
	if len(q) > maxQuestion || !utf8.ValidString(q) {
		return nil, chat.Errorf(chat.Invalid, "q: at most %d bytes of UTF-8", maxQuestion)
	}
	asked := &question{folder: w.folder, making: w.making, words: bytes.Fields(w.folder.append(nil, q))}
	switch n := len(asked.words); {
	case n == 0:
		return nil, chat.Errorf(chat.Invalid, "q: missing or blank")
	case n > maxWords:
		return nil, chat.Errorf(chat.Invalid, "q: at most %d words", maxWords)
	}
	for _, word := range asked.words {
		grams(word, func(gram uint64) { asked.grams = append(asked.grams, gram) })
	}
	return asked, nil
}

// question implements chat.Question.
type question struct {
	folder folder
	making []byte   // of the sketches that it understands
	words  [][]byte // folded
	grams  []uint64 // of all words
	text   []byte   // reused
}

// Answers implements chat.Question.
func (q *question) Answers(body []byte) bool {
	missing := uint(1)<<len(q.words) - 1
	texts(body, func(text string) bool {
		q.text = q.folder.append(q.text[:0], text)
		for i, word := range q.words {
			if missing&(1<<i) != 0 && bytes.Contains(q.text, word) {
				missing &^= 1 << i
			}
		}
		return missing != 0
	})
	return missing == 0
}

// MayBeIn implements chat.Question.
func (q *question) MayBeIn(sketch []byte) bool {
	s, ok := readSketch(sketch, q.making)
	if !ok {
		return true
	}
	for _, gram := range q.grams {
		if !s.has(gram) {
			return false
		}
	}
	return true
}
