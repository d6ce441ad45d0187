package chat_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
)

func TestAnnForgetsHerPassword(t *testing.T) {
	p := newProof(t)
	var revoked []chat.UserID
	p.Revoked = func(user chat.UserID) { revoked = append(revoked, user) }
	ann, token := register(t, p.Accounts, annsForm())
	reset := func(username, password, code string) error {
		return p.Reset(t.Context(), "Ann@Example.org", username, password, code, "192.0.2.1")
	}
	wantCode(t, "without a code", reset("", "changed", "000001"), chat.NotFound)
	l := p.send(t, annsAddress, chat.ForReset)
	wantCode(t, "a password out of bounds", reset("", "", l.Code), chat.Invalid)
	wantCode(t, "a password out of bounds", reset("", strings.Repeat("x", 73), l.Code), chat.Invalid)
	wantCode(t, "a wrong code", reset("", "changed", "999999"), chat.Forbidden)
	if _, _, err := p.Authenticate(t.Context(), token); err != nil || len(revoked) > 0 {
		t.Errorf("what failed ended her token: %v, %v", err, revoked)
	}
	wantCode(t, "the code", reset("Ann", "changed", l.Code), "")
	wantCode(t, "the code again", reset("Ann", "changed again", l.Code), chat.NotFound)
	if !slices.Equal(revoked, []chat.UserID{ann.ID}) {
		t.Errorf("revoked %v, want Ann", revoked)
	}
	_, _, err := p.Authenticate(t.Context(), token)
	wantCode(t, "her old token", err, chat.Unauthenticated)
	_, _, err = p.Login(t.Context(), "Ann", "secret", "192.0.2.1")
	wantCode(t, "her old password", err, chat.Unauthenticated)
	if _, _, err := p.Login(t.Context(), "Ann", "changed", "192.0.2.1"); err != nil {
		t.Errorf("her new password: %v", err)
	}
}

// Somebody guesses at Ann's password until her account is locked. Her mailbox opens it again.
func TestAResetUnlocks(t *testing.T) {
	p := newProof(t)
	p.Limits.LoginByAccount = &allowance{each: 3}
	register(t, p.Accounts, annsForm())
	login := func(password string) error {
		_, _, err := p.Login(t.Context(), "Ann", password, "192.0.2.9")
		return err
	}
	for range 3 {
		wantCode(t, "a guess", login("guess"), chat.Unauthenticated)
	}
	wantCode(t, "Ann herself", login("secret"), chat.TooMany)
	l := p.send(t, annsAddress, chat.ForReset)
	wantCode(t, "a reset", p.Reset(t.Context(), annsAddress, "", "changed", l.Code, "192.0.2.1"), "")
	wantCode(t, "Ann afterwards", login("changed"), "")
}

// Whose account it is, is told to nobody without the code; and then the code is used up.
func TestAResetFitsOneAccount(t *testing.T) {
	p := newProof(t)
	register(t, p.Accounts, annsForm())
	reset := func(email, username, code string) error {
		return p.Reset(t.Context(), email, username, "changed", code, "192.0.2.1")
	}
	l := p.send(t, annsAddress, chat.ForEither)
	wantCode(t, "another name and no code", reset(annsAddress, "Bob", "999999"), chat.Forbidden)
	wantCode(t, "another name", reset(annsAddress, "Bob", l.Code), chat.Conflict)
	wantCode(t, "the code afterwards", reset(annsAddress, "Ann", l.Code), chat.NotFound)

	l = p.send(t, "nobody@example.org", chat.ForEither)
	wantCode(t, "an address of nobody", reset("nobody@example.org", "", l.Code), chat.Conflict)
	if _, _, err := p.Login(t.Context(), "Ann", "secret", "192.0.2.1"); err != nil {
		t.Errorf("Ann's password: %v", err)
	}
}

// meanwhile is an engine in which a password changes just before it is replaced, so many times.
type meanwhile struct {
	chat.AccountStore
	times int
}

func (m *meanwhile) SetPassword(ctx context.Context, id chat.UserID, old, new string) error {
	if m.times > 0 {
		m.times--
		if err := m.AccountStore.SetPassword(ctx, id, old, old+"'"); err != nil {
			return err
		}
	}
	return m.AccountStore.SetPassword(ctx, id, old, new)
}

func TestAResetHasTheLastWord(t *testing.T) {
	p := newProof(t)
	ann, _ := register(t, p.Accounts, annsForm())
	p.Store = &meanwhile{p.Store, 3}
	l := p.send(t, annsAddress, chat.ForReset)
	wantCode(t, "a reset", p.Reset(t.Context(), annsAddress, "", "changed", l.Code, "192.0.2.1"), "")
	if a, err := p.Store.Account(t.Context(), ann.ID); err != nil || a.Password != "now:changed" {
		t.Errorf("stored is %q, %v", a.Password, err)
	}
}

func TestAnnMovesToAnotherAddress(t *testing.T) {
	p := newProof(t)
	ann, token := register(t, p.Accounts, annsForm())
	bob, _ := register(t, p.Accounts, chat.Registration{Username: "Bob", Password: "p", Email: "bob@example.org", Phone: "555"})
	const to = "Ann@New.example"
	change := func(email, password, code string) error {
		return p.ChangeEmail(t.Context(), ann.ID, email, password, code, "192.0.2.1")
	}
	l := p.send(t, to, chat.ForEmail)
	wantCode(t, "no address", change("ann", "secret", l.Code), chat.Invalid)
	wantCode(t, "a wrong password", change(to, "guess", l.Code), chat.Forbidden)
	wantCode(t, "a wrong code", change(to, "secret", "999999"), chat.Forbidden)
	wantCode(t, "another address than the code's", change("ann@other.example", "secret", l.Code), chat.NotFound)
	wantCode(t, "the code", change(to, "secret", l.Code), "")
	a, _, err := p.Authenticate(t.Context(), token)
	if err != nil || a.Email != "ann@new.example" {
		t.Errorf("she is at %q now, and her token: %v", a.Email, err)
	}

	// Bob's address is taken, so no code goes there; one drawn before he had it is of no use.
	if l := p.send(t, bob.Email, chat.ForEmail); l.Kind != chat.LetterTaken {
		t.Errorf("Bob reads %+v", l)
	}
	l = p.send(t, "carl@example.org", chat.ForEmail)
	register(t, p.Accounts, chat.Registration{Username: "Carl", Password: "p", Email: "carl@example.org", Phone: "556"})
	wantCode(t, "an address that Carl took meanwhile", change("carl@example.org", "secret", l.Code), chat.Conflict)
	wantCode(t, "of nobody", p.ChangeEmail(t.Context(), chat.NewUserID(noon()), to, "secret", "000001", "192.0.2.1"), chat.NotFound)
}

func TestRegisteringWithACode(t *testing.T) {
	p := newProof(t)
	p.DemandCode = true
	form := annsForm()
	try := func(code string) error {
		form.Code = code
		_, _, err := p.Register(t.Context(), form)
		return err
	}
	l := p.send(t, annsAddress, chat.ForRegister)
	wantCode(t, "no code", try(""), chat.Forbidden)
	wantCode(t, "a wrong one", try("999999"), chat.Forbidden)
	wantCode(t, "the code", try(l.Code), "")
	wantCode(t, "the code again, for an address that is taken", try(l.Code), chat.NotFound)

	// Where none is demanded, one that is given counts.
	p.DemandCode = false
	form.Username, form.Email, form.Phone = "Bob", "bob@example.org", "555"
	wantCode(t, "a code that was never sent", try("000001"), chat.NotFound)
	wantCode(t, "the one for either", try(p.send(t, form.Email, chat.ForEither).Code), "")
	form.Username, form.Email, form.Phone = "Carl", "carl@example.org", "556"
	wantCode(t, "none", try(""), "")
	p.Codes = nil
	form.Username, form.Email, form.Phone = "Dora", "dora@example.org", "557"
	wantCode(t, "where nothing knows of codes", try("000001"), chat.Forbidden)
}
