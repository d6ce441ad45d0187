package auth

import (
	"bytes"
	"embed"
	"math"
	"strings"
	"text/template"

	"github.com/parley-chat/parley/chat"
)

// letterFiles are plain text, KIND.LANGUAGE.txt; the first line is the subject.
//
//go:embed letters/*.txt
var letterFiles embed.FS

// letters knows how to say what a chat.Letter is about.
type letters struct {
	texts *template.Template
}

func newLetters() (letters, error) {
	texts, err := template.ParseFS(letterFiles, "letters/*.txt")
	if err != nil {
		return letters{}, chat.Wrap(chat.Internal, "the letters cannot be read", err)
	}
	return letters{texts}, nil
}

// write returns subject and body of a letter, in English where its language has none.
func (t letters) write(l chat.Letter) (subject, body string, err error) {
	text := t.texts.Lookup(string(l.Kind) + "." + l.Language + ".txt")
	if text == nil {
		text = t.texts.Lookup(string(l.Kind) + ".en.txt")
	}
	if text == nil {
		return "", "", chat.Errorf(chat.Invalid, "there is no letter of the kind %q", l.Kind)
	}
	var b bytes.Buffer
	err = text.Execute(&b, struct {
		Code    string
		Minutes int
	}{l.Code, max(1, int(math.Ceil(l.Valid.Minutes())))})
	if err != nil {
		return "", "", chat.Wrap(chat.Internal, "a letter cannot be written", err)
	}
	subject, body, _ = strings.Cut(b.String(), "\n")
	return subject, body, nil
}
