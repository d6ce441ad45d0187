package storetest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
)

func accountStories() []story {
	return []story{
		{name: "every field comes back", tell: accountRoundTrip},
		{name: "nobody is NotFound", tell: accountNobody},
		{name: "what is taken is a Conflict that leaves nothing", tell: accountTaken},
		{name: "names are compared to the letter", tell: accountLetters},
		{name: "fifty want the same", tell: accountRace},
		{name: "a list keeps the order asked for", tell: accountList},
		{name: "a password is replaced if it still is the old one", tell: accountPassword},
		{name: "fifty replace the same password", tell: accountPasswordRace, updateRace: true},
		{name: "a picture gives back the former one", tell: accountPicture},
		{name: "twenty pictures, each former once", tell: accountPictureRace, updateRace: true},
		{name: "tokens are revoked, and revocations taken back", tell: accountRevoked},
		{name: "twenty revoke a token each", tell: accountRevokedRace, updateRace: true},
		{name: "accounts outlast a restart", tell: accountReopen},
	}
}

// newAccount makes an account whose every field is its own.
func newAccount(username string) chat.Account {
	id := newUser()
	return chat.Account{
		ID: id, Username: username, Email: string(id) + "@example.org", Phone: "+" + string(id),
		Password: "$2a$10$hash", Created: noon(), Number: newNumber(),
	}
}

func newNumber() uint64 { return 1<<40 + rand.Uint64N(1<<52) }

func create(t testing.TB, p *place, accounts ...chat.Account) {
	t.Helper()
	for _, a := range accounts {
		if err := p.CreateAccount(t.Context(), a); err != nil {
			t.Fatalf("CreateAccount of %q: %v", a.Username, err)
		}
	}
}

func wantAccount(t testing.TB, got, want chat.Account) {
	t.Helper()
	if !got.Created.Equal(want.Created) {
		t.Errorf("%s was created %v, want %v", want.Username, got.Created, want.Created)
	}
	wantTokens(t, "revoked by "+want.Username, got.Revoked, want.Revoked)
	got.Created, got.Revoked = want.Created, want.Revoked
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func accountRoundTrip(t *testing.T, p *place) {
	ann := newAccount("王小明")
	ann.Picture = "https://old.example.org/mongo/img/安 %.png"
	ann.Profile = chat.Profile{Nickname: "小明", Description: "two\nlines", Sex: 2, Icon: ":/res/head_1.jpg"}
	bob := newAccount("Bob")
	bob.Picture = ""
	bob.Revoked = []chat.Token{newToken("first", 1), newToken("", 2)}
	create(t, p, ann, bob)
	for _, want := range []chat.Account{ann, bob} {
		byID, err := p.Account(t.Context(), want.ID)
		noError(t, err)
		wantAccount(t, byID, want)
		byName, err := p.AccountByUsername(t.Context(), want.Username)
		noError(t, err)
		wantAccount(t, byName, want)
		byPhone, err := p.AccountByPhone(t.Context(), want.Phone)
		noError(t, err)
		wantAccount(t, byPhone, want)
		byEmail, err := p.AccountByEmail(t.Context(), want.Email)
		noError(t, err)
		wantAccount(t, byEmail, want)
		byNumber, err := p.AccountByNumber(t.Context(), want.Number)
		noError(t, err)
		wantAccount(t, byNumber, want)
	}
}

func accountNobody(t *testing.T, p *place) {
	create(t, p, newAccount("Ann"))
	nobody := newUser()
	_, err := p.Account(t.Context(), nobody)
	wantCode(t, "Account", err, chat.NotFound)
	_, err = p.Account(t.Context(), "not an id")
	wantCode(t, "Account of a malformed id", err, chat.NotFound)
	for _, name := range []string{"", "An", "Annn", "ann", "Ann\x00", "+", strings.Repeat("x", 300)} {
		_, err = p.AccountByUsername(t.Context(), name)
		wantCode(t, fmt.Sprintf("AccountByUsername of %q", name), err, chat.NotFound)
		_, err = p.AccountByPhone(t.Context(), name)
		wantCode(t, fmt.Sprintf("AccountByPhone of %q", name), err, chat.NotFound)
		_, err = p.AccountByEmail(t.Context(), name)
		wantCode(t, fmt.Sprintf("AccountByEmail of %q", name), err, chat.NotFound)
	}
	for _, number := range []uint64{0, 1_000_000_000, 1<<64 - 1} {
		_, err = p.AccountByNumber(t.Context(), number)
		wantCode(t, fmt.Sprintf("AccountByNumber of %d", number), err, chat.NotFound)
	}
	for _, id := range []chat.UserID{nobody, "not an id"} {
		wantCode(t, "SetProfile", p.SetProfile(t.Context(), id, chat.ProfileChange{Icon: new(string)}), chat.NotFound)
		wantCode(t, "SetProfile of nothing", p.SetProfile(t.Context(), id, chat.ProfileChange{}), chat.NotFound)
		wantCode(t, "SetNumber", p.SetNumber(t.Context(), id, 1_000_000_001), chat.NotFound)
		wantCode(t, "SetEmail", p.SetEmail(t.Context(), id, "", "new@example.org"), chat.NotFound)
		wantCode(t, "EraseAccount", p.EraseAccount(t.Context(), id, noon()), chat.NotFound)
	}
	wantCode(t, "SetPassword", p.SetPassword(t.Context(), nobody, "", "new"), chat.NotFound)
	_, err = p.SetPicture(t.Context(), nobody, "new.png")
	wantCode(t, "SetPicture", err, chat.NotFound)
	for _, tokens := range [][]chat.Token{nil, {newToken("token", 1)}} {
		wantCode(t, "RevokeTokens", p.RevokeTokens(t.Context(), nobody, tokens, tokens), chat.NotFound)
	}
	_, err = p.Account(t.Context(), nobody)
	wantCode(t, "Account after changes to nobody", err, chat.NotFound)
}

func accountTaken(t *testing.T, p *place) {
	ann := newAccount("Ann")
	create(t, p, ann)
	takes := map[string]func(a *chat.Account){
		"id":       func(a *chat.Account) { a.ID = ann.ID },
		"username": func(a *chat.Account) { a.Username = ann.Username },
		"email":    func(a *chat.Account) { a.Email = ann.Email },
		"phone":    func(a *chat.Account) { a.Phone = ann.Phone },
		"number":   func(a *chat.Account) { a.Number = ann.Number },
	}
	for field, take := range takes {
		free := newAccount("Bob, who wanted her " + field)
		loser := free
		take(&loser)
		wantCode(t, field+" taken", p.CreateAccount(t.Context(), loser), chat.Conflict)
		// Were anything of the loser left behind, the same account with nothing taken would meet it.
		if err := p.CreateAccount(t.Context(), free); err != nil {
			t.Errorf("%s: the loser left something behind: %v", field, err)
		}
	}
	got, err := p.Account(t.Context(), ann.ID)
	noError(t, err)
	wantAccount(t, got, ann)
}

func accountLetters(t *testing.T, p *place) {
	var all []chat.Account
	for _, name := range hostileNames() {
		all = append(all, newAccount(name))
	}
	// One's username may be another's phone number or email.
	crossed := newAccount("crossed")
	crossed.Phone, crossed.Email = "a", "a"
	all = append(all, crossed)
	create(t, p, all...)
	for _, want := range all {
		got, err := p.AccountByUsername(t.Context(), want.Username)
		if err != nil {
			t.Errorf("username %q: %v", want.Username, err)
			continue
		}
		wantAccount(t, got, want)
	}
	got, err := p.AccountByPhone(t.Context(), "a")
	noError(t, err)
	wantAccount(t, got, crossed)
}

func accountRace(t *testing.T, p *place) {
	takes := map[string]func(a *chat.Account){
		"username": func(a *chat.Account) { a.Username = "wanted by all" },
		"email":    func(a *chat.Account) { a.Email = "wanted@example.org" },
		"phone":    func(a *chat.Account) { a.Phone = "+1 555 0100" },
		"number":   func(a *chat.Account) { a.Number = 1_000_000_000 },
	}
	for field, take := range takes {
		const runners = 50
		var free, tried [runners]chat.Account
		var errs [runners]error
		for i := range runners {
			free[i] = newAccount(fmt.Sprintf("runner %d for the %s", i, field))
			tried[i] = free[i]
			take(&tried[i])
		}
		together(runners, func(i int) { errs[i] = p.CreateAccount(t.Context(), tried[i]) })
		winners := 0
		for i, err := range errs {
			if err == nil {
				winners++
				got, err := p.Account(t.Context(), tried[i].ID)
				noError(t, err)
				wantAccount(t, got, tried[i])
				continue
			}
			wantCode(t, field+": a loser", err, chat.Conflict)
			_, err = p.Account(t.Context(), tried[i].ID)
			wantCode(t, field+": a loser's account", err, chat.NotFound)
			if err := p.CreateAccount(t.Context(), free[i]); err != nil {
				t.Errorf("%s: a loser left something behind: %v", field, err)
			}
		}
		if winners != 1 {
			t.Errorf("%s: %d winners, want 1", field, winners)
		}
	}
}

func accountList(t *testing.T, p *place) {
	ann, bob, carl := newAccount("Ann"), newAccount("Bob"), newAccount("Carl")
	create(t, p, ann, bob, carl)
	got, err := p.Accounts(t.Context(), []chat.UserID{carl.ID, newUser(), ann.ID, "not an id", bob.ID})
	noError(t, err)
	names := make([]string, len(got))
	for i, a := range got {
		names[i] = a.Username
	}
	if want := []string{"Carl", "Ann", "Bob"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	for _, nobody := range [][]chat.UserID{nil, {newUser()}} {
		got, err := p.Accounts(t.Context(), nobody)
		noError(t, err)
		if len(got) != 0 {
			t.Errorf("Accounts(%v) = %v, want none", nobody, got)
		}
	}
}

func accountPassword(t *testing.T, p *place) {
	ann := newAccount("Ann")
	create(t, p, ann)
	noError(t, p.SetPassword(t.Context(), ann.ID, ann.Password, "second"))
	wantCode(t, "the old one again", p.SetPassword(t.Context(), ann.ID, ann.Password, "third"), chat.Conflict)
	wantCode(t, "an empty old one", p.SetPassword(t.Context(), ann.ID, "", "third"), chat.Conflict)
	noError(t, p.SetPassword(t.Context(), ann.ID, "second", "second")) // no change is no failure
	ann.Password = "second"
	got, err := p.AccountByUsername(t.Context(), "Ann")
	noError(t, err)
	wantAccount(t, got, ann)
}

func accountPasswordRace(t *testing.T, p *place) {
	ann := newAccount("Ann")
	create(t, p, ann)
	const runners = 50
	var errs [runners]error
	together(runners, func(i int) {
		errs[i] = p.SetPassword(t.Context(), ann.ID, ann.Password, fmt.Sprint("hash of runner ", i))
	})
	winner := -1
	for i, err := range errs {
		if err != nil {
			wantCode(t, "a loser", err, chat.Conflict)
			continue
		}
		if winner >= 0 {
			t.Errorf("both %d and %d replaced the same password", winner, i)
		}
		winner = i
	}
	got, err := p.Account(t.Context(), ann.ID)
	noError(t, err)
	if want := fmt.Sprint("hash of runner ", winner); got.Password != want {
		t.Errorf("stored %q, want %q", got.Password, want)
	}
}

func accountPicture(t *testing.T, p *place) {
	ann := newAccount("Ann")
	create(t, p, ann)
	for _, step := range []struct{ former, next string }{{"", "1.png"}, {"1.png", "2.png"}, {"2.png", "2.png"}, {"2.png", ""}, {"", "3.png"}} {
		former, err := p.SetPicture(t.Context(), ann.ID, step.next)
		noError(t, err)
		if former != step.former {
			t.Errorf("SetPicture(%q) gave back %q, want %q", step.next, former, step.former)
		}
		ann.Picture = step.next
		got, err := p.Account(t.Context(), ann.ID)
		noError(t, err)
		wantAccount(t, got, ann)
	}
}

func accountPictureRace(t *testing.T, p *place) {
	ann := newAccount("Ann")
	create(t, p, ann)
	const runners = 20
	names := make([]string, runners+1) // what was there before, then what each gave
	formers := make([]string, runners+1)
	together(runners, func(i int) {
		names[i] = fmt.Sprintf("%d.png", i)
		var err error
		if formers[i], err = p.SetPicture(t.Context(), ann.ID, names[i]); err != nil {
			t.Errorf("SetPicture: %v", err)
		}
	})
	got, err := p.Account(t.Context(), ann.ID)
	noError(t, err)
	formers[runners] = got.Picture
	slices.Sort(names)
	slices.Sort(formers)
	if !slices.Equal(names, formers) {
		t.Errorf("each picture is a former one once, or the last:\ngot  %q\nwant %q", formers, names)
	}
}

func accountReopen(t *testing.T, p *place) {
	ann, bob := newAccount("Ann"), newAccount("Bob")
	create(t, p, ann, bob)
	noError(t, p.SetPassword(t.Context(), ann.ID, ann.Password, "changed"))
	_, err := p.SetPicture(t.Context(), ann.ID, "ann.png")
	noError(t, err)
	ann.Password, ann.Picture = "changed", "ann.png"
	ann.Revoked = []chat.Token{newToken("lost phone", 30)}
	noError(t, p.RevokeTokens(t.Context(), ann.ID, ann.Revoked, nil))

	p.reopen(t)
	got, err := p.AccountByPhone(t.Context(), ann.Phone)
	noError(t, err)
	wantAccount(t, got, ann)
	carl := newAccount("Carl")
	carl.Email = bob.Email
	wantCode(t, "an email taken before", p.CreateAccount(t.Context(), carl), chat.Conflict)
}
