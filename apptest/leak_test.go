package apptest

import (
	"strings"
	"testing"
)

// What Bob was told of Ann's is found, and so is what the log says; what is his own is not.
func TestLeaksAreFound(t *testing.T) {
	h := &House{T: t}
	ann := &Person{Name: "Ann", Email: "ann@mail.example", Phone: "1001", password: "of Ann", Token: "token of Ann", heard: []string{"ann@mail.example, 1001, secret"}}
	bob := &Person{Name: "Bob", Email: "bob@mail.example", Phone: "1002", password: "of Bob", Token: "token of Bob"}
	h.people = []*Person{ann, bob}
	h.keep("secret", ann)
	if found := h.leaks(); len(found) > 0 {
		t.Errorf("found %q", found)
	}
	for _, told := range []string{"ann@mail.example", "1001", "of Ann", "$2a$04$", "secret"} {
		bob.heard = []string{"hello", "x" + told + "x"}
		if found := h.leaks(); len(found) != 1 || !strings.Contains(found[0], "Bob learned") {
			t.Errorf("told %s: found %q", told, found)
		}
	}
	bob.heard = nil
	for _, said := range []string{"bob@mail.example", "1002", "of Bob", "$2b$04$", "secret"} {
		h.log.text.Reset()
		h.log.Write([]byte("a line with " + said))
		if found := h.leaks(); len(found) != 1 || !strings.Contains(found[0], "the log learned") {
			t.Errorf("logged %s: found %q", said, found)
		}
	}
}
