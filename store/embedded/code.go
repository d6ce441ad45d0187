package embedded

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"time"

	"github.com/parley-chat/parley/chat"
)

// emailCode is the value of an email code. Email and purpose are in the key.
type emailCode struct {
	Hash    []byte    `json:"hash"`
	Expires time.Time `json:"expires"`
	Tries   int       `json:"tries,omitempty"` // that were taken
}

func codeKey(email string, purpose chat.Purpose) []byte {
	k := binary.AppendUvarint([]byte{kindCode}, uint64(len(purpose)))
	return append(append(k, purpose...), email...)
}

// PutCode implements chat.CodeStore.
func (s *Store) PutCode(ctx context.Context, code chat.EmailCode) error {
	return s.update(ctx, func(c *change) error {
		return c.put(codeKey(code.Email, code.Purpose), emailCode{Hash: code.Hash, Expires: code.Expires})
	})
}

// TryCode implements chat.CodeStore. A try is on the disk before its outcome is known, so that no crash gives it back.
func (s *Store) TryCode(ctx context.Context, email string, purpose chat.Purpose, hash []byte, now time.Time) error {
	k := codeKey(email, purpose)
	var outcome error
	err := s.update(ctx, func(c *change) error {
		var code emailCode
		ok, err := s.load(k, &code)
		switch {
		case err != nil:
			return err
		case !ok || !now.Before(code.Expires) || code.Tries >= chat.MaxTries:
			outcome = chat.Errorf(chat.NotFound, "no such code")
			return nil
		case hmac.Equal(code.Hash, hash):
			return broken(c.Delete(k, nil))
		}
		outcome = chat.Errorf(chat.Forbidden, "another code")
		code.Tries++
		return c.put(k, code)
	})
	if err != nil {
		return err
	}
	return outcome
}

// SweepCodes implements chat.CodeStore.
func (s *Store) SweepCodes(ctx context.Context, now time.Time) error {
	prefix := []byte{kindCode}
	return s.update(ctx, func(c *change) error {
		return s.each(prefix, func(rest, value []byte) error {
			var code emailCode
			if err := unpack(value, &code); err != nil || now.Before(code.Expires) {
				return err
			}
			return broken(c.Delete(append(prefix[:1:1], rest...), nil))
		})
	})
}
