package chat_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// newAccounts makes the rules with so many tries at each door.
func newAccounts(store chat.AccountStore, tries int) *chat.Accounts {
	return &chat.Accounts{
		Store: store, Passwords: passwords{}, Tokens: tokens{}, Now: noon, Log: quiet(),
		Limits: chat.AccountLimits{
			LoginByAccount:    &allowance{each: tries},
			LoginByAddress:    &allowance{each: 10 * tries},
			RegisterByAddress: &allowance{each: 10 * tries},
			SearchByUser:      &allowance{each: tries},
			ProfileByUser:     &allowance{each: tries},
		},
	}
}

func annsForm() chat.Registration {
	return chat.Registration{
		Username: "Ann", Password: "secret", Email: "Ann@Example.org", Phone: "+1 (555) 0100", Address: "192.0.2.1",
	}
}

func register(t *testing.T, s *chat.Accounts, r chat.Registration) (chat.Account, string) {
	t.Helper()
	a, token, err := s.Register(t.Context(), r)
	if err != nil {
		t.Fatalf("%s cannot register: %v", r.Username, err)
	}
	return a, token
}

func TestAnnRegistersAndLogsIn(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	ann, token := register(t, s, annsForm())
	if !ann.ID.Valid() || ann.Username != "Ann" || ann.Email != "ann@example.org" || !ann.Created.Equal(noon()) {
		t.Errorf("Ann became %+v", ann)
	}
	if ann.Password == "secret" {
		t.Error("her password is stored as she wrote it")
	}
	who, claims, err := s.Authenticate(t.Context(), token)
	if err != nil || who.ID != ann.ID || claims.User != ann.ID {
		t.Errorf("her token is of %+v, error %v", who, err)
	}
	again, token, err := s.Login(t.Context(), "Ann", "secret", "192.0.2.1")
	if err != nil || again.ID != ann.ID {
		t.Errorf("she logs in as %+v, error %v", again, err)
	}
	if _, _, err := s.Authenticate(t.Context(), token); err != nil {
		t.Errorf("her second token: %v", err)
	}

	for _, query := range []string{"Ann", "+1 (555) 0100"} {
		found, err := s.Search(t.Context(), ann.ID, query)
		if err != nil || found.ID != ann.ID {
			t.Errorf("searching %q finds %+v, error %v", query, found, err)
		}
	}
	for _, query := range []string{"", "ann", "An", "ann@example.org", strings.Repeat("x", 10_000)} {
		_, err := s.Search(t.Context(), ann.ID, query)
		wantCode(t, "searching "+query, err, chat.NotFound)
	}
}

func TestWhatIsTakenStaysTaken(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	register(t, s, annsForm())
	bob := chat.Registration{Username: "Bob", Password: "p", Email: "bob@example.org", Phone: "555", Address: "192.0.2.2"}
	for field, take := range map[string]func(r *chat.Registration){
		"username": func(r *chat.Registration) { r.Username = "Ann" },
		"email":    func(r *chat.Registration) { r.Email = "ANN@example.ORG" },
		"phone":    func(r *chat.Registration) { r.Phone = "+1 (555) 0100" },
	} {
		wants := bob
		take(&wants)
		_, token, err := s.Register(t.Context(), wants)
		wantCode(t, field, err, chat.Conflict)
		if token != "" {
			t.Errorf("%s: a token all the same", field)
		}
	}
	register(t, s, bob)
}

func TestRegistrationNamesTheField(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	for _, c := range []struct {
		field string
		spoil func(r *chat.Registration)
	}{
		{"username", func(r *chat.Registration) { r.Username = "" }},
		{"username", func(r *chat.Registration) { r.Username = " Ann" }},
		{"username", func(r *chat.Registration) { r.Username = "Ann\n" }},
		{"username", func(r *chat.Registration) { r.Username = "A\x00n" }},
		{"username", func(r *chat.Registration) { r.Username = "\xff" }},
		{"username", func(r *chat.Registration) { r.Username = strings.Repeat("安", 65) }},
		{"password", func(r *chat.Registration) { r.Password = "" }},
		{"password", func(r *chat.Registration) { r.Password = strings.Repeat("x", 73) }},
		{"email", func(r *chat.Registration) { r.Email = "ann" }},
		{"email", func(r *chat.Registration) { r.Email = "Ann <ann@example.org>" }},
		{"email", func(r *chat.Registration) { r.Email = strings.Repeat("a", 250) + "@b.cd" }},
		{"phoneNum", func(r *chat.Registration) { r.Phone = "55" }},
		{"nickname", func(r *chat.Registration) { r.Nickname = "An\nn" }},
		{"nickname", func(r *chat.Registration) { r.Nickname = strings.Repeat("安", 65) }},
		{"icon", func(r *chat.Registration) { r.Icon = strings.Repeat("x", 257) }},
		{"phoneNum", func(r *chat.Registration) { r.Phone = "call me" }},
		{"phoneNum", func(r *chat.Registration) { r.Phone = strings.Repeat("5", 21) }},
	} {
		r := annsForm()
		c.spoil(&r)
		_, _, err := s.Register(t.Context(), r)
		wantCode(t, fmt.Sprintf("%+v", r), err, chat.Invalid)
		if err != nil && !strings.HasPrefix(chat.AsError(err).Message, c.field) {
			t.Errorf("%+v: %v does not name %s", r, err, c.field)
		}
	}
	longest := annsForm()
	longest.Username, longest.Password = strings.Repeat("安", 64), strings.Repeat("x", 72)
	register(t, s, longest)
}

// The Node server's password works once as it is; then it is a hash of today, and works still.
func TestNodePasswordIsReplaced(t *testing.T) {
	engine := newEngine(t)
	s := newAccounts(engine, 100)
	old := chat.Account{ID: chat.NewUserID(noon()), Username: "Ann", Email: "a@b.c", Phone: "555", Password: "node:secret"}
	if err := engine.CreateAccount(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	// Two of her devices come at the same moment: one replaces the hash, both get a token that is good afterwards.
	var got [2]string
	var both sync.WaitGroup
	for i := range got {
		both.Go(func() {
			var err error
			if _, got[i], err = s.Login(t.Context(), "Ann", "secret", "192.0.2.1"); err != nil {
				t.Errorf("device %d: %v", i, err)
			}
		})
	}
	both.Wait()
	for i, token := range got {
		if _, _, err := s.Authenticate(t.Context(), token); err != nil {
			t.Errorf("device %d: %v", i, err)
		}
	}
	stored, err := engine.Account(t.Context(), old.ID)
	if err != nil || stored.Password != "now:secret" {
		t.Errorf("stored is %q, error %v", stored.Password, err)
	}
	_, _, err = s.Login(t.Context(), "Ann", "wrong", "192.0.2.1")
	wantCode(t, "a wrong password", err, chat.Unauthenticated)
}

func TestChangedPasswordEndsTokens(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	var revoked []chat.UserID
	s.Revoked = func(user chat.UserID) { revoked = append(revoked, user) }
	ann, old := register(t, s, annsForm())

	_, err := s.ChangePassword(t.Context(), ann.ID, "wrong", "changed")
	wantCode(t, "a wrong old password", err, chat.Forbidden)
	_, err = s.ChangePassword(t.Context(), ann.ID, "secret", "")
	wantCode(t, "an empty new password", err, chat.Invalid)
	_, err = s.ChangePassword(t.Context(), ann.ID, "secret", strings.Repeat("x", 73))
	wantCode(t, "a long new password", err, chat.Invalid)
	if _, _, err := s.Authenticate(t.Context(), old); err != nil || len(revoked) != 0 {
		t.Errorf("failed tries ended her token: %v, %v", err, revoked)
	}

	fresh, err := s.ChangePassword(t.Context(), ann.ID, "secret", "changed")
	if err != nil {
		t.Fatal(err)
	}
	if len(revoked) != 1 || revoked[0] != ann.ID {
		t.Errorf("revoked %v, want Ann once", revoked)
	}
	_, _, err = s.Authenticate(t.Context(), old)
	wantCode(t, "the old token", err, chat.Unauthenticated)
	if who, _, err := s.Authenticate(t.Context(), fresh); err != nil || who.ID != ann.ID {
		t.Errorf("the fresh token is of %+v, error %v", who, err)
	}
	_, _, err = s.Login(t.Context(), "Ann", "secret", "192.0.2.1")
	wantCode(t, "the old password", err, chat.Unauthenticated)
	if _, _, err := s.Login(t.Context(), "Ann", "changed", "192.0.2.1"); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestStrangersLearnNothing(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	register(t, s, annsForm())
	_, _, wrong := s.Login(t.Context(), "Ann", "guess", "192.0.2.9")
	_, _, unknown := s.Login(t.Context(), "Nobody", "guess", "192.0.2.9")
	_, _, long := s.Login(t.Context(), "Ann", strings.Repeat("x", 10_000), "192.0.2.9")
	for _, err := range []error{wrong, unknown, long} {
		wantCode(t, "a stranger", err, chat.Unauthenticated)
		if err.Error() != wrong.Error() {
			t.Errorf("%q tells more than %q", err, wrong)
		}
	}
	nobody := chat.NewUserID(noon())
	for _, token := range []string{"", "x", string(nobody) + " now:secret"} {
		_, _, err := s.Authenticate(t.Context(), token)
		wantCode(t, fmt.Sprintf("token %q", token), err, chat.Unauthenticated)
	}
}

func TestTriesRunOut(t *testing.T) {
	engine := newEngine(t)
	s := newAccounts(engine, 3)
	register(t, s, annsForm())
	guess := func(password, address string) error {
		_, _, err := s.Login(t.Context(), "Ann", password, address)
		return err
	}
	// The right password gives her all tries again.
	for range 3 {
		wantCode(t, "a guess", guess("guess", "192.0.2.9"), chat.Unauthenticated)
		wantCode(t, "a guess", guess("guess", "192.0.2.9"), chat.Unauthenticated)
		wantCode(t, "the right one", guess("secret", "192.0.2.1"), "")
	}
	for range 3 {
		wantCode(t, "a guess", guess("guess", "192.0.2.8"), chat.Unauthenticated)
	}
	err := guess("secret", "192.0.2.7")
	wantCode(t, "the fourth in a row", err, chat.TooMany)
	if chat.AsError(err).RetryAfter <= 0 {
		t.Error("it does not say when to come back")
	}
	ann, _ := s.Store.AccountByUsername(t.Context(), "Ann")
	_, err = s.ChangePassword(t.Context(), ann.ID, "guess", "changed")
	wantCode(t, "guessing at the other door", err, chat.TooMany)

	// An address that tries name after name runs out too.
	for i := range 30 {
		_, _, err := s.Login(t.Context(), fmt.Sprint("name ", i), "guess", "203.0.113.5")
		wantCode(t, "another name", err, chat.Unauthenticated)
	}
	_, _, err = s.Login(t.Context(), "one more", "guess", "203.0.113.5")
	wantCode(t, "one name too many", err, chat.TooMany)

	s.Limits.RegisterByAddress = &allowance{each: 0}
	form := annsForm()
	form.Username = "Ann's second"
	_, _, err = s.Register(t.Context(), form)
	wantCode(t, "registering once too often", err, chat.TooMany)
	if _, err := engine.AccountByUsername(t.Context(), form.Username); chat.CodeOf(err) != chat.NotFound {
		t.Error("it was stored all the same")
	}
}

func TestEngineAwayIsNotAWrongPassword(t *testing.T) {
	s := newAccounts(awayAccounts{}, 100)
	_, _, err := s.Login(t.Context(), "Ann", "secret", "192.0.2.1")
	wantCode(t, "Login", err, chat.Unavailable)
	_, _, err = s.Authenticate(t.Context(), string(chat.NewUserID(noon()))+" now:secret")
	wantCode(t, "Authenticate", err, chat.Unavailable)
	_, err = s.ChangePassword(t.Context(), chat.NewUserID(noon()), "secret", "changed")
	wantCode(t, "ChangePassword", err, chat.Unavailable)
	_, err = s.Search(t.Context(), chat.NewUserID(noon()), "Ann")
	wantCode(t, "Search", err, chat.Unavailable)
}

// An account of the Node server has its address in capitals, where no unique index sees that another one is the same.
func TestAnAddressIsTakenWhateverItsCapitals(t *testing.T) {
	engine := newEngine(t)
	node := chat.Account{ID: chat.NewUserID(noon()), Username: "Ann", Email: "Ann@Example.org", Phone: "1", Password: "node:secret"}
	if err := engine.CreateAccount(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	s := newAccounts(engine, 100)
	for _, email := range []string{"ann@example.org", "Ann@Example.org", "ANN@example.org"} {
		_, _, err := s.Register(t.Context(), chat.Registration{Username: "Mallory", Password: "guess", Email: email, Address: "192.0.2.9"})
		wantCode(t, email, err, chat.Conflict)
	}
	if a, _, err := s.LoginByEmail(t.Context(), "ann@example.org", "secret", "192.0.2.1"); err != nil || a.ID != node.ID {
		t.Errorf("Ann logs in as %q, %v", a.Username, err)
	}
}
