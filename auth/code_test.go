package auth

import (
	"bytes"
	"testing"

	"github.com/parley-chat/parley/chat"
)

var _ chat.CodeMaker = (*Codes)(nil)

func newCodes(t *testing.T, secret string) *Codes {
	t.Helper()
	c, err := NewCodes([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Of 100,000 codes each has six digits, and each digit stands at each place as often as chance has it: 10,000 times, give
// or take seven standard deviations (95).
func TestCodesAreSixRandomDigits(t *testing.T) {
	c := newCodes(t, testSecret)
	var seen [6][10]int
	for range 100_000 {
		code := c.Draw()
		if len(code) != 6 {
			t.Fatalf("%q", code)
		}
		for place, digit := range []byte(code) {
			if digit < '0' || digit > '9' {
				t.Fatalf("%q", code)
			}
			seen[place][digit-'0']++
		}
	}
	for place, digits := range seen {
		for digit, n := range digits {
			if n < 10_000-7*95 || n > 10_000+7*95 {
				t.Errorf("%d stands at place %d %d times of 100,000", digit, place, n)
			}
		}
	}
}

func TestAHashFitsOneCodeOfOnePurposeAndEmail(t *testing.T) {
	c := newCodes(t, testSecret)
	hash := c.Hash(chat.ForReset, "ann@example.org", "012345")
	if len(hash) != 32 || bytes.Contains(hash, []byte("012345")) {
		t.Errorf("%q", hash)
	}
	if !bytes.Equal(hash, newCodes(t, testSecret).Hash(chat.ForReset, "ann@example.org", "012345")) {
		t.Error("another process of the same secret makes another hash")
	}
	for what, other := range map[string][]byte{
		"another code":            c.Hash(chat.ForReset, "ann@example.org", "012346"),
		"another purpose":         c.Hash(chat.ForRegister, "ann@example.org", "012345"),
		"for either":              c.Hash(chat.ForEither, "ann@example.org", "012345"),
		"another email":           c.Hash(chat.ForReset, "bob@example.org", "012345"),
		"digits moved to the end": c.Hash(chat.ForReset, "ann@example.org0", "12345"),
		"digits moved on":         c.Hash(chat.ForReset+"a", "nn@example.org", "012345"),
		"another secret":          newCodes(t, "another secret of 32 bytes......").Hash(chat.ForReset, "ann@example.org", "012345"),
	} {
		if bytes.Equal(hash, other) {
			t.Errorf("%s has the same hash", what)
		}
	}
}
