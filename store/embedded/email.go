package embedded

import (
	"bytes"
	"context"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// AccountByEmail implements chat.AccountStore.
func (s *Store) AccountByEmail(ctx context.Context, email string) (chat.Account, error) {
	a, err := s.accountBy(ctx, named(kindEmail, email))
	if chat.CodeOf(err) == chat.NotFound {
		return s.accountBy(ctx, named(kindLower, email))
	}
	return a, err
}

// SetEmail implements chat.AccountStore.
func (s *Store) SetEmail(ctx context.Context, id chat.UserID, old, new string) error {
	return s.changeAccount(ctx, id, func(c *change, a *account, user []byte) error {
		switch {
		case a.Email != old:
			return chat.Errorf(chat.Conflict, "the email was changed meanwhile")
		case new == old:
			return nil
		}
		if err := s.forgetEmail(c, a, user); err != nil {
			return err
		}
		a.Email = new
		if new == "" {
			return nil
		}
		if k, ok := a.lower(); ok {
			if err := c.Set(k, user, nil); err != nil {
				return broken(err)
			}
		}
		return s.take(c, handle{"email", named(kindEmail, new)}, user)
	})
}

// forgetEmail frees the email of an account.
func (s *Store) forgetEmail(c *change, a *account, user []byte) error {
	if a.Email == "" {
		return nil
	}
	if err := c.Delete(named(kindEmail, a.Email), nil); err != nil {
		return broken(err)
	}
	k, ok := a.lower()
	if !ok {
		return nil
	}
	// Another account's may differ in capitals alone, and be the one that is found in lower case.
	if of, _, err := s.get(k); err != nil || !bytes.Equal(of, user) {
		return err
	}
	return broken(c.Delete(k, nil))
}

// lower is the key by which the account is found under its email in lower case; ok is false where that is its email.
func (a *account) lower() (k []byte, ok bool) {
	lower := strings.ToLower(a.Email)
	return named(kindLower, lower), lower != a.Email
}

// noteEmails adds the keys of kindLower that version 1 did not write.
func (s *Store) noteEmails() error {
	return s.each([]byte{kindAccount}, func(user, value []byte) error {
		var a account
		if err := unpack(value, &a); err != nil {
			return err
		}
		if k, ok := a.lower(); ok {
			return broken(s.db.Set(k, user, pebble.NoSync)) // the mark behind it is synced
		}
		return nil
	})
}
