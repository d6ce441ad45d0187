package chat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
)

func TestAnnDescribesHerself(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	form := annsForm()
	form.Nickname, form.Icon = "Annie", ":/res/head_1.jpg"
	ann, _ := register(t, s, form)
	text := func(s string) *string { return &s }
	sex := 2
	a, err := s.SetProfile(t.Context(), ann.ID, chat.ProfileChange{Description: text("a\nb\tc 好"), Sex: &sex})
	if want := (chat.Profile{Nickname: "Annie", Description: "a\nb\tc 好", Sex: 2, Icon: ":/res/head_1.jpg"}); err != nil || a.Profile != want {
		t.Errorf("she is %+v, error %v, want %+v", a.Profile, err, want)
	}
	if a, err = s.SetProfile(t.Context(), ann.ID, chat.ProfileChange{Nickname: text("")}); err != nil || a.Nickname != "" || a.Sex != 2 {
		t.Errorf("without a nickname she is %+v, error %v", a.Profile, err)
	}

	wrong := 3
	for field, change := range map[string]chat.ProfileChange{
		"nickname":     {Nickname: text("two\nlines")},
		"nickname: 1":  {Nickname: text(strings.Repeat("安", 65))},
		"description":  {Description: text(strings.Repeat("安", 501))},
		"description:": {Description: text("a\x00")},
		"sex":          {Sex: &wrong, Nickname: text("not taken either")},
		"icon":         {Icon: text(strings.Repeat("x", 257))},
	} {
		_, err := s.SetProfile(t.Context(), ann.ID, change)
		wantCode(t, field, err, chat.Invalid)
		if err != nil && !strings.HasPrefix(chat.AsError(err).Message, field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
	now, err := s.Store.Account(t.Context(), ann.ID)
	if err != nil || now.Profile != a.Profile {
		t.Errorf("what was refused left %+v, error %v", now.Profile, err)
	}
}

func TestBobLooksAtAnn(t *testing.T) {
	engine := newEngine(t)
	s := newAccounts(engine, 3)
	ann, _ := register(t, s, annsForm())
	bob, _ := register(t, s, bobsForm())
	for _, asker := range []chat.UserID{ann.ID, bob.ID} {
		a, deleted, err := s.Profile(t.Context(), asker, ann.ID)
		if err != nil || deleted || a.ID != ann.ID || a.Number != ann.Number {
			t.Errorf("her profile is %+v, %v, error %v", a, deleted, err)
		}
	}
	_, _, err := s.Profile(t.Context(), bob.ID, "nobody")
	wantCode(t, "a profile of nobody", err, chat.NotFound)
	if err := engine.EraseAccount(t.Context(), ann.ID, noon()); err != nil {
		t.Fatal(err)
	}
	a, deleted, err := s.Profile(t.Context(), bob.ID, ann.ID)
	if err != nil || !deleted || fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", chat.Account{ID: ann.ID}) {
		t.Errorf("of Ann, who left, Bob sees %+v, %v, error %v", a, deleted, err)
	}
	_, _, err = s.Profile(t.Context(), bob.ID, ann.ID)
	wantCode(t, "the fourth look of three", err, chat.TooMany)
	if _, _, err := s.Profile(t.Context(), bob.ID, bob.ID); err != nil {
		t.Errorf("at herself: %v", err)
	}
}

// Searches answer to phone numbers and numbers, so nobody may try them all.
func TestNobodyTriesAllPhoneNumbers(t *testing.T) {
	s := newAccounts(newEngine(t), 5)
	ann, _ := register(t, s, annsForm())
	bob, _ := register(t, s, bobsForm())
	find := func(asker chat.UserID, what string) error {
		a, err := s.Search(t.Context(), asker, what)
		if err == nil && a.ID != ann.ID {
			t.Errorf("%q finds %q", what, a.Username)
		}
		return err
	}
	for _, what := range []string{"Ann", "+1 (555) 0100", fmt.Sprint(ann.Number)} {
		wantCode(t, what, find(bob.ID, what), "")
	}
	wantCode(t, "a number of nobody", find(bob.ID, "5550101"), chat.NotFound)
	if _, err := s.SearchNumber(t.Context(), bob.ID, ann.Number); err != nil {
		t.Errorf("by number alone: %v", err)
	}
	wantCode(t, "the sixth search of five", find(bob.ID, "Ann"), chat.TooMany)
	_, err := s.SearchNumber(t.Context(), bob.ID, ann.Number)
	wantCode(t, "the seventh", err, chat.TooMany)
	wantCode(t, "another's first", find(ann.ID, "Ann"), "")
}

// A number is nobody's but that of whom it was given, whatever others call themselves.
func TestSearchNumberIsNotFooledByNames(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	ann, _ := register(t, s, annsForm())
	mallory := bobsForm()
	mallory.Username = fmt.Sprint(ann.Number)
	m, _ := register(t, s, mallory)
	if a, err := s.SearchNumber(t.Context(), m.ID, ann.Number); err != nil || a.ID != ann.ID {
		t.Errorf("Ann's number finds %q, error %v", a.Username, err)
	}
	for _, n := range []uint64{0, 1, chat.MinNumber - 1, chat.MaxNumber + 1, 1<<64 - 1} {
		_, err := s.SearchNumber(t.Context(), m.ID, n)
		wantCode(t, fmt.Sprint(n), err, chat.NotFound)
	}
}
