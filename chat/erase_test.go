package chat_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// leaver writes down whom it was told of, and fails as long as it is away.
type leaver struct {
	away bool
	left []chat.UserID
	then func() // called at each call
}

func (l *leaver) LeaveAll(_ context.Context, user chat.UserID) error {
	if l.away {
		return errAway
	}
	l.left = append(l.left, user)
	if l.then != nil {
		l.then()
	}
	return nil
}

func TestAnnDeletesHerAccount(t *testing.T) {
	engine := newEngine(t)
	s := newAccounts(engine, 100)
	var revoked []chat.UserID
	s.Revoked = func(user chat.UserID) { revoked = append(revoked, user) }
	pictures := new(album)
	avatars := &chat.Pictures{Files: pictures, Accounts: engine, Log: quiet()}
	devices := &chat.Devices{Store: engine, Accounts: engine, Now: noon}
	others := new(leaver)
	s.Leavers = []chat.Leaver{others, devices, avatars}
	ann, token := register(t, s, annsForm())
	if _, err := avatars.SetAvatar(t.Context(), ann.ID, strings.NewReader("1.png")); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.PutDevice(t.Context(), chat.Device{User: ann.ID, ID: "phone", Seen: noon()}); err != nil {
		t.Fatal(err)
	}

	wantCode(t, "with a wrong password", s.Delete(t.Context(), ann.ID, "guess"), chat.Forbidden)
	if _, _, err := s.Authenticate(t.Context(), token); err != nil || len(others.left) > 0 || len(revoked) > 0 {
		t.Fatalf("a wrong password left %v, revoked %v; her token: %v", others.left, revoked, err)
	}
	if err := s.Delete(t.Context(), ann.ID, "secret"); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.Authenticate(t.Context(), token)
	wantCode(t, "her token", err, chat.Unauthenticated)
	_, _, err = s.Login(t.Context(), "Ann", "secret", "192.0.2.1")
	wantCode(t, "logging in", err, chat.Unauthenticated)
	_, err = s.ByEmail(t.Context(), "ann@example.org")
	wantCode(t, "her email", err, chat.NotFound)
	if !slices.Equal(revoked, []chat.UserID{ann.ID}) || len(pictures.names) > 0 {
		t.Errorf("revoked %v, pictures left %v", revoked, pictures.names)
	}
	if left, err := engine.Devices(t.Context(), ann.ID); err != nil || len(left) > 0 {
		t.Errorf("devices left: %v, error %v", left, err)
	}
	wantCode(t, "again", s.Delete(t.Context(), ann.ID, "secret"), chat.NotFound)
	if again, _ := register(t, s, annsForm()); again.ID == ann.ID || again.Number == ann.Number {
		t.Errorf("who takes the name is %+v, who had it %+v", again, ann)
	}
}

// What breaks off a deletion leaves an account that can be deleted again.
func TestADeletionThatBrokeOffGoesOn(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	first, second := new(leaver), &leaver{away: true}
	s.Leavers = []chat.Leaver{first, second}
	ann, token := register(t, s, annsForm())
	wantCode(t, "with rooms away", s.Delete(t.Context(), ann.ID, "secret"), chat.Unavailable)
	if _, _, err := s.Authenticate(t.Context(), token); err != nil {
		t.Errorf("her token died too early: %v", err)
	}
	second.away = false
	if err := s.Delete(t.Context(), ann.ID, "secret"); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.Authenticate(t.Context(), token)
	wantCode(t, "her token", err, chat.Unauthenticated)
}

// Somebody invites Ann in the moment in which she leaves: Leavers hear of her again once her account is gone.
func TestWhatComesMeanwhileIsCleanedToo(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	ann, token := register(t, s, annsForm())
	var there []bool // was she, at each call?
	rooms := new(leaver)
	rooms.then = func() {
		_, _, err := s.Authenticate(t.Context(), token)
		there = append(there, err == nil)
	}
	s.Leavers = []chat.Leaver{rooms}
	if err := s.Delete(t.Context(), ann.ID, "secret"); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(there, []bool{true, false}) {
		t.Errorf("at the calls she was there: %v, want before and after", there)
	}
}

func TestAnAccountThatStays(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	s.Stays = func(a chat.Account) error { return chat.Errorf(chat.Forbidden, "%s stays", a.Username) }
	rooms := new(leaver)
	s.Leavers = []chat.Leaver{rooms}
	ann, token := register(t, s, annsForm())
	wantCode(t, "deleting it", s.Delete(t.Context(), ann.ID, "secret"), chat.Forbidden)
	if _, _, err := s.Authenticate(t.Context(), token); err != nil || len(rooms.left) > 0 {
		t.Errorf("left %v; her token: %v", rooms.left, err)
	}
}

func TestGuessingAtTheWayOut(t *testing.T) {
	s := newAccounts(newEngine(t), 3)
	ann, _ := register(t, s, annsForm())
	for range 3 {
		wantCode(t, "a guess", s.Delete(t.Context(), ann.ID, "guess"), chat.Forbidden)
	}
	wantCode(t, "the right one, behind too many", s.Delete(t.Context(), ann.ID, "secret"), chat.TooMany)
}

// An upload that ends when its account is gone leaves no file.
func TestAPictureOfNobodyIsRemoved(t *testing.T) {
	engine := newEngine(t)
	files := new(album)
	avatars := &chat.Pictures{Files: files, Accounts: engine, Log: quiet()}
	ids := settle(t, engine, "Ann")
	if err := engine.EraseAccount(t.Context(), ids[0], noon()); err != nil {
		t.Fatal(err)
	}
	_, err := avatars.SetAvatar(t.Context(), ids[0], strings.NewReader("1.png"))
	wantCode(t, "SetAvatar", err, chat.NotFound)
	if len(files.names) > 0 {
		t.Errorf("left are %v", files.names)
	}
	if err := avatars.LeaveAll(t.Context(), ids[0]); err != nil {
		t.Errorf("LeaveAll: %v", err)
	}
}
