package embedded

import (
	"context"
	"time"

	"github.com/parley-chat/parley/chat"
)

// EraseAccount implements chat.AccountStore. The key of the number stays, so that nobody gets it again.
func (s *Store) EraseAccount(ctx context.Context, id chat.UserID, at time.Time) error {
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
		if !a.Erased.IsZero() {
			return nil
		}
		left := account{Number: a.Number, Erased: at}
		if err := s.forgetEmail(c, &a, k[1:]); err != nil {
			return err
		}
		a.Number = 0
		for _, h := range a.handles() {
			if err := c.Delete(h.key, nil); err != nil {
				return broken(err)
			}
		}
		return c.put(k, left)
	})
}

// Erased implements chat.AccountStore.
func (s *Store) Erased(ctx context.Context, ids []chat.UserID) ([]time.Time, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	erased := make([]time.Time, len(ids))
	for i, id := range ids {
		k, err := key(kindAccount, id)
		if err != nil {
			continue // nobody, who was not erased
		}
		var a account
		if _, err := s.load(k, &a); err != nil {
			return nil, err
		}
		erased[i] = a.Erased
	}
	return erased, nil
}
