package chat

import (
	"context"
	"crypto/rand"
	"encoding/binary"
)

// Numbers of users have eight or nine digits. They are drawn, not counted: who knows one knows nobody else's.
const (
	MinNumber = 10_000_000
	MaxNumber = 999_999_999
)

// numberTries is how many numbers may be drawn for one account. With ten million users, one in a hundred is taken.
const numberTries = 20

func (s *Accounts) drawNumber() uint64 {
	if s.Draw != nil {
		return s.Draw()
	}
	var b [8]byte
	rand.Read(b[:])
	// 2^64 is no multiple of the span: some numbers are likelier than others, by one part in 10^10.
	return MinNumber + binary.BigEndian.Uint64(b[:])%(MaxNumber-MinNumber+1)
}

// create stores a new account with a number of its own.
func (s *Accounts) create(ctx context.Context, a Account) (Account, error) {
	for range numberTries {
		a.Number = s.drawNumber()
		err := s.Store.CreateAccount(ctx, a)
		if CodeOf(err) != Conflict {
			return a, err
		}
		// Either somebody has one of her names, or the number is taken.
		if taken, findErr := s.taken(ctx, &a); findErr != nil {
			return a, findErr
		} else if taken {
			return a, err
		}
	}
	return a, noNumber()
}

// taken tells whether somebody has the username, email or phone number of an account that is not stored.
func (s *Accounts) taken(ctx context.Context, a *Account) (bool, error) {
	_, err := s.Store.AccountByUsername(ctx, a.Username)
	if CodeOf(err) == NotFound && a.Email != "" {
		_, err = s.Store.AccountByEmail(ctx, a.Email)
	}
	if CodeOf(err) == NotFound && a.Phone != "" {
		_, err = s.Store.AccountByPhone(ctx, a.Phone)
	}
	if CodeOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}

// WithNumber returns the account with its number, and gives it one where it has none: those of before numbers were
// given, of the Node server, and of old archives. Whoever shows a number asks here.
//
// Errors: NotFound when the account is gone; those of the engine.
func (s *Accounts) WithNumber(ctx context.Context, a Account) (Account, error) {
	for range numberTries {
		if a.Number != 0 {
			return a, nil
		}
		n := s.drawNumber()
		switch err := s.Store.SetNumber(ctx, a.ID, n); CodeOf(err) {
		case "":
			a.Number = n
		case Conflict: // the number is taken, or another request gave her one
			if a, err = s.Store.Account(ctx, a.ID); err != nil {
				return a, err
			}
		default:
			return a, err
		}
	}
	return a, noNumber()
}

func noNumber() error { return Errorf(Unavailable, "no free number was found: try again") }
