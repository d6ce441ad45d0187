package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
)

// mailbox keeps what is to be mailed; nothing is written before the story asks for it.
type mailbox struct {
	mu      sync.Mutex
	letters []pending
}

type pending struct {
	to    string
	until time.Time
	write func(context.Context) (chat.Letter, error)
}

func (m *mailbox) Mail(to string, until time.Time, write func(context.Context) (chat.Letter, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters = append(m.letters, pending{to, until, write})
}

// last writes the last letter, which must be for to.
func (m *mailbox) last(t *testing.T, to string) chat.Letter {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.letters) == 0 || m.letters[len(m.letters)-1].to != to {
		t.Fatalf("no letter for %s: %+v", to, m.letters)
	}
	l, err := m.letters[len(m.letters)-1].write(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// codeMaker draws 000001, 000002 and so on.
type codeMaker struct {
	mu sync.Mutex
	n  int
}

func (m *codeMaker) Draw() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n++
	return fmt.Sprintf("%06d", m.n)
}

func (m *codeMaker) Hash(purpose chat.Purpose, email, code string) []byte {
	return fmt.Appendf(nil, "%s|%s|%s", purpose, email, code)
}

// diary writes down what the engine is asked.
type diary struct {
	chat.CodeStore
	chat.AccountStore
	asked []string
}

func (d *diary) PutCode(ctx context.Context, c chat.EmailCode) error {
	d.asked = append(d.asked, "PutCode")
	return d.CodeStore.PutCode(ctx, c)
}

func (d *diary) TryCode(ctx context.Context, email string, p chat.Purpose, hash []byte, now time.Time) error {
	d.asked = append(d.asked, "TryCode "+string(p))
	return d.CodeStore.TryCode(ctx, email, p, hash, now)
}

func (d *diary) AccountByEmail(ctx context.Context, email string) (chat.Account, error) {
	d.asked = append(d.asked, "AccountByEmail")
	return d.AccountStore.AccountByEmail(ctx, email)
}

// freely limits nothing.
func freely() chat.CodeLimits {
	return chat.CodeLimits{SendBySource: limit.None{}, TakeByEmail: limit.None{}, TakeBySource: limit.None{}}
}

// proof is accounts with codes.
type proof struct {
	*chat.Accounts
	mail  *mailbox
	diary *diary
	clock *clock
}

func newProof(t *testing.T) *proof {
	t.Helper()
	engine, now := newEngine(t), &clock{now: noon()}
	p := &proof{Accounts: newAccounts(engine, 100), mail: &mailbox{}, diary: &diary{CodeStore: engine, AccountStore: engine}, clock: now}
	p.Codes = &chat.Codes{
		Store: p.diary, Accounts: p.diary, Maker: &codeMaker{}, Mailer: p.mail, Limits: freely(), Now: now.Now, Log: quiet(),
	}
	return p
}

// send asks for a code and returns the letter.
func (p *proof) send(t *testing.T, email string, purpose chat.Purpose) chat.Letter {
	t.Helper()
	if err := p.Codes.Send(t.Context(), email, purpose, "192.0.2.1", "zh"); err != nil {
		t.Fatalf("a code to %s for %q: %v", email, purpose, err)
	}
	return p.mail.last(t, strings.ToLower(email))
}

func (p *proof) take(t *testing.T, email string, purpose chat.Purpose, code string) error {
	t.Helper()
	return p.Codes.Take(t.Context(), email, purpose, code, "192.0.2.1")
}

const annsAddress = "ann@example.org"

func TestACodeProvesOnceWhoReadsTheMail(t *testing.T) {
	p := newProof(t)
	l := p.send(t, "Ann@Example.org", chat.ForRegister)
	if l != (chat.Letter{Kind: chat.LetterCode, Code: "000001", Valid: 10 * time.Minute, Language: "zh"}) {
		t.Errorf("the letter says %+v", l)
	}
	if until := p.mail.letters[0].until; !until.Equal(noon().Add(10 * time.Minute)) {
		t.Errorf("it is worth carrying until %v", until)
	}
	wantCode(t, "a wrong code", p.take(t, annsAddress, chat.ForRegister, "999999"), chat.Forbidden)
	for _, no := range []string{"", "00001", "0000010", strings.Repeat("1", 100_000)} {
		wantCode(t, "no code", p.take(t, annsAddress, chat.ForRegister, no), chat.Forbidden)
	}
	wantCode(t, "for another purpose", p.take(t, annsAddress, chat.ForReset, l.Code), chat.NotFound)
	wantCode(t, "for either", p.take(t, annsAddress, chat.ForEither, l.Code), chat.NotFound)
	wantCode(t, "of somebody else", p.take(t, "bob@example.org", chat.ForRegister, l.Code), chat.NotFound)
	wantCode(t, "no address", p.take(t, "Ann <ann@example.org>", chat.ForRegister, l.Code), chat.Invalid)
	wantCode(t, "the code", p.take(t, "ANN@example.org", chat.ForRegister, l.Code), "")
	wantCode(t, "the code again", p.take(t, annsAddress, chat.ForRegister, l.Code), chat.NotFound)
}

func TestACodeLivesTenMinutes(t *testing.T) {
	p := newProof(t)
	l := p.send(t, annsAddress, chat.ForRegister)
	p.clock.pass(10*time.Minute - time.Millisecond)
	wantCode(t, "a guess at its end", p.take(t, annsAddress, chat.ForRegister, "999999"), chat.Forbidden)
	p.clock.pass(time.Millisecond)
	wantCode(t, "the code, too late", p.take(t, annsAddress, chat.ForRegister, l.Code), chat.NotFound)

	first, second := p.send(t, annsAddress, chat.ForRegister), p.send(t, annsAddress, chat.ForRegister)
	wantCode(t, "the code before the last", p.take(t, annsAddress, chat.ForRegister, first.Code), chat.Forbidden)
	wantCode(t, "the last code", p.take(t, annsAddress, chat.ForRegister, second.Code), "")
}

func TestACodeForEitherIsGoodForOne(t *testing.T) {
	p := newProof(t)
	register(t, p.Accounts, annsForm())
	for _, purpose := range []chat.Purpose{chat.ForRegister, chat.ForReset} {
		l := p.send(t, annsAddress, chat.ForEither)
		wantCode(t, "to change the email", p.take(t, annsAddress, chat.ForEmail, l.Code), chat.NotFound)
		wantCode(t, "a wrong one", p.take(t, annsAddress, purpose, "999999"), chat.Forbidden)
		wantCode(t, string(purpose), p.take(t, annsAddress, purpose, l.Code), "")
		for _, other := range []chat.Purpose{chat.ForRegister, chat.ForReset, chat.ForEither} {
			wantCode(t, "again", p.take(t, annsAddress, other, l.Code), chat.NotFound)
		}
	}
	// With a code for each, both are good, and a guess is wrong.
	either, reset := p.send(t, annsAddress, chat.ForEither), p.send(t, annsAddress, chat.ForReset)
	wantCode(t, "a guess", p.take(t, annsAddress, chat.ForReset, "999999"), chat.Forbidden)
	wantCode(t, "the one for either", p.take(t, annsAddress, chat.ForReset, either.Code), "")
	wantCode(t, "a guess", p.take(t, annsAddress, chat.ForReset, "999999"), chat.Forbidden)
	wantCode(t, "the one to reset", p.take(t, annsAddress, chat.ForReset, reset.Code), "")
}

func TestFiveTriesAreAll(t *testing.T) {
	p := newProof(t)
	l := p.send(t, annsAddress, chat.ForRegister)
	for range chat.MaxTries {
		wantCode(t, "a guess", p.take(t, annsAddress, chat.ForRegister, "999999"), chat.Forbidden)
	}
	wantCode(t, "the code, too late", p.take(t, annsAddress, chat.ForRegister, l.Code), chat.NotFound)
}

func TestNoCodeIsSentToNobodyForNothing(t *testing.T) {
	p := newProof(t)
	for _, email := range []string{"", "ann", "Ann <ann@example.org>", "ann@example.org\r\nBcc: bob@example.org", "ann@example.org, bob@example.org",
		"ann@example.org\x00", strings.Repeat("a", 250) + "@b.cd", "\"a b\"@example.org"} {
		wantCode(t, email, p.Codes.Send(t.Context(), email, chat.ForReset, "192.0.2.1", "en"), chat.Invalid)
	}
	wantCode(t, "a purpose of her own", p.Codes.Send(t.Context(), annsAddress, "admin", "192.0.2.1", "en"), chat.Invalid)
	if len(p.mail.letters) != 0 || len(p.diary.asked) != 0 {
		t.Errorf("%+v, and the engine was asked %v", p.mail.letters, p.diary.asked)
	}
}

// Who asks, and who guesses, cannot tell whether somebody has the address: not by the answer, and not by the time, for
// the engine is asked the same.
func TestStrangersLearnNothingFromCodes(t *testing.T) {
	p := newProof(t)
	register(t, p.Accounts, annsForm())
	for _, purpose := range []chat.Purpose{chat.ForRegister, chat.ForReset, chat.ForEmail, chat.ForEither} {
		story := func(email string) (answers []string, asked []string) {
			p.diary.asked = nil
			answer := func(err error) { answers = append(answers, fmt.Sprint(err)) }
			answer(p.take(t, email, purpose, "999999"))
			answer(p.Codes.Send(t.Context(), email, purpose, "192.0.2.1", "en"))
			for range chat.MaxTries + 1 {
				answer(p.take(t, email, purpose, "999999"))
			}
			return answers, p.diary.asked
		}
		known, askedOfKnown := story(annsAddress)
		unknown, askedOfUnknown := story("nobody@example.org")
		if !slices.Equal(known, unknown) {
			t.Errorf("for %q: of Ann's address %v, of nobody's %v", purpose, known, unknown)
		}
		if !slices.Equal(askedOfKnown, askedOfUnknown) || slices.Contains(askedOfKnown, "AccountByEmail") {
			t.Errorf("for %q the engine is asked %v of Ann's address, %v of nobody's", purpose, askedOfKnown, askedOfUnknown)
		}
	}
}

// The mailbox's owner alone is told whether there is an account.
func TestALetterSaysWhatItsReaderNeeds(t *testing.T) {
	p := newProof(t)
	register(t, p.Accounts, annsForm())
	old := chat.Account{ID: chat.NewUserID(noon()), Username: "Carl", Email: "Carl@Example.org"} // the Node server kept it so
	if err := p.Store.CreateAccount(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		email   string
		purpose chat.Purpose
		want    chat.LetterKind
	}{
		{annsAddress, chat.ForRegister, chat.LetterTaken},
		{annsAddress, chat.ForEmail, chat.LetterTaken},
		{annsAddress, chat.ForReset, chat.LetterCode},
		{annsAddress, chat.ForEither, chat.LetterCode},
		{"nobody@example.org", chat.ForRegister, chat.LetterCode},
		{"nobody@example.org", chat.ForEmail, chat.LetterCode},
		{"nobody@example.org", chat.ForReset, chat.LetterUnknown},
		{"nobody@example.org", chat.ForEither, chat.LetterCode},
		{"Carl@Example.org", chat.ForReset, chat.LetterCode},
	} {
		l := p.send(t, c.email, c.purpose)
		if l.Kind != c.want || (l.Code != "") != (c.want == chat.LetterCode) {
			t.Errorf("for %q %s reads %+v, not %q", c.purpose, c.email, l, c.want)
		}
	}
	p.Codes.Accounts = awayEmails{}
	if err := p.Codes.Send(t.Context(), annsAddress, chat.ForReset, "192.0.2.1", "en"); err != nil {
		t.Fatal(err)
	}
	_, err := p.mail.letters[len(p.mail.letters)-1].write(t.Context())
	wantCode(t, "while the engine is away there is nothing to write", err, chat.Unavailable)
}

type awayEmails struct{}

func (awayEmails) AccountByEmail(context.Context, string) (chat.Account, error) {
	return chat.Account{}, errAway
}

func TestCodesArePaced(t *testing.T) {
	p := newProof(t)
	p.Codes.Limits = chat.CodeLimits{
		SendByEmail:  []chat.Limiter{limit.New(1, time.Minute, p.clock.Now), limit.New(2, time.Hour, p.clock.Now)},
		SendBySource: limit.New(4, time.Hour, p.clock.Now),
		TakeByEmail:  limit.New(2, time.Hour, p.clock.Now), TakeBySource: limit.New(4, time.Hour, p.clock.Now),
	}
	send := func(email, source string) error {
		return p.Codes.Send(t.Context(), email, chat.ForReset, source, "en")
	}
	wait := func(what string, err error, want time.Duration) {
		t.Helper()
		wantCode(t, what, err, chat.TooMany)
		var e *chat.Error
		if errors.As(err, &e) && e.RetryAfter != want {
			t.Errorf("%s: come back in %v, not %v", what, e.RetryAfter, want)
		}
	}
	wantCode(t, "the first", send(annsAddress, "192.0.2.1"), "")
	wait("the second at once, from elsewhere, in capitals", send("ANN@example.org", "192.0.2.2"), time.Minute)
	p.clock.pass(time.Minute)
	wantCode(t, "the second", send(annsAddress, "192.0.2.2"), "")
	p.clock.pass(time.Minute)
	wait("the third within the hour", send(annsAddress, "192.0.2.2"), 58*time.Minute)
	wantCode(t, "to Bob", send("bob@example.org", "192.0.2.2"), "")
	wait("a fifth from one source", send("carl@example.org", "192.0.2.2"), 58*time.Minute)

	take := func(email, source string) error {
		return p.Codes.Take(t.Context(), email, chat.ForReset, "999999", source)
	}
	wantCode(t, "a guess", take(annsAddress, "192.0.2.3"), chat.Forbidden)
	wantCode(t, "another", take(annsAddress, "192.0.2.4"), chat.Forbidden)
	wait("a third, from anywhere", take(annsAddress, "192.0.2.5"), time.Hour)
	for i := range 4 {
		wantCode(t, "at addresses in turn", take(fmt.Sprint(i, "@example.org"), "192.0.2.6"), chat.NotFound)
	}
	wait("a fifth", take("5@example.org", "192.0.2.6"), time.Hour)
	p.clock.pass(time.Hour)
	wantCode(t, "an hour later", take(annsAddress, "192.0.2.6"), chat.NotFound)
}
