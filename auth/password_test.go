package auth

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/parley-chat/parley/chat"
)

var _ chat.Passwords = (*Passwords)(nil)

func newPasswords(t *testing.T, cost int) *Passwords {
	t.Helper()
	p, err := NewPasswords(cost)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func hash(t *testing.T, p *Passwords, password string) string {
	t.Helper()
	h, err := p.Hash(password)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// nodeHash is what the Node server stored for a password.
func nodeHash(password string) string {
	once := md5.Sum([]byte(password))
	twice := md5.Sum([]byte(hex.EncodeToString(once[:])))
	return hex.EncodeToString(twice[:])
}

func TestVerify(t *testing.T) {
	p := newPasswords(t, bcrypt.MinCost+1)
	ann := hash(t, p, "ann's password")
	long := strings.Repeat("x", maxPassword)
	broken := ann[:10] + "!" + ann[11:]
	tests := []struct {
		name, hash, password string
		ok, stale            bool
	}{
		{"her password", ann, "ann's password", true, false},
		{"another one", ann, "bob's password", false, false},
		{"none", ann, "", false, false},
		{"nobody's", "", "ann's password", false, false},
		{"nobody's, without a password", "", "", false, false},
		{"a hash cut short", ann[:20], "ann's password", false, false},
		{"a hash with a broken salt", broken, "ann's password", false, false},
		{"a hash as password", ann, ann, false, false},
		{"a cost from before it was raised", hash(t, newPasswords(t, bcrypt.MinCost), "pw"), "pw", true, true},
		{"the same, wrong password", hash(t, newPasswords(t, bcrypt.MinCost), "pw"), "no", false, false},
		{"a cost from before it was lowered", hash(t, newPasswords(t, bcrypt.MinCost+2), "pw"), "pw", true, false},
		{"the longest password", hash(t, p, long), long, true, false},
		{"one that bcrypt would cut to it", hash(t, p, long), long + "x", false, false},
		{"the Node server's", nodeHash("pw"), "pw", true, true},
		{"the Node server's, as published for 123456", "14e1b600b1fd579f47433b88e8d85291", "123456", true, true},
		{"the Node server's in capitals", strings.ToUpper(nodeHash("pw")), "pw", true, true},
		{"the Node server's, wrong password", nodeHash("pw"), "no", false, false},
		{"the Node server's hash as password", nodeHash("pw"), nodeHash("pw"), false, false},
		{"the Node server's, cut short", nodeHash("pw")[:30], "pw", false, false},
		{"a single MD5", hex.EncodeToString(md5.New().Sum(nil)), "", false, false},
		{"plain text", "pw", "pw", false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if ok, stale := p.Verify(test.hash, test.password); ok != test.ok || stale != test.stale {
				t.Fatalf("got ok %v, stale %v; want %v, %v", ok, stale, test.ok, test.stale)
			}
		})
	}
}

func TestHashIsSaltedAndBounded(t *testing.T) {
	p := newPasswords(t, bcrypt.MinCost)
	if first, second := hash(t, p, "pw"), hash(t, p, "pw"); first == second {
		t.Fatal("two hashes of one password are equal")
	}
	if _, err := p.Hash(strings.Repeat("x", maxPassword+1)); chat.CodeOf(err) != chat.Invalid {
		t.Fatalf("73 bytes: got %v, want invalid", err)
	}
}

func TestCostIsChecked(t *testing.T) {
	for _, cost := range []int{-1, 0, bcrypt.MinCost - 1, bcrypt.MaxCost + 1} {
		if _, err := NewPasswords(cost); chat.CodeOf(err) != chat.Invalid {
			t.Errorf("cost %d: got %v, want invalid", cost, err)
		}
	}
}

// stored is what may be found as somebody's hash when p checks a password; a cost under p's is there too.
func stored(t *testing.T, p *Passwords) map[string]string {
	t.Helper()
	ann := hash(t, p, "pw")
	return map[string]string{
		"an account":             ann,
		"nobody":                 "",
		"a malformed hash":       ann[:40],
		"a broken salt":          ann[:7] + "!" + ann[8:],
		"the Node server's hash": nodeHash("pw"),
		"a lower cost":           hash(t, newPasswords(t, p.cost-2), "pw"),
	}
}

// The work is that of one bcrypt of today's cost, 2^cost rounds, whatever is stored.
func TestWorkDoesNotTellWhoExists(t *testing.T) {
	p := newPasswords(t, bcrypt.MinCost+2)
	rounds := 0
	p.compare = func(hash, password []byte) error {
		err := bcrypt.CompareHashAndPassword(hash, password)
		if err == nil || errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) { // otherwise it is refused before the work
			cost, _ := bcrypt.Cost(hash)
			rounds += 1 << cost
		}
		return err
	}
	for name, h := range stored(t, p) {
		for _, password := range []string{"pw", "wrong", ""} {
			rounds = 0
			p.Verify(h, password)
			if rounds != 1<<p.cost {
				t.Errorf("%s, password %q: %d rounds, want %d", name, password, rounds, 1<<p.cost)
			}
		}
	}
}

func TestLoginStormLeavesACoreFree(t *testing.T) {
	p := newPasswords(t, bcrypt.MinCost)
	want := max(1, runtime.GOMAXPROCS(0)-1)
	if cap(p.slots) != want {
		t.Fatalf("%d at work at once, want %d", cap(p.slots), want)
	}
	ann := hash(t, p, "pw")
	var storm sync.WaitGroup
	for i := range 100 {
		storm.Go(func() {
			password := "pw"
			if i%2 == 1 {
				password = "no"
			}
			if ok, _ := p.Verify(ann, password); ok != (i%2 == 0) {
				t.Errorf("login %d: got %v", i, ok)
			}
		})
	}
	storm.Wait()
	if len(p.slots) != 0 {
		t.Fatalf("%d slots were not given back", len(p.slots))
	}
}
