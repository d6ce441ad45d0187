// Package auth proves who someone is: passwords, tokens, the secret that signs them, codes, and the mail that brings these.
//
// It knows neither where accounts are kept nor what carries a token.
package auth

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/crypto/bcrypt"

	"github.com/parley-chat/parley/chat"
)

// maxPassword is as far as bcrypt reads, in bytes.
const maxPassword = 72

// Passwords hashes and checks passwords with bcrypt. It implements chat.Passwords. Make it with NewPasswords.
type Passwords struct {
	cost  int
	slots chan struct{} // one for each bcrypt at work
	dummy []byte        // the hash of a password that nobody knows

	compare func(hash, password []byte) error // bcrypt's; tests count
}

// NewPasswords returns passwords of the given bcrypt cost: each step doubles the work. Invalid when bcrypt does not
// know the cost.
func NewPasswords(cost int) (*Passwords, error) {
	if cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		return nil, chat.Errorf(chat.Invalid, "bcrypt cost %d: use %d to %d", cost, bcrypt.MinCost, bcrypt.MaxCost)
	}
	dummy, err := bcrypt.GenerateFromPassword([]byte(rand.Text()), cost)
	if err != nil {
		return nil, chat.Wrap(chat.Internal, "bcrypt", err)
	}
	// One core stays free: on two, bcrypt on both made a timer of 1 ms wake after 20 ms, bcrypt on one after 1.1 ms.
	slots := max(1, runtime.GOMAXPROCS(0)-1)
	return &Passwords{
		cost: cost, slots: make(chan struct{}, slots), dummy: dummy, compare: bcrypt.CompareHashAndPassword,
	}, nil
}

// Hash returns the bcrypt hash to store for a password. Invalid when it is longer than bcrypt reads.
func (p *Passwords) Hash(password string) (string, error) {
	if len(password) > maxPassword {
		return "", chat.Errorf(chat.Invalid, "password: at most %d bytes", maxPassword)
	}
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), p.cost)
	if err != nil {
		return "", chat.Wrap(chat.Internal, "password not hashed", err)
	}
	return string(hash), nil
}

// Verify tells whether password fits the stored hash, and whether that hash should be replaced by a fresh one: a
// double MD5 of the Node server, or a bcrypt hash of less than today's cost.
//
// Whatever is stored, even nothing, it takes the time of one bcrypt of today's cost; only a hash of a higher cost, from
// before the setting was lowered, takes longer.
func (p *Passwords) Verify(hash, password string) (ok, stale bool) {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	err := p.compare([]byte(hash), []byte(password))
	if err != nil && !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) { // it is no bcrypt hash, and nothing was spent
		p.spend(p.cost)
		ok = fitsDoubleMD5(hash, password)
		return ok, ok
	}
	cost, _ := bcrypt.Cost([]byte(hash))
	// Costs c, c, c+1, …, today-1 add up to today's: 2^c + 2^c + 2^(c+1) + … + 2^(today-1) = 2^today.
	for c := cost; c < p.cost; c++ {
		p.spend(c)
	}
	ok = err == nil && len(password) <= maxPassword // a comparison reads no further, and does not mind
	return ok, ok && cost < p.cost
}

// spend takes as long as checking a hash of the given cost.
func (p *Passwords) spend(cost int) {
	// "$2a$10$" + salt + digest: the work follows the two digits.
	hash := fmt.Appendf(nil, "%s%02d%s", p.dummy[:4], cost, p.dummy[6:])
	_ = p.compare(hash, nil)
}

// fitsDoubleMD5 tells whether hash is hex(md5(hex(md5(password)))), as the Node server stored passwords.
func fitsDoubleMD5(hash, password string) bool {
	stored, err := hex.DecodeString(hash)
	if err != nil || len(stored) != md5.Size {
		return false
	}
	once := md5.Sum([]byte(password))
	twice := md5.Sum([]byte(hex.EncodeToString(once[:])))
	return subtle.ConstantTimeCompare(stored, twice[:]) == 1
}
