package chat_test

import (
	"sync"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// bookkeeper writes down which hashes are verified.
type bookkeeper struct {
	passwords
	mu       sync.Mutex
	verified []string
}

func (b *bookkeeper) Verify(hash, password string) (ok, stale bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.verified = append(b.verified, hash)
	return b.passwords.Verify(hash, password)
}

func TestAnnLogsInByEmail(t *testing.T) {
	engine := newEngine(t)
	s := newAccounts(engine, 100)
	ann, _ := register(t, s, annsForm())
	node := chat.Account{ID: chat.NewUserID(noon()), Username: "Bob", Email: "Bob@Example.org", Password: "node:secret"}
	if err := engine.CreateAccount(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	for email, want := range map[string]chat.UserID{
		"ann@example.org": ann.ID, "ANN@Example.org": ann.ID, "Bob@Example.org": node.ID, "bob@example.org": node.ID,
	} {
		who, token, err := s.LoginByEmail(t.Context(), email, "secret", "192.0.2.1")
		if err != nil || who.ID != want {
			t.Errorf("%s logs in as %q, error %v", email, who.Username, err)
			continue
		}
		if _, _, err := s.Authenticate(t.Context(), token); err != nil {
			t.Errorf("%s: her token: %v", email, err)
		}
	}
	for _, email := range []string{"", "Ann", "carl@example.org"} {
		_, _, err := s.LoginByEmail(t.Context(), email, "secret", "192.0.2.1")
		wantCode(t, "as "+email, err, chat.Unauthenticated)
	}
}

// However someone asks, and whether or not there is such an account, a password is verified once: that is what takes the
// time of a login.
func TestEveryLoginVerifiesOnce(t *testing.T) {
	book := new(bookkeeper)
	s := newAccounts(newEngine(t), 5)
	s.Passwords = book
	register(t, s, annsForm())
	for what, login := range map[string]func() (chat.Account, string, error){
		"the right name":  func() (chat.Account, string, error) { return s.Login(t.Context(), "Ann", "secret", "a") },
		"a wrong one":     func() (chat.Account, string, error) { return s.Login(t.Context(), "Ann", "guess", "a") },
		"an unknown name": func() (chat.Account, string, error) { return s.Login(t.Context(), "Nobody", "guess", "a") },
		"the right email": func() (chat.Account, string, error) {
			return s.LoginByEmail(t.Context(), "ann@example.org", "secret", "a")
		},
		"an unknown email": func() (chat.Account, string, error) {
			return s.LoginByEmail(t.Context(), "Nobody@example.org", "guess", "a")
		},
	} {
		book.verified = nil
		_, _, err := login()
		if len(book.verified) != 1 {
			t.Errorf("%s: verified %q, want one; error %v", what, book.verified, err)
		}
	}
	// So too when her tries are used up by the other name: then against nothing, even for the right password.
	var err error
	for range 6 { // of 5; one may have been a wrong one above
		_, _, err = s.Login(t.Context(), "Ann", "guess", "a")
	}
	wantCode(t, "the sixth guess", err, chat.TooMany)
	book.verified = nil
	_, _, err = s.LoginByEmail(t.Context(), "ann@example.org", "secret", "a")
	wantCode(t, "the right password behind too many guesses", err, chat.Unauthenticated)
	if len(book.verified) != 1 || book.verified[0] != "" {
		t.Errorf("verified %q, want nothing once", book.verified)
	}
}

// Who knows name and email has no more guesses for that, and does not learn that they are one's.
func TestTwoNamesGiveNoMoreGuesses(t *testing.T) {
	s := newAccounts(newEngine(t), 3)
	register(t, s, annsForm())
	byName := func(password string) error {
		_, _, err := s.Login(t.Context(), "Ann", password, "192.0.2.9")
		return err
	}
	byEmail := func(email, password string) error {
		_, _, err := s.LoginByEmail(t.Context(), email, password, "192.0.2.9")
		return err
	}
	for range 3 {
		wantCode(t, "a guess by name", byName("guess"), chat.Unauthenticated)
	}
	wantCode(t, "the fourth by name", byName("guess"), chat.TooMany)
	hers, nobodys := byEmail("ann@example.org", "secret"), byEmail("nobody@example.org", "secret")
	wantCode(t, "the right one by email", hers, chat.Unauthenticated)
	if hers.Error() != nobodys.Error() {
		t.Errorf("%q tells that Ann's email is hers, %q is nobody's", hers, nobodys)
	}
	// Both run out after as many tries, whatever the capitals.
	for _, email := range []string{"ann@example.org", "nobody@example.org"} {
		wantCode(t, email, byEmail(email, "guess"), chat.Unauthenticated)
	}
	for _, email := range []string{"ANN@example.org", "NOBODY@example.org"} {
		wantCode(t, email, byEmail(email, "guess"), chat.Unauthenticated)
	}
	for _, email := range []string{"Ann@example.org", "nobody@Example.org"} {
		wantCode(t, email, byEmail(email, "guess"), chat.TooMany)
	}
}

// A login that succeeds gives everything back: who was locked by name and by email starts anew.
func TestTheOwnerUnlocks(t *testing.T) {
	s := newAccounts(newEngine(t), 4)
	register(t, s, annsForm())
	for range 2 {
		_, _, err := s.LoginByEmail(t.Context(), "ann@example.org", "guess", "192.0.2.9")
		wantCode(t, "a guess by email", err, chat.Unauthenticated)
	}
	if _, _, err := s.Login(t.Context(), "Ann", "secret", "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		_, _, err := s.LoginByEmail(t.Context(), "ann@example.org", "guess", "192.0.2.9")
		wantCode(t, "a guess by email", err, chat.Unauthenticated)
	}
	_, _, err := s.LoginByEmail(t.Context(), "ann@example.org", "guess", "192.0.2.9")
	wantCode(t, "the fifth", err, chat.TooMany)
}

func TestLoginWhenTheEngineIsAway(t *testing.T) {
	s := newAccounts(awayAccounts{newEngine(t)}, 100)
	_, _, err := s.Login(t.Context(), "Ann", "secret", "192.0.2.1")
	wantCode(t, "Login", err, chat.Unavailable)
}
