package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func codeStories() []story {
	return []story{
		{name: "a code is used once", tell: codeOnce},
		{name: "five tries and no more", tell: codeTries},
		{name: "a code has its time", tell: codeExpires},
		{name: "the last code counts", tell: codeReplaced},
		{name: "each email and purpose has its own", tell: codeNeighbours},
		{name: "twenty use the same code", tell: codeUseRace},
		{name: "twenty guess at once", tell: codeGuessRace},
		{name: "a guess beside the right code", tell: codeMixedRace},
		{name: "what has expired is swept", tell: codeSweep},
		{name: "codes and tries outlast a restart", tell: codeReopen},
	}
}

const annsEmail = "ann@example.org"

// right and wrong are hashes as a CodeMaker makes them, with bytes that are no text.
func right() []byte { return []byte("\x00right \xff hash, thirty-two bytes") }
func wrong() []byte { return []byte("\x00wrong \xff hash, thirty-two bytes") }

func codeFor(email string, purpose chat.Purpose) chat.EmailCode {
	return chat.EmailCode{Email: email, Purpose: purpose, Hash: right(), Expires: noon().Add(10 * time.Minute)}
}

func putCode(t testing.TB, p *place, c chat.EmailCode) {
	t.Helper()
	noError(t, p.PutCode(t.Context(), c))
}

// wantTry tries Ann's code to register, at noon.
func wantTry(t testing.TB, p *place, what string, hash []byte, code chat.Code) {
	t.Helper()
	wantCode(t, what, p.TryCode(t.Context(), annsEmail, chat.ForRegister, hash, noon()), code)
}

func codeOnce(t *testing.T, p *place) {
	wantTry(t, p, "before there is one", right(), chat.NotFound)
	putCode(t, p, codeFor(annsEmail, chat.ForRegister))
	wantTry(t, p, "a wrong one", wrong(), chat.Forbidden)
	wantTry(t, p, "a part of it", right()[:8], chat.Forbidden)
	wantTry(t, p, "nothing", nil, chat.Forbidden)
	wantTry(t, p, "the right one", right(), "")
	wantTry(t, p, "the right one again", right(), chat.NotFound)
	wantTry(t, p, "a wrong one afterwards", wrong(), chat.NotFound)
	putCode(t, p, codeFor(annsEmail, chat.ForRegister))
	wantTry(t, p, "the same digits, sent again", right(), "")
}

func codeTries(t *testing.T, p *place) {
	putCode(t, p, codeFor(annsEmail, chat.ForRegister))
	for i := range chat.MaxTries - 1 {
		wantTry(t, p, fmt.Sprint("guess ", i+1), wrong(), chat.Forbidden)
	}
	wantTry(t, p, "the right one at the last try", right(), "")

	putCode(t, p, codeFor(annsEmail, chat.ForRegister))
	for i := range chat.MaxTries {
		wantTry(t, p, fmt.Sprint("guess ", i+1), wrong(), chat.Forbidden)
	}
	wantTry(t, p, "the right one, too late", right(), chat.NotFound)
	wantTry(t, p, "a guess more", wrong(), chat.NotFound)
}

func codeExpires(t *testing.T, p *place) {
	c := codeFor(annsEmail, chat.ForRegister)
	putCode(t, p, c)
	try := func(at time.Time, hash []byte) error {
		return p.TryCode(t.Context(), annsEmail, chat.ForRegister, hash, at)
	}
	wantCode(t, "at its end", try(c.Expires, right()), chat.NotFound)
	wantCode(t, "long after", try(c.Expires.AddDate(1, 0, 0), wrong()), chat.NotFound)
	wantCode(t, "a moment before its end", try(c.Expires.Add(-time.Millisecond), right()), "")
}

func codeReplaced(t *testing.T, p *place) {
	first := codeFor(annsEmail, chat.ForRegister)
	first.Expires = noon().Add(time.Hour)
	putCode(t, p, first)
	for range chat.MaxTries {
		wantTry(t, p, "a guess", wrong(), chat.Forbidden)
	}
	second := first
	second.Hash, second.Expires = []byte("another"), noon().Add(time.Minute)
	putCode(t, p, second)
	wantTry(t, p, "the first code", right(), chat.Forbidden)
	wantCode(t, "the second, behind its own end",
		p.TryCode(t.Context(), annsEmail, chat.ForRegister, second.Hash, second.Expires), chat.NotFound)
	wantTry(t, p, "the second code", second.Hash, "")
}

func codeNeighbours(t *testing.T, p *place) {
	purposes := []chat.Purpose{chat.ForRegister, chat.ForReset, chat.ForEmail, chat.ForEither}
	emails := []string{annsEmail, "ann@example.or", "nn@example.org", "ann/register@example.org", "ann%2f@example.org", "安@例子.cn", "registerann@example.org", "'$a.b|c'@example.org"}
	hash := func(i, j int) []byte { return fmt.Append(nil, "hash ", i, j) }
	for i, purpose := range purposes {
		for j, email := range emails {
			c := codeFor(email, purpose)
			c.Hash = hash(i, j)
			putCode(t, p, c)
		}
	}
	for i, purpose := range purposes {
		for j, email := range emails {
			err := p.TryCode(t.Context(), email, purpose, hash(i, (j+1)%len(emails)), noon())
			wantCode(t, fmt.Sprintf("another email's code for %q of %s", purpose, email), err, chat.Forbidden)
			err = p.TryCode(t.Context(), email, purpose, hash((i+1)%len(purposes), j), noon())
			wantCode(t, fmt.Sprintf("another purpose's code for %q of %s", purpose, email), err, chat.Forbidden)
			err = p.TryCode(t.Context(), email, purpose, hash(i, j), noon())
			wantCode(t, fmt.Sprintf("the code for %q of %s", purpose, email), err, "")
		}
	}
}

// outcomes tries a code from many sides at once and counts how it ended.
func outcomes(t *testing.T, p *place, n int, hash func(i int) []byte) (fits, wrongs, gone int) {
	t.Helper()
	var fit, wrong, none atomic.Int32
	together(n, func(i int) {
		switch err := p.TryCode(t.Context(), annsEmail, chat.ForRegister, hash(i), noon()); chat.CodeOf(err) {
		case "":
			fit.Add(1)
		case chat.Forbidden:
			wrong.Add(1)
		case chat.NotFound:
			none.Add(1)
		default:
			t.Errorf("TryCode: %v", err)
		}
	})
	return int(fit.Load()), int(wrong.Load()), int(none.Load())
}

func codeUseRace(t *testing.T, p *place) {
	for range p.scaled(20, 2) {
		putCode(t, p, codeFor(annsEmail, chat.ForRegister))
		fits, wrongs, gone := outcomes(t, p, 20, func(int) []byte { return right() })
		if fits != 1 || wrongs != 0 || gone != 19 {
			t.Fatalf("of 20 who use one code %d succeed, %d are told that it is wrong, %d that it is gone", fits, wrongs, gone)
		}
	}
}

func codeGuessRace(t *testing.T, p *place) {
	for range p.scaled(20, 2) {
		putCode(t, p, codeFor(annsEmail, chat.ForRegister))
		fits, wrongs, gone := outcomes(t, p, 20, func(int) []byte { return wrong() })
		if fits != 0 || wrongs != chat.MaxTries || gone != 20-chat.MaxTries {
			t.Fatalf("of 20 guesses %d fit, %d were looked at, %d came too late", fits, wrongs, gone)
		}
		wantTry(t, p, "the right one, too late", right(), chat.NotFound)
	}
}

// Whatever comes first: the code is used once at the most, and no more than MaxTries are looked at.
func codeMixedRace(t *testing.T, p *place) {
	for range p.scaled(20, 2) {
		putCode(t, p, codeFor(annsEmail, chat.ForRegister))
		fits, wrongs, gone := outcomes(t, p, 12, func(i int) []byte {
			if i%3 == 0 {
				return right()
			}
			return wrong()
		})
		if fits > 1 || fits+wrongs > chat.MaxTries || fits+wrongs+gone != 12 {
			t.Fatalf("%d used it, %d guesses were looked at, %d came too late", fits, wrongs, gone)
		}
		if fits == 0 && wrongs < chat.MaxTries {
			t.Fatalf("nobody used it, and %d guesses alone were looked at", wrongs)
		}
	}
}

func codeSweep(t *testing.T, p *place) {
	noError(t, p.SweepCodes(t.Context(), noon()))
	soon, later := codeFor(annsEmail, chat.ForRegister), codeFor("bob@example.org", chat.ForRegister)
	later.Expires = soon.Expires.Add(time.Minute)
	putCode(t, p, soon)
	putCode(t, p, later)
	for _, email := range []string{soon.Email, later.Email} {
		wantCode(t, "a guess", p.TryCode(t.Context(), email, chat.ForRegister, wrong(), noon()), chat.Forbidden)
	}
	noError(t, p.SweepCodes(t.Context(), soon.Expires.Add(-time.Millisecond)))
	wantTry(t, p, "not swept", wrong(), chat.Forbidden)
	noError(t, p.SweepCodes(t.Context(), soon.Expires))
	// It would be good at noon, were it there.
	wantTry(t, p, "swept", right(), chat.NotFound)
	for range chat.MaxTries - 1 {
		wantCode(t, "Bob's tries are counted on", p.TryCode(t.Context(), later.Email, chat.ForRegister, wrong(), noon()), chat.Forbidden)
	}
	wantCode(t, "Bob's code", p.TryCode(t.Context(), later.Email, chat.ForRegister, right(), noon()), chat.NotFound)
}

func codeReopen(t *testing.T, p *place) {
	putCode(t, p, codeFor(annsEmail, chat.ForRegister))
	putCode(t, p, codeFor(annsEmail, chat.ForReset))
	for range chat.MaxTries - 1 {
		wantTry(t, p, "a guess", wrong(), chat.Forbidden)
	}
	p.reopen(t)
	wantTry(t, p, "the last guess", wrong(), chat.Forbidden)
	p.reopen(t)
	wantTry(t, p, "the right one, too late", right(), chat.NotFound)
	reset := func() error { return p.TryCode(t.Context(), annsEmail, chat.ForReset, right(), noon()) }
	wantCode(t, "another code", reset(), "")
	p.reopen(t)
	wantCode(t, "used before the restart", reset(), chat.NotFound)
}
