package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func TestEveryLetterIsThereInBothLanguages(t *testing.T) {
	all, err := newLetters()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]string)
	for _, kind := range []chat.LetterKind{chat.LetterCode, chat.LetterTaken, chat.LetterUnknown} {
		for _, language := range []string{"zh", "en"} {
			what := string(kind) + " in " + language
			subject, body, err := all.write(chat.Letter{Kind: kind, Language: language, Code: "012345", Valid: 10 * time.Minute})
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			if subject == "" || strings.ContainsAny(subject, "\r\n") || strings.Contains(subject, "012345") {
				t.Errorf("%s has the subject %q", what, subject)
			}
			if chinese := strings.Contains(subject+body, "邮"); chinese != (language == "zh") {
				t.Errorf("%s reads %s", what, body)
			}
			if has := strings.Contains(body, "012345") && strings.Contains(body, "10"); has != (kind == chat.LetterCode) {
				t.Errorf("%s reads %s", what, body)
			}
			if other, ok := seen[body]; ok {
				t.Errorf("%s is %s", what, other)
			}
			seen[body] = what
		}
	}
	french, _, err := all.write(chat.Letter{Kind: chat.LetterTaken, Language: "fr"})
	english, _, _ := all.write(chat.Letter{Kind: chat.LetterTaken, Language: "en"})
	if err != nil || french != english {
		t.Errorf("in French it is %q, %v", french, err)
	}
	for _, kind := range []chat.LetterKind{"", "bill", "../code"} {
		_, _, err := all.write(chat.Letter{Kind: kind, Language: "en"})
		if chat.CodeOf(err) != chat.Invalid {
			t.Errorf("a letter of the kind %q: %v", kind, err)
		}
	}
}
