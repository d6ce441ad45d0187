package chat_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// album keeps the names of pictures. The content is the name.
type album struct {
	names   []string
	reading chan struct{} // when set, SaveAvatar tells it and waits for it
}

func (a *album) SaveAvatar(_ context.Context, _ chat.UserID, r io.Reader) (string, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	if a.reading != nil {
		a.reading <- struct{}{}
		<-a.reading
	}
	name := string(content)
	if name == "a zip" {
		return "", chat.Errorf(chat.Invalid, "not an image")
	}
	if !slices.Contains(a.names, name) {
		a.names = append(a.names, name)
	}
	return name, nil
}

func (a *album) Remove(name string) error {
	a.names = slices.DeleteFunc(a.names, func(n string) bool { return n == name })
	return nil
}

// unsure is an engine whose answer to SetPicture is lost.
type unsure struct{ chat.AccountStore }

func (unsure) SetPicture(context.Context, chat.UserID, string) (string, error) { return "", errAway }

func TestTheFormerPictureGoes(t *testing.T) {
	engine := newEngine(t)
	ann := settle(t, engine, "Ann")[0]
	files := &album{}
	s := &chat.Pictures{Files: files, Accounts: engine, Log: quiet()}
	set := func(s *chat.Pictures, content string, code chat.Code, left ...string) {
		t.Helper()
		name, err := s.SetAvatar(t.Context(), ann, strings.NewReader(content))
		wantCode(t, content, err, code)
		if code == "" && name != content {
			t.Errorf("%s is kept as %s", content, name)
		}
		if !slices.Equal(files.names, left) {
			t.Errorf("after %s the album has %v, want %v", content, files.names, left)
		}
	}
	set(s, "1.png", "", "1.png")
	set(s, "2.png", "", "2.png")
	set(s, "2.png", "", "2.png") // the same again is not removed
	set(s, "a zip", chat.Invalid, "2.png")

	// Whether the engine stored the name is not known, so both files stay.
	set(&chat.Pictures{Files: files, Accounts: unsure{engine}, Log: quiet()}, "3.png", chat.Unavailable, "2.png", "3.png")

	// What the Node server wrote is not ours to delete.
	files.names = []string{"/mongo/img/old.png"}
	if _, err := engine.SetPicture(t.Context(), ann, "/mongo/img/old.png"); err != nil {
		t.Fatal(err)
	}
	set(s, "4.png", "", "/mongo/img/old.png", "4.png")
	account, err := engine.Account(t.Context(), ann)
	if err != nil || account.Picture != "4.png" {
		t.Errorf("her picture is %q, error %v", account.Picture, err)
	}
}

func TestOneUploadAtATime(t *testing.T) {
	engine := newEngine(t)
	ann := settle(t, engine, "Ann")[0]
	slow := &chat.Pictures{Files: &album{reading: make(chan struct{})}, Accounts: engine, Log: quiet()}
	first := make(chan error)
	go func() {
		_, err := slow.SetAvatar(t.Context(), ann, strings.NewReader("1.png"))
		first <- err
	}()
	reading := slow.Files.(*album).reading
	<-reading
	_, err := slow.SetAvatar(t.Context(), ann, strings.NewReader("2.png"))
	wantCode(t, "her second upload", err, chat.Conflict)
	reading <- struct{}{}
	wantCode(t, "her first upload", <-first, "")
}
