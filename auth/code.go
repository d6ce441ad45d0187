package auth

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"

	"github.com/parley-chat/parley/chat"
)

// Codes draws email codes and hashes them. It implements chat.CodeMaker. Make it with NewCodes.
type Codes struct {
	key []byte
}

// NewCodes returns codes of the server with this secret. Their key is derived from it (HKDF, RFC 5869), so that no hash of
// a code is of use against tokens. Internal when that fails.
func NewCodes(secret []byte) (*Codes, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "parley email codes", sha256.Size)
	if err != nil {
		return nil, chat.Wrap(chat.Internal, "no key for email codes", err)
	}
	return &Codes{key}, nil
}

// Draw returns six random digits, each code as likely as the others.
func (c *Codes) Draw() string {
	n, _ := rand.Int(rand.Reader, big.NewInt(1_000_000)) // crypto/rand never fails since Go 1.24
	return fmt.Sprintf("%06d", n)
}

// Hash returns what to store for a code: HMAC-SHA256 over purpose, email and code, each behind its length. A million
// codes are tried in a second, so without the key nothing else would keep them.
func (c *Codes) Hash(purpose chat.Purpose, email, code string) []byte {
	mac := hmac.New(sha256.New, c.key)
	for _, part := range []string{string(purpose), email, code} {
		fmt.Fprintf(mac, "%d:%s", len(part), part)
	}
	return mac.Sum(nil)
}
