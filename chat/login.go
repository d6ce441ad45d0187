package chat

import (
	"context"
	"strings"
)

// Login checks the password of a username and makes a token. A double MD5 of the Node server is replaced by a hash of
// today.
//
// Errors: Unauthenticated, the same for an unknown name and a wrong password; TooMany.
func (s *Accounts) Login(ctx context.Context, username, password, address string) (Account, string, error) {
	if username == "" || len(username) > 4*maxUsername {
		return Account{}, "", wrongPassword()
	}
	return s.login(ctx, nameKey(username), password, address, func() (Account, error) {
		return s.Store.AccountByUsername(ctx, username)
	})
}

// LoginByEmail is Login by the email address.
func (s *Accounts) LoginByEmail(ctx context.Context, email, password, address string) (Account, string, error) {
	if email == "" || len(email) > maxEmail {
		return Account{}, "", wrongPassword()
	}
	return s.login(ctx, emailKey(email), password, address, func() (Account, error) { return s.ByEmail(ctx, email) })
}

// Keys of LoginByAccount: what was typed, and whose account it is.
func nameKey(username string) string { return "name " + username }
func emailKey(email string) string   { return "email " + strings.ToLower(email) }
func idKey(id UserID) string         { return "id " + string(id) }

// login is the one way in. Whoever is asked for, and whether or not there is such an account, the same work is done.
//
// Guesses are paced by what was typed, so that a name without an account is paced too, and by the account, so that
// whoever knows both name and email has no more of them. Past the second bound the right password is taken for a wrong
// one, silently: TooMany would tell that name and email belong together.
func (s *Accounts) login(ctx context.Context, typed, password, address string, find func() (Account, error)) (Account, string, error) {
	if len(password) > maxPassword {
		return Account{}, "", wrongPassword()
	}
	if retry, ok := s.Limits.LoginByAddress.Allow(address); !ok {
		return Account{}, "", tooMany("too many logins from this address", retry)
	}
	if retry, ok := s.Limits.LoginByAccount.Allow(typed); !ok {
		return Account{}, "", tooMany("too many logins to this account", retry)
	}
	a, err := find()
	if err != nil && CodeOf(err) != NotFound {
		return Account{}, "", err
	}
	hash := a.Password
	if err == nil {
		if _, ok := s.Limits.LoginByAccount.Allow(idKey(a.ID)); !ok {
			hash = "" // fits no password
		}
	}
	ok, stale := s.Passwords.Verify(hash, password) // also for an unknown name, see Passwords
	if !ok || err != nil {
		return Account{}, "", wrongPassword()
	}
	s.unlock(&a)
	if stale {
		if a, err = s.refresh(ctx, a, password); err != nil {
			return Account{}, "", err
		}
	}
	token, err := s.Tokens.Issue(a)
	return a, token, err
}

// unlock gives back all tries at an account to someone who has proven that it is hers.
func (s *Accounts) unlock(a *Account) {
	for _, key := range []string{idKey(a.ID), nameKey(a.Username), emailKey(a.Email)} {
		s.Limits.LoginByAccount.Reset(key)
	}
}

// refresh stores a fresh hash. Losing the race to another login of the same user is fine: both know the password.
func (s *Accounts) refresh(ctx context.Context, a Account, password string) (Account, error) {
	hash, err := s.Passwords.Hash(password)
	if err != nil {
		return a, err
	}
	switch err := s.Store.SetPassword(ctx, a.ID, a.Password, hash); CodeOf(err) {
	case "":
		a.Password = hash
		return a, nil
	case Conflict:
		return s.Store.Account(ctx, a.ID)
	default:
		return a, err
	}
}

// ChangePassword replaces the password of a user who knows the present one, ends all her tokens and returns a new one.
//
// Errors: Forbidden when old is wrong, Invalid for a new one out of bounds, TooMany.
func (s *Accounts) ChangePassword(ctx context.Context, id UserID, old, new string) (string, error) {
	if err := checkPassword("newPassword", new); err != nil {
		return "", err
	}
	a, err := s.confirm(ctx, id, old)
	if err != nil {
		return "", err
	}
	hash, err := s.Passwords.Hash(new)
	if err != nil {
		return "", err
	}
	if err := s.Store.SetPassword(ctx, id, a.Password, hash); err != nil {
		return "", err
	}
	s.revoked(id)
	a.Password = hash
	return s.Tokens.Issue(a)
}

// confirm returns the account of a user who says her password again, as she must for what cannot be undone. It takes
// from the same tries as a login.
//
// Errors: Forbidden when it is wrong, NotFound, TooMany.
func (s *Accounts) confirm(ctx context.Context, id UserID, password string) (Account, error) {
	a, err := s.Store.Account(ctx, id)
	if err != nil {
		return Account{}, err
	}
	if retry, ok := s.Limits.LoginByAccount.Allow(idKey(id)); !ok {
		return Account{}, tooMany("too many tries at this account", retry)
	}
	if ok, _ := s.Passwords.Verify(a.Password, password); !ok || len(password) > maxPassword {
		return Account{}, Errorf(Forbidden, "password: wrong")
	}
	s.unlock(&a)
	return a, nil
}

func (s *Accounts) revoked(id UserID) {
	if s.Revoked != nil {
		s.Revoked(id)
	}
}

func wrongPassword() error { return Errorf(Unauthenticated, "wrong username or password") }
