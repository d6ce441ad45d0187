package embedded

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
)

// account is the value of an account. Its id is in the key.
type account struct {
	Username string    `json:"username"`
	Email    string    `json:"email"`
	Phone    string    `json:"phone"`
	Password string    `json:"password"`
	Picture  string    `json:"picture,omitempty"`
	Created  time.Time `json:"created"`
	Revoked  []token   `json:"revoked,omitempty"`
}

// token is a chat.Token, of an account or of a device.
type token struct {
	ID    chat.TokenID `json:"id,omitempty"`
	Until time.Time    `json:"until"`
}

func tokensOf(stored []token) []chat.Token {
	var tokens []chat.Token
	for _, t := range stored {
		tokens = append(tokens, chat.Token(t))
	}
	return tokens
}

func storedTokens(tokens []chat.Token) []token {
	var stored []token
	for _, t := range tokens {
		stored = append(stored, token(t))
	}
	return stored
}

func (a *account) of(id chat.UserID) chat.Account {
	return chat.Account{
		ID: id, Username: a.Username, Email: a.Email, Phone: a.Phone, Password: a.Password, Picture: a.Picture,
		Created: a.Created, Revoked: tokensOf(a.Revoked),
	}
}

func accountValue(a *chat.Account) account {
	return account{
		Username: a.Username, Email: a.Email, Phone: a.Phone, Password: a.Password, Picture: a.Picture, Created: a.Created,
		Revoked: storedTokens(a.Revoked),
	}
}

// CreateAccount implements chat.AccountStore.
func (s *Store) CreateAccount(ctx context.Context, a chat.Account) error {
	id, err := key(kindAccount, a.ID)
	if err != nil {
		return err
	}
	return s.update(ctx, func(c *change) error {
		for _, unique := range []struct {
			field string
			key   []byte
		}{
			{"id", id},
			{"username", named(kindUsername, a.Username)},
			{"email", named(kindEmail, a.Email)},
			{"phone number", named(kindPhone, a.Phone)},
		} {
			if _, taken, err := s.get(unique.key); err != nil {
				return err
			} else if taken {
				return chat.Errorf(chat.Conflict, "the %s is taken", unique.field)
			}
			if err := c.Set(unique.key, id[1:], nil); err != nil {
				return broken(err)
			}
		}
		return c.put(id, accountValue(&a))
	})
}

// Account implements chat.AccountStore.
func (s *Store) Account(ctx context.Context, id chat.UserID) (chat.Account, error) {
	if err := s.enter(ctx); err != nil {
		return chat.Account{}, err
	}
	defer s.leave()
	return s.account(id)
}

func (s *Store) account(id chat.UserID) (chat.Account, error) {
	k, err := key(kindAccount, id)
	if err != nil {
		return chat.Account{}, nobody()
	}
	var a account
	if ok, err := s.load(k, &a); err != nil {
		return chat.Account{}, err
	} else if !ok {
		return chat.Account{}, nobody()
	}
	return a.of(id), nil
}

func nobody() error { return chat.Errorf(chat.NotFound, "no such user") }

// Accounts implements chat.AccountStore.
func (s *Store) Accounts(ctx context.Context, ids []chat.UserID) ([]chat.Account, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	accounts := make([]chat.Account, 0, len(ids))
	for _, id := range ids {
		a, err := s.account(id)
		switch chat.CodeOf(err) {
		case "":
			accounts = append(accounts, a)
		case chat.NotFound:
		default:
			return nil, err
		}
	}
	return accounts, nil
}

// AccountByUsername implements chat.AccountStore.
func (s *Store) AccountByUsername(ctx context.Context, username string) (chat.Account, error) {
	return s.accountBy(ctx, named(kindUsername, username))
}

// AccountByPhone implements chat.AccountStore.
func (s *Store) AccountByPhone(ctx context.Context, phone string) (chat.Account, error) {
	return s.accountBy(ctx, named(kindPhone, phone))
}

func (s *Store) accountBy(ctx context.Context, key []byte) (chat.Account, error) {
	if err := s.enter(ctx); err != nil {
		return chat.Account{}, err
	}
	defer s.leave()
	id, ok, err := s.get(key)
	if err != nil {
		return chat.Account{}, err
	}
	if !ok {
		return chat.Account{}, nobody()
	}
	return s.account(userOf(id))
}

// SetPassword implements chat.AccountStore.
func (s *Store) SetPassword(ctx context.Context, id chat.UserID, old, new string) error {
	return s.alterAccount(ctx, id, func(a *account) error {
		if a.Password != old {
			return chat.Errorf(chat.Conflict, "the password was changed meanwhile")
		}
		a.Password = new
		return nil
	})
}

// SetPicture implements chat.AccountStore.
func (s *Store) SetPicture(ctx context.Context, id chat.UserID, name string) (former string, err error) {
	err = s.alterAccount(ctx, id, func(a *account) error {
		former, a.Picture = a.Picture, name
		return nil
	})
	return former, err
}

// RevokeTokens implements chat.AccountStore.
func (s *Store) RevokeTokens(ctx context.Context, id chat.UserID, add, remove []chat.Token) error {
	return s.alterAccount(ctx, id, func(a *account) error {
		in := func(tokens []chat.Token, t chat.Token) bool {
			return slices.ContainsFunc(tokens, func(o chat.Token) bool { return o.ID == t.ID && o.Until.Equal(t.Until) })
		}
		revoked := tokensOf(a.Revoked)
		for _, t := range add {
			if !in(revoked, t) {
				revoked = append(revoked, t)
			}
		}
		a.Revoked = storedTokens(slices.DeleteFunc(revoked, func(t chat.Token) bool { return in(remove, t) }))
		return nil
	})
}

// alterAccount changes what is not indexed.
func (s *Store) alterAccount(ctx context.Context, id chat.UserID, alter func(a *account) error) error {
	k, err := key(kindAccount, id)
	if err != nil {
		return nobody()
	}
	return s.update(ctx, func(c *change) error {
		var a account
		if ok, err := s.load(k, &a); err != nil {
			return err
		} else if !ok {
			return nobody()
		}
		if err := alter(&a); err != nil {
			return err
		}
		return c.put(k, a)
	})
}
