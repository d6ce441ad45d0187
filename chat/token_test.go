package chat_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// Ann logs in anew and kicks the device, again and again, for two months. What her account carries stays bounded, and
// no dead token comes back to life.
func TestRevocationsAreBoundedAndNeverForgotten(t *testing.T) {
	s, now, people := newDevices(t, "ann")
	ann := people[0]
	const perDay, days, life = 10, 60, 30
	var dead []chat.Token
	for day := range days {
		for i := range perDay {
			token := come(t, s, ann, "phone", chat.TokenID(fmt.Sprintf("%d-%d", day, i)), day+life)
			if err := kick(t, s, ann, "phone"); err != nil {
				t.Fatal(err)
			}
			dead = append(dead, token)
		}
		now.pass(24 * time.Hour)
	}
	fresh := come(t, s, ann, "laptop", "fresh", days+life)
	a, err := s.Accounts.Account(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Revoked) > 64 {
		t.Errorf("her account carries %d revocations", len(a.Revoked))
	}
	accounts := newAccounts(s.Accounts, 1)
	accounts.Tokens = claimed{}
	authenticate := func(token chat.Token) error {
		_, _, err := accounts.Authenticate(t.Context(), fmt.Sprintf("%s %s %d", ann, token.ID, token.Until.Unix()))
		return err
	}
	for _, token := range dead {
		if token.Until.After(now.Now()) {
			wantCode(t, "the dead token "+string(token.ID), authenticate(token), chat.Unauthenticated)
		}
	}
	wantCode(t, "the fresh token", authenticate(fresh), "")
}

// claimed are tokens that say it all: "user id until".
type claimed struct{ tokens }

func (claimed) Parse(token string) (c chat.Claims, err error) {
	var until int64
	_, err = fmt.Sscan(token, &c.User, &c.Token.ID, &until)
	c.Token.Until = time.Unix(until, 0)
	return c, err
}

func (claimed) Fits(chat.Claims, chat.Account) bool { return true }

func TestKeptTokensAreThoseThatLastLongest(t *testing.T) {
	token := func(id chat.TokenID, hours int) chat.Token {
		return chat.Token{ID: id, Until: noon().Add(time.Duration(hours) * time.Hour)}
	}
	all := []chat.Token{token("past", -1), token("now", 0), token("", 5), token("twice", 1), token("twice", 1)}
	for i := range 8 {
		all = append(all, token(chat.TokenID(fmt.Sprint(i)), 2+i))
	}
	kept := chat.KeptTokens(all, noon())
	if len(kept) != 8 || kept[0].ID != "7" || kept[7].ID != "0" {
		t.Errorf("kept %v", kept)
	}
	if kept := chat.KeptTokens(all[:5], noon()); !slices.Equal(kept, []chat.Token{token("twice", 1)}) {
		t.Errorf("kept %v", kept)
	}
}
