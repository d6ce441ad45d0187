package chat

import (
	"context"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Profile is what a user says of herself, for all to see.
type Profile struct {
	Nickname    string // one line
	Description string
	Sex         int    // 0 for not said, 1 or 2 as the client counts them
	Icon        string // what a client shows for her without a picture: a name it knows, or a URL
}

// ProfileChange says what to write into a profile: a field that is nil stays as it is.
type ProfileChange struct {
	Nickname, Description *string
	Sex                   *int
	Icon                  *string
}

// Apply returns the profile with the change in it.
func (c ProfileChange) Apply(p Profile) Profile {
	if c.Nickname != nil {
		p.Nickname = *c.Nickname
	}
	if c.Description != nil {
		p.Description = *c.Description
	}
	if c.Sex != nil {
		p.Sex = *c.Sex
	}
	if c.Icon != nil {
		p.Icon = *c.Icon
	}
	return p
}

// Bounds of a profile.
const (
	maxNickname    = maxUsername
	maxDescription = 500 // runes
	maxIcon        = 256 // runes
)

func (c ProfileChange) check() error {
	if c.Nickname != nil && *c.Nickname != "" {
		if err := checkText("nickname", *c.Nickname, maxNickname); err != nil {
			return err
		}
	}
	if d := c.Description; d != nil {
		odd := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
		if !utf8.ValidString(*d) || utf8.RuneCountInString(*d) > maxDescription || strings.ContainsFunc(*d, odd) {
			return Errorf(Invalid, "description: at most %d characters", maxDescription)
		}
	}
	if c.Sex != nil && (*c.Sex < 0 || *c.Sex > 2) {
		return Errorf(Invalid, "sex: 0, 1 or 2")
	}
	if c.Icon != nil && *c.Icon != "" {
		return checkText("icon", *c.Icon, maxIcon)
	}
	return nil
}

// SetProfile writes what a user says of herself, and returns her account as it is then.
//
// Errors: Invalid names the field.
func (s *Accounts) SetProfile(ctx context.Context, id UserID, change ProfileChange) (Account, error) {
	if err := change.check(); err != nil {
		return Account{}, err
	}
	if err := s.Store.SetProfile(ctx, id, change); err != nil {
		return Account{}, err
	}
	a, err := s.Store.Account(ctx, id)
	if err != nil {
		return Account{}, err
	}
	return s.WithNumber(ctx, a)
}

// Profile returns the account of a user to another, or to herself, with its number. deleted says that she has deleted
// it: then there is her id and nothing else. What of an account others may see is the door's to know: never email,
// phone or password.
//
// Errors: NotFound for an id that never was a user's; TooMany.
func (s *Accounts) Profile(ctx context.Context, asker, user UserID) (a Account, deleted bool, err error) {
	if asker != user {
		if retry, ok := s.Limits.ProfileByUser.Allow(string(asker)); !ok {
			return Account{}, false, tooMany("too many profiles looked at", retry)
		}
	}
	a, err = s.Store.Account(ctx, user)
	if CodeOf(err) == NotFound {
		at, erasedErr := s.Store.Erased(ctx, []UserID{user})
		switch {
		case erasedErr != nil:
			return Account{}, false, erasedErr
		case !at[0].IsZero():
			return Account{ID: user}, true, nil
		}
	}
	if err != nil {
		return Account{}, false, err
	}
	a, err = s.WithNumber(ctx, a)
	return a, false, err
}

// Search finds a user for another by username, or else by phone number, or else by number. NotFound when there is none,
// TooMany for an asker who tries out phone numbers.
func (s *Accounts) Search(ctx context.Context, asker UserID, what string) (Account, error) {
	if what == "" || len(what) > 4*maxUsername {
		return Account{}, noSuchUser()
	}
	return s.search(ctx, asker, func() (Account, error) {
		a, err := s.Store.AccountByUsername(ctx, what)
		if CodeOf(err) == NotFound {
			a, err = s.Store.AccountByPhone(ctx, what)
		}
		if n, malformed := strconv.ParseUint(what, 10, 64); CodeOf(err) == NotFound && malformed == nil {
			a, err = s.byNumber(ctx, n)
		}
		return a, err
	})
}

// SearchNumber is Search by number alone: somebody else's name may be the same digits.
func (s *Accounts) SearchNumber(ctx context.Context, asker UserID, number uint64) (Account, error) {
	return s.search(ctx, asker, func() (Account, error) { return s.byNumber(ctx, number) })
}

func (s *Accounts) search(ctx context.Context, asker UserID, find func() (Account, error)) (Account, error) {
	if retry, ok := s.Limits.SearchByUser.Allow(string(asker)); !ok {
		return Account{}, tooMany("too many searches", retry)
	}
	a, err := find()
	if err != nil {
		return Account{}, err
	}
	return s.WithNumber(ctx, a)
}

func (s *Accounts) byNumber(ctx context.Context, n uint64) (Account, error) {
	if n < MinNumber || n > MaxNumber {
		return Account{}, noSuchUser()
	}
	return s.Store.AccountByNumber(ctx, n)
}

// ByEmail finds the account of an email address, whatever its capitals. NotFound when there is none.
func (s *Accounts) ByEmail(ctx context.Context, email string) (Account, error) {
	if email == "" {
		return Account{}, noSuchUser()
	}
	return s.Store.AccountByEmail(ctx, strings.ToLower(email))
}

func noSuchUser() error { return Errorf(NotFound, "no such user") }
