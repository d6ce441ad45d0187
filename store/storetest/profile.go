package storetest

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/chat"
)

func profileStories() []story {
	return []story{
		{name: "many lack what is optional", tell: profileLacking},
		{name: "a profile changes field by field", tell: profileChanges},
		{name: "an email with capitals is found without them", tell: profileCapitals},
		{name: "an email changes if it still is the old one", tell: profileEmail},
		{name: "fifty want the same email", tell: profileEmailRace},
		{name: "fifty change the same email", tell: profileEmailsRace, updateRace: true},
		{name: "a number is given once", tell: profileNumber},
		{name: "fifty want the same number", tell: profileNumberRace},
		{name: "fifty give one user a number", tell: profileNumbersRace, updateRace: true},
		{name: "profiles outlast a restart", tell: profileReopen},
	}
}

// wantStored compares what the engine has of an account, however it is found.
func wantStored(t testing.TB, p *place, want chat.Account) {
	t.Helper()
	finds := map[string]func() (chat.Account, error){
		"id":       func() (chat.Account, error) { return p.Account(t.Context(), want.ID) },
		"username": func() (chat.Account, error) { return p.AccountByUsername(t.Context(), want.Username) },
	}
	if want.Email != "" {
		finds["email"] = func() (chat.Account, error) { return p.AccountByEmail(t.Context(), want.Email) }
	}
	if want.Number != 0 {
		finds["number"] = func() (chat.Account, error) { return p.AccountByNumber(t.Context(), want.Number) }
	}
	for by, find := range finds {
		got, err := find()
		if err != nil {
			t.Errorf("%s by %s: %v", want.Username, by, err)
			continue
		}
		wantAccount(t, got, want)
	}
}

func profileLacking(t *testing.T, p *place) {
	for _, name := range []string{"Ann", "Bob"} {
		a := newAccount(name)
		a.Email, a.Phone, a.Number = "", "", 0
		create(t, p, a)
		wantStored(t, p, a)
	}
	_, err := p.AccountByEmail(t.Context(), "")
	wantCode(t, "the account with no email", err, chat.NotFound)
	_, err = p.AccountByPhone(t.Context(), "")
	wantCode(t, "the account with no phone number", err, chat.NotFound)
	_, err = p.AccountByNumber(t.Context(), 0)
	wantCode(t, "the account with no number", err, chat.NotFound)
}

func profileChanges(t *testing.T, p *place) {
	ann := newAccount("Ann")
	create(t, p, ann)
	text := func(s string) *string { return &s }
	sex := func(n int) *int { return &n }
	for i, change := range []chat.ProfileChange{
		{},
		{Nickname: text("小安"), Description: text("two\nlines"), Sex: sex(2), Icon: text(":/res/head_1.jpg")},
		{Nickname: text("Annie")},
		{Sex: sex(0), Icon: text("")},
		{Description: text("$set.a: {b}")},
	} {
		noError(t, p.SetProfile(t.Context(), ann.ID, change))
		ann.Profile = change.Apply(ann.Profile)
		wantStored(t, p, ann)
		if i == 2 && ann.Profile != (chat.Profile{Nickname: "Annie", Description: "two\nlines", Sex: 2, Icon: ":/res/head_1.jpg"}) {
			t.Errorf("a change of the nickname left %+v", ann.Profile)
		}
	}
}

func profileEmail(t *testing.T, p *place) {
	ann, bob := newAccount("Ann"), newAccount("Bob")
	bob.Email = ""
	create(t, p, ann, bob)
	former := ann.Email
	noError(t, p.SetEmail(t.Context(), ann.ID, former, "new@example.org"))
	ann.Email = "new@example.org"
	wantStored(t, p, ann)
	_, err := p.AccountByEmail(t.Context(), former)
	wantCode(t, "the former email", err, chat.NotFound)
	wantCode(t, "not the old one", p.SetEmail(t.Context(), ann.ID, former, "other@example.org"), chat.Conflict)
	wantCode(t, "as if there were none", p.SetEmail(t.Context(), ann.ID, "", "other@example.org"), chat.Conflict)
	noError(t, p.SetEmail(t.Context(), ann.ID, ann.Email, ann.Email)) // no change is no failure

	wantCode(t, "another's", p.SetEmail(t.Context(), bob.ID, "", ann.Email), chat.Conflict)
	wantCode(t, "not the old one, where there is none", p.SetEmail(t.Context(), bob.ID, former, "bob@example.org"), chat.Conflict)
	wantStored(t, p, bob)
	noError(t, p.SetEmail(t.Context(), bob.ID, "", former)) // Ann's former one is free
	bob.Email = former
	wantStored(t, p, bob)

	noError(t, p.SetEmail(t.Context(), ann.ID, ann.Email, ""))
	ann.Email = ""
	noError(t, p.SetEmail(t.Context(), bob.ID, bob.Email, ""))
	bob.Email = ""
	wantStored(t, p, ann)
	wantStored(t, p, bob)
}

func profileCapitals(t *testing.T, p *place) {
	ann, annie, bob := newAccount("Ann"), newAccount("Annie"), newAccount("Bob")
	ann.Email, annie.Email, bob.Email = "Ann@Example.org", "ann@example.org", "BOB@example.org"
	wantFound := func(email string, want chat.Account) {
		t.Helper()
		got, err := p.AccountByEmail(t.Context(), email)
		if err != nil || got.ID != want.ID {
			t.Errorf("%q finds %q, error %v, want %q", email, got.Username, err, want.Username)
		}
	}
	wantNobody := func(email string) {
		t.Helper()
		got, err := p.AccountByEmail(t.Context(), email)
		wantCode(t, fmt.Sprintf("%q finds %q", email, got.Username), err, chat.NotFound)
	}
	create(t, p, ann, bob)
	wantFound("Ann@Example.org", ann)
	wantFound("ann@example.org", ann)
	wantNobody("ANN@example.org")
	create(t, p, annie)
	wantFound("Ann@Example.org", ann)
	wantFound("ann@example.org", annie)
	archive := exported(t, p)
	noError(t, p.SetEmail(t.Context(), annie.ID, annie.Email, "annie@example.org"))
	wantFound("ann@example.org", ann)
	noError(t, p.SetEmail(t.Context(), ann.ID, ann.Email, "New@example.org"))
	wantFound("new@example.org", ann)
	wantNobody("ann@example.org")
	noError(t, p.EraseAccount(t.Context(), bob.ID, noon()))
	wantNobody("bob@example.org")

	p = newPlace(t, p.engine)
	imported(t, p, archive)
	wantFound("bob@example.org", bob)
	wantFound("ann@example.org", annie)
}

// crowd creates so many accounts without what they are about to want.
func crowd(t testing.TB, p *place, size int) []chat.Account {
	t.Helper()
	all := make([]chat.Account, size)
	for i := range all {
		all[i] = newAccount(fmt.Sprint("runner ", i))
		all[i].Email, all[i].Number = "", 0
	}
	create(t, p, all...)
	return all
}

// wantOneWinner checks that one error is nil and the others are a Conflict, and returns whose is nil.
func wantOneWinner(t testing.TB, errs []error) (winner int) {
	t.Helper()
	winner = -1
	for i, err := range errs {
		if err != nil {
			wantCode(t, "a loser", err, chat.Conflict)
			continue
		}
		if winner >= 0 {
			t.Errorf("both %d and %d have it", winner, i)
		}
		winner = i
	}
	if winner < 0 {
		t.Fatal("nobody has it")
	}
	return winner
}

func profileEmailRace(t *testing.T, p *place) {
	all := crowd(t, p, 50)
	errs := make([]error, len(all))
	together(len(all), func(i int) { errs[i] = p.SetEmail(t.Context(), all[i].ID, "", "wanted@example.org") })
	all[wantOneWinner(t, errs)].Email = "wanted@example.org"
	for _, a := range all {
		wantStored(t, p, a)
	}
}

func profileEmailsRace(t *testing.T, p *place) {
	ann := newAccount("Ann")
	create(t, p, ann)
	errs := make([]error, 50)
	together(len(errs), func(i int) {
		errs[i] = p.SetEmail(t.Context(), ann.ID, ann.Email, fmt.Sprintf("%d@example.org", i))
	})
	winner := wantOneWinner(t, errs)
	ann.Email = fmt.Sprintf("%d@example.org", winner)
	wantStored(t, p, ann)
	for i := range errs {
		if i != winner {
			_, err := p.AccountByEmail(t.Context(), fmt.Sprintf("%d@example.org", i))
			wantCode(t, "a loser's email", err, chat.NotFound)
		}
	}
}

func profileNumber(t *testing.T, p *place) {
	ann, bob := newAccount("Ann"), newAccount("Bob")
	ann.Number = 0
	create(t, p, ann, bob)
	wantCode(t, "another's", p.SetNumber(t.Context(), ann.ID, bob.Number), chat.Conflict)
	noError(t, p.SetNumber(t.Context(), ann.ID, 1_000_000_001))
	wantCode(t, "a second one", p.SetNumber(t.Context(), ann.ID, 1_000_000_002), chat.Conflict)
	wantCode(t, "the same again", p.SetNumber(t.Context(), ann.ID, 1_000_000_001), chat.Conflict)
	ann.Number = 1_000_000_001
	wantStored(t, p, ann)
	wantStored(t, p, bob)
	_, err := p.AccountByNumber(t.Context(), 1_000_000_002)
	wantCode(t, "the number that she did not get", err, chat.NotFound)
}

func profileNumberRace(t *testing.T, p *place) {
	all := crowd(t, p, 50)
	errs := make([]error, len(all))
	together(len(all), func(i int) { errs[i] = p.SetNumber(t.Context(), all[i].ID, 1_000_000_001) })
	all[wantOneWinner(t, errs)].Number = 1_000_000_001
	for _, a := range all {
		wantStored(t, p, a)
	}
}

func profileNumbersRace(t *testing.T, p *place) {
	ann := newAccount("Ann")
	ann.Number = 0
	create(t, p, ann)
	errs := make([]error, 50)
	together(len(errs), func(i int) { errs[i] = p.SetNumber(t.Context(), ann.ID, 1_000_000_001+uint64(i)) })
	ann.Number = 1_000_000_001 + uint64(wantOneWinner(t, errs))
	wantStored(t, p, ann)
}

func profileReopen(t *testing.T, p *place) {
	ann := newAccount("Ann")
	ann.Number = 0
	create(t, p, ann)
	nickname := "Annie"
	noError(t, p.SetProfile(t.Context(), ann.ID, chat.ProfileChange{Nickname: &nickname}))
	noError(t, p.SetNumber(t.Context(), ann.ID, 1_000_000_001))
	noError(t, p.SetEmail(t.Context(), ann.ID, ann.Email, "new@example.org"))
	ann.Nickname, ann.Number, ann.Email = nickname, 1_000_000_001, "new@example.org"
	p.reopen(t)
	wantStored(t, p, ann)
	bob := newAccount("Bob")
	bob.Number = ann.Number
	wantCode(t, "a number taken before", p.CreateAccount(t.Context(), bob), chat.Conflict)
}
