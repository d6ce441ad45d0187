package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// newToken is a token that ends so many days after noon.
func newToken(id chat.TokenID, days int) chat.Token {
	return chat.Token{ID: id, Until: noon().Truncate(time.Second).AddDate(0, 0, days)}
}

// wantTokens compares without regard to order.
func wantTokens(t testing.TB, what string, got, want []chat.Token) {
	t.Helper()
	sorted := func(tokens []chat.Token) (texts []string) {
		for _, token := range tokens {
			texts = append(texts, fmt.Sprintf("%q until %s", token.ID, token.Until.UTC()))
		}
		slices.SortFunc(texts, strings.Compare)
		return texts
	}
	if g, w := sorted(got), sorted(want); !slices.Equal(g, w) {
		t.Errorf("%s: tokens are %v, want %v", what, g, w)
	}
}

func accountRevoked(t *testing.T, p *place) {
	ann, bob := newAccount("Ann"), newAccount("Bob")
	create(t, p, ann, bob)
	one, two, three, mark := newToken("one", 1), newToken("two/with.$signs", 2), newToken("three", 3), newToken("", 2)
	for _, step := range []struct{ add, remove, want []chat.Token }{
		{nil, nil, nil},
		{nil, []chat.Token{one}, nil}, // not there
		{[]chat.Token{one, two}, nil, []chat.Token{one, two}},
		{[]chat.Token{two, one}, nil, []chat.Token{one, two}}, // there already
		{[]chat.Token{three, mark}, []chat.Token{one, two}, []chat.Token{three, mark}},
		{[]chat.Token{one}, []chat.Token{one, newToken("three", 4)}, []chat.Token{three, mark}}, // another three
		{nil, []chat.Token{mark}, []chat.Token{three}},
		{nil, []chat.Token{three}, nil},
	} {
		noError(t, p.RevokeTokens(t.Context(), ann.ID, step.add, step.remove))
		got, err := p.AccountByUsername(t.Context(), "Ann")
		noError(t, err)
		ann.Revoked = step.want
		wantAccount(t, got, ann)
	}
	got, err := p.Account(t.Context(), bob.ID)
	noError(t, err)
	wantAccount(t, got, bob)
}

func accountRevokedRace(t *testing.T, p *place) {
	ann := newAccount("Ann")
	ann.Revoked = []chat.Token{newToken("old", 0)}
	create(t, p, ann)
	const runners = 20
	ended := make([]chat.Token, runners)
	together(runners, func(i int) {
		ended[i] = newToken(chat.TokenID(fmt.Sprint("of runner ", i)), i)
		if err := p.RevokeTokens(t.Context(), ann.ID, ended[i:i+1], []chat.Token{newToken("old", 0)}); err != nil {
			t.Errorf("RevokeTokens: %v", err)
		}
	})
	got, err := p.Account(t.Context(), ann.ID)
	noError(t, err)
	ann.Revoked = ended
	wantAccount(t, got, ann)
}

// A device is remembered with the tokens it came with, until they end.
func deviceTokens(t *testing.T, p *place) {
	ann := newUser()
	phone := chat.Device{User: ann, ID: "phone", Seen: noon()}
	come := func(after time.Duration, created bool, with ...chat.Token) {
		t.Helper()
		d := phone
		d.Seen, d.Tokens = noon().Add(after), with
		putDevice(t, p, d, created)
	}
	has := func(want ...chat.Token) {
		t.Helper()
		phone.Tokens = want
		wantDevices(t, p, ann, phone)
	}
	come(0, true, newToken("one", 1))
	come(time.Second, false)
	come(time.Second, false, newToken("one", 1))
	has(newToken("one", 1))
	come(time.Minute, false, newToken("two", 2))
	has(newToken("one", 1), newToken("two", 2))
	p.reopen(t)
	has(newToken("one", 1), newToken("two", 2))
	come(36*time.Hour, false) // one has ended
	has(newToken("two", 2))
	var last []chat.Token
	for i := range 12 {
		token := newToken(chat.TokenID(fmt.Sprint(i)), 10+i)
		come(37*time.Hour, false, token)
		last = append(last, token)
	}
	has(last[4:]...)

	laptop := chat.Device{User: ann, ID: "laptop", Seen: noon(), Tokens: last[:2]}
	putDevice(t, p, laptop, true)
	laptop.Tokens = last[1:4]
	putDevice(t, p, laptop, false)
	laptop.Tokens = last[:4]
	wantDevices(t, p, ann, phone, laptop)
}

func deviceTokenRace(t *testing.T, p *place) {
	ann := newUser()
	together(8, func(i int) {
		_, err := p.PutDevice(t.Context(), chat.Device{User: ann, ID: "phone", Seen: noon(), Tokens: []chat.Token{newToken(chat.TokenID(fmt.Sprint(i)), 1)}})
		if err != nil {
			t.Errorf("PutDevice: %v", err)
		}
	})
	devices, err := p.Devices(t.Context(), ann)
	noError(t, err)
	if len(devices) != 1 || len(devices[0].Tokens) != 8 {
		t.Errorf("of 8 tokens there are %+v", devices)
	}
}
