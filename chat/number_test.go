package chat_test

import (
	"sync"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// draws returns numbers one after the other, and fails the test when there are no more.
func draws(t *testing.T, numbers ...uint64) func() uint64 {
	var mu sync.Mutex
	return func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		if len(numbers) == 0 {
			t.Error("one number too many is drawn")
			return 1
		}
		n := numbers[0]
		numbers = numbers[1:]
		return n
	}
}

func bobsForm() chat.Registration {
	return chat.Registration{Username: "Bob", Password: "secret", Address: "192.0.2.2"}
}

func TestNumbersAreDrawn(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	seen := make(map[uint64]bool)
	for _, name := range []string{"Ann", "Bob", "Carl", "Dora"} {
		form := bobsForm()
		form.Username = name
		a, _ := register(t, s, form)
		if a.Number < chat.MinNumber || a.Number > chat.MaxNumber || seen[a.Number] {
			t.Errorf("%s has number %d, others have %v", name, a.Number, seen)
		}
		seen[a.Number] = true
		found, err := s.SearchNumber(t.Context(), a.ID, a.Number)
		if err != nil || found.ID != a.ID {
			t.Errorf("%d finds %q, error %v", a.Number, found.Username, err)
		}
	}
}

func TestATakenNumberIsDrawnAgain(t *testing.T) {
	engine := newEngine(t)
	s := newAccounts(engine, 100)
	s.Draw = draws(t, 10_000_001, 10_000_001, 10_000_001, 10_000_002, 10_000_003)
	ann, _ := register(t, s, annsForm())
	bob, _ := register(t, s, bobsForm())
	if ann.Number != 10_000_001 || bob.Number != 10_000_002 {
		t.Errorf("Ann has %d, Bob %d", ann.Number, bob.Number)
	}
	// A taken name is said at once, and draws no more than the one number.
	_, _, err := s.Register(t.Context(), bobsForm())
	wantCode(t, "Bob's name", err, chat.Conflict)

	// The number of someone who left is nobody's again.
	if err := engine.EraseAccount(t.Context(), ann.ID, noon()); err != nil {
		t.Fatal(err)
	}
	s.Draw = draws(t, 10_000_001, 10_000_004)
	if again, _ := register(t, s, annsForm()); again.Number != 10_000_004 {
		t.Errorf("the second Ann has %d", again.Number)
	}
}

func TestWhereEveryNumberIsTaken(t *testing.T) {
	s := newAccounts(newEngine(t), 100)
	s.Draw = func() uint64 { return 10_000_001 }
	register(t, s, annsForm())
	_, _, err := s.Register(t.Context(), bobsForm())
	wantCode(t, "no number is free", err, chat.Unavailable)
	if _, err := s.Store.AccountByUsername(t.Context(), "Bob"); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("Bob is there all the same: %v", err)
	}
}

// An account of before gets its number when it is first shown, by several at once too, and keeps it.
func TestAnOldAccountGetsItsNumber(t *testing.T) {
	engine := newEngine(t)
	s := newAccounts(engine, 100)
	s.Draw = draws(t, 10_000_001)
	register(t, s, bobsForm())
	ids := settle(t, engine, "Ann")
	old, err := engine.Account(t.Context(), ids[0])
	if err != nil || old.Number != 0 {
		t.Fatalf("number %d, error %v", old.Number, err)
	}
	s.Draw = draws(t, 10_000_001, 10_000_002, 10_000_003, 10_000_004, 10_000_005, 10_000_006, 10_000_007, 10_000_008)
	var got [4]uint64
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			a, err := s.WithNumber(t.Context(), old)
			if err != nil {
				t.Error(err)
			}
			got[i] = a.Number
		})
	}
	all.Wait()
	now, err := s.Search(t.Context(), ids[0], "Ann")
	if err != nil || now.Number <= 10_000_001 {
		t.Fatalf("number %d, error %v", now.Number, err)
	}
	for _, n := range got {
		if n != now.Number {
			t.Errorf("somebody was shown %d, her number is %d", n, now.Number)
		}
	}
}
