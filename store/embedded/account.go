package embedded

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
)

// account is the value of an account, or of what is left of one that was erased. Its id is in the key.
type account struct {
	Username    string    `json:"username,omitempty"`
	Email       string    `json:"email,omitempty"`
	Phone       string    `json:"phone,omitempty"`
	Password    string    `json:"password,omitempty"`
	Picture     string    `json:"picture,omitempty"`
	Created     time.Time `json:"created,omitzero"`
	Revoked     []token   `json:"revoked,omitempty"`
	Number      uint64    `json:"number,omitempty"`
	Nickname    string    `json:"nickname,omitempty"`
	Description string    `json:"description,omitempty"`
	Sex         int       `json:"sex,omitempty"`
	Icon        string    `json:"icon,omitempty"`
	Erased      time.Time `json:"erased,omitzero"` // then all but the number is gone
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
		Created: a.Created, Revoked: tokensOf(a.Revoked), Number: a.Number, Profile: a.profile(),
	}
}

func (a *account) profile() chat.Profile {
	return chat.Profile{Nickname: a.Nickname, Description: a.Description, Sex: a.Sex, Icon: a.Icon}
}

func (a *account) setProfile(p chat.Profile) {
	a.Nickname, a.Description, a.Sex, a.Icon = p.Nickname, p.Description, p.Sex, p.Icon
}

func accountValue(a *chat.Account) account {
	v := account{
		Username: a.Username, Email: a.Email, Phone: a.Phone, Password: a.Password, Picture: a.Picture, Created: a.Created,
		Revoked: storedTokens(a.Revoked), Number: a.Number,
	}
	v.setProfile(a.Profile)
	return v
}

// handle is something by which an account is found, and which no two have.
type handle struct {
	field string
	key   []byte
}

// handles are those that the account has, but for its id.
func (a *account) handles() []handle {
	var all []handle
	for _, h := range []handle{
		{"username", named(kindUsername, a.Username)},
		{"email", named(kindEmail, a.Email)},
		{"phone number", named(kindPhone, a.Phone)},
	} {
		if len(h.key) > 1 {
			all = append(all, h)
		}
	}
	if a.Number != 0 {
		all = append(all, handle{"number", numberKey(a.Number)})
	}
	return all
}

// CreateAccount implements chat.AccountStore.
func (s *Store) CreateAccount(ctx context.Context, a chat.Account) error {
	id, err := key(kindAccount, a.ID)
	if err != nil {
		return err
	}
	v := accountValue(&a)
	return s.update(ctx, func(c *change) error {
		for _, h := range append(v.handles(), handle{"id", id}) {
			if err := s.take(c, h, id[1:]); err != nil {
				return err
			}
		}
		if k, ok := v.lower(); ok {
			if err := c.Set(k, id[1:], nil); err != nil {
				return broken(err)
			}
		}
		return c.put(id, v)
	})
}

// take makes a handle that of a user. Conflict when it is taken.
func (s *Store) take(c *change, h handle, user []byte) error {
	if _, taken, err := s.get(h.key); err != nil {
		return err
	} else if taken {
		return chat.Errorf(chat.Conflict, "the %s is taken", h.field)
	}
	return broken(c.Set(h.key, user, nil))
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
	} else if !ok || !a.Erased.IsZero() {
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

// AccountByNumber implements chat.AccountStore.
func (s *Store) AccountByNumber(ctx context.Context, number uint64) (chat.Account, error) {
	return s.accountBy(ctx, numberKey(number))
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

// SetProfile implements chat.AccountStore.
func (s *Store) SetProfile(ctx context.Context, id chat.UserID, change chat.ProfileChange) error {
	return s.alterAccount(ctx, id, func(a *account) error {
		a.setProfile(change.Apply(a.profile()))
		return nil
	})
}

// SetNumber implements chat.AccountStore.
func (s *Store) SetNumber(ctx context.Context, id chat.UserID, number uint64) error {
	return s.changeAccount(ctx, id, func(c *change, a *account, user []byte) error {
		if a.Number != 0 {
			return chat.Errorf(chat.Conflict, "the user has a number already")
		}
		a.Number = number
		return s.take(c, handle{"number", numberKey(number)}, user)
	})
}

// alterAccount changes what nobody is found by.
func (s *Store) alterAccount(ctx context.Context, id chat.UserID, alter func(a *account) error) error {
	return s.changeAccount(ctx, id, func(_ *change, a *account, _ []byte) error { return alter(a) })
}

// changeAccount changes an account; alter writes what goes with it. user is the id as values have it.
func (s *Store) changeAccount(ctx context.Context, id chat.UserID, alter func(c *change, a *account, user []byte) error) error {
	k, err := key(kindAccount, id)
	if err != nil {
		return nobody()
	}
	return s.update(ctx, func(c *change) error {
		var a account
		if ok, err := s.load(k, &a); err != nil {
			return err
		} else if !ok || !a.Erased.IsZero() {
			return nobody()
		}
		if err := alter(c, &a, k[1:]); err != nil {
			return err
		}
		return c.put(k, a)
	})
}
