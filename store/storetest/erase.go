package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func eraseStories() []story {
	return []story{
		{name: "an erased account is gone, and its names are free", tell: eraseGone},
		{name: "its id and number are nobody's again", tell: eraseReserved},
		{name: "it is erased once", tell: eraseTwice},
		{name: "nothing brings it back", tell: eraseStays},
		{name: "twenty erase it while twenty change it", tell: eraseRace, updateRace: true},
		{name: "an erasure moves, and an old archive does not undo it", tell: eraseArchive},
	}
}

// wantErased checks that nothing finds an account, and when it was erased.
func wantErased(t testing.TB, p *place, a chat.Account, at time.Time) {
	t.Helper()
	_, err := p.Account(t.Context(), a.ID)
	wantCode(t, "Account", err, chat.NotFound)
	_, err = p.AccountByNumber(t.Context(), a.Number)
	wantCode(t, "AccountByNumber", err, chat.NotFound)
	others, err := p.Accounts(t.Context(), []chat.UserID{a.ID})
	noError(t, err)
	if len(others) != 0 {
		t.Errorf("Accounts still has %+v", others)
	}
	erased, err := p.Erased(t.Context(), []chat.UserID{newUser(), a.ID, "not an id"})
	noError(t, err)
	if len(erased) != 3 || !erased[0].IsZero() || !erased[1].Equal(at) || !erased[2].IsZero() {
		t.Errorf("erased at %v, want the second at %v and the others never", erased, at)
	}
}

func eraseGone(t *testing.T, p *place) {
	ann, bob := newAccount("Ann"), newAccount("Bob")
	bare := newAccount("Carl")
	bare.Email, bare.Phone, bare.Number = "", "", 0
	create(t, p, ann, bob, bare)
	for _, a := range []chat.Account{ann, bare} {
		noError(t, p.EraseAccount(t.Context(), a.ID, noon()))
		wantErased(t, p, a, noon())
	}
	wantStored(t, p, bob)
	erased, err := p.Erased(t.Context(), nil)
	noError(t, err)
	if len(erased) != 0 {
		t.Errorf("of nobody: %v", erased)
	}
	p.reopen(t)
	wantErased(t, p, ann, noon())
	second := newAccount("Ann")
	second.Email, second.Phone = ann.Email, ann.Phone
	create(t, p, second)
	wantStored(t, p, second)
}

func eraseReserved(t *testing.T, p *place) {
	ann := newAccount("Ann")
	create(t, p, ann)
	noError(t, p.EraseAccount(t.Context(), ann.ID, noon()))
	bob := newAccount("Bob")
	bob.Number = ann.Number
	wantCode(t, "her number", p.CreateAccount(t.Context(), bob), chat.Conflict)
	bob.Number = 0
	create(t, p, bob)
	wantCode(t, "her number, later", p.SetNumber(t.Context(), bob.ID, ann.Number), chat.Conflict)
	again := newAccount("Ann")
	again.ID = ann.ID
	wantCode(t, "her id", p.CreateAccount(t.Context(), again), chat.Conflict)
	wantErased(t, p, ann, noon())
}

func eraseTwice(t *testing.T, p *place) {
	ann := newAccount("Ann")
	create(t, p, ann)
	noError(t, p.EraseAccount(t.Context(), ann.ID, noon()))
	noError(t, p.EraseAccount(t.Context(), ann.ID, noon().Add(time.Hour)))
	wantErased(t, p, ann, noon())
}

func eraseStays(t *testing.T, p *place) {
	ann := newAccount("Ann")
	create(t, p, ann)
	noError(t, p.EraseAccount(t.Context(), ann.ID, noon()))
	name := "Annie"
	wantCode(t, "SetProfile", p.SetProfile(t.Context(), ann.ID, chat.ProfileChange{Nickname: &name}), chat.NotFound)
	wantCode(t, "SetNumber", p.SetNumber(t.Context(), ann.ID, 1_000_000_001), chat.NotFound)
	wantCode(t, "SetEmail", p.SetEmail(t.Context(), ann.ID, "", "ann@example.org"), chat.NotFound)
	wantCode(t, "SetPassword", p.SetPassword(t.Context(), ann.ID, "", "new"), chat.NotFound)
	_, err := p.SetPicture(t.Context(), ann.ID, "ann.png")
	wantCode(t, "SetPicture", err, chat.NotFound)
	tokens := []chat.Token{newToken("token", 1)}
	wantCode(t, "RevokeTokens", p.RevokeTokens(t.Context(), ann.ID, tokens, nil), chat.NotFound)
	wantErased(t, p, ann, noon())
}

func eraseRace(t *testing.T, p *place) {
	ann := newAccount("Ann")
	ann.Number = 0
	create(t, p, ann)
	const runners = 40
	together(runners, func(i int) {
		var err error
		switch i % 4 {
		case 0, 1:
			if err = p.EraseAccount(t.Context(), ann.ID, noon()); err != nil {
				t.Errorf("EraseAccount: %v", err)
			}
		case 2:
			err = p.SetNumber(t.Context(), ann.ID, 1_000_000_001+uint64(i))
		case 3:
			_, err = p.SetPicture(t.Context(), ann.ID, fmt.Sprint(i, ".png"))
		}
		if code := chat.CodeOf(err); code != "" && code != chat.NotFound && code != chat.Conflict {
			t.Errorf("runner %d: %v", i, err)
		}
	})
	wantErased(t, p, ann, noon())
	create(t, p, newAccount("Ann"))
}

func eraseArchive(t *testing.T, p *place) {
	ann, bob := newAccount("Ann"), newAccount("Bob")
	create(t, p, ann, bob)
	before := exported(t, p)
	noError(t, p.EraseAccount(t.Context(), ann.ID, noon()))
	after := exported(t, p)
	if strings.Contains(after, ann.Email) || strings.Contains(after, ann.Phone) {
		t.Error("the archive still has her email or phone number")
	}

	if done := imported(t, p, before); done.Added != 0 {
		t.Errorf("an old archive added %d", done.Added)
	}
	wantSameArchive(t, exported(t, p), after)

	fresh := newPlace(t, p.engine)
	if done := imported(t, fresh, after); done.Added != done.Archive.Total() {
		t.Errorf("into an empty engine: %+v", done)
	}
	if done := imported(t, fresh, after); done.Added != 0 {
		t.Errorf("again: %+v", done)
	}
	wantErased(t, fresh, ann, noon())
	wantSameArchive(t, exported(t, fresh), after)

	old := newPlace(t, p.engine)
	create(t, old, ann)
	_, err := archives(old.Store).Import(t.Context(), strings.NewReader(after))
	wantCode(t, "an erasure where she still is", err, chat.Conflict)
}
