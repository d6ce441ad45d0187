package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/parley-chat/parley/auth"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

// tryCounter counts the tries that reach the engine.
type tryCounter struct {
	chat.CodeStore
	tries int
}

func (c *tryCounter) TryCode(ctx context.Context, email string, p chat.Purpose, hash []byte, now time.Time) error {
	c.tries++
	return c.CodeStore.TryCode(ctx, email, p, hash, now)
}

// letters remembers the last code.
type letters struct{ code string }

func (l *letters) Mail(_ string, _ time.Time, write func(context.Context) (chat.Letter, error)) {
	if letter, err := write(context.Background()); err == nil {
		l.code = letter.Code
	}
}

// guessing is codes with the limits and the hashes of the real server, at a time that only the story moves.
func guessing(t *testing.T) (codes *chat.Codes, engine *tryCounter, mail *letters, now *time.Time) {
	t.Helper()
	store, err := embedded.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	maker, err := auth.NewCodes([]byte("a secret of this test alone"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)
	engine, mail, now = &tryCounter{CodeStore: store}, &letters{}, &at
	clock := func() time.Time { return *now }
	return &chat.Codes{
		Store: engine, Accounts: store, Maker: maker, Mailer: mail, Limits: codeLimits(true, clock), Now: clock,
		Log: slog.New(slog.DiscardHandler),
	}, engine, mail, now
}

// Somebody with ten thousand addresses guesses at the code that Ann was sent, and is locked out after ten, five of which
// were looked at. The lock opens by itself: half an hour later Ann asks for another code, and uses it.
func TestTenThousandGuessesAtACode(t *testing.T) {
	codes, engine, mail, now := guessing(t)
	const email = "ann@example.org"
	send := func() error { return codes.Send(t.Context(), email, chat.ForRegister, "192.0.2.1", "en") }
	if err := send(); err != nil {
		t.Fatal(err)
	}
	ended := make(map[chat.Code]int)
	for i := range 10_000 {
		guess := fmt.Sprintf("%06d", i)
		if guess == mail.code {
			guess = "999999"
		}
		ended[chat.CodeOf(codes.Take(t.Context(), email, chat.ForRegister, guess, fmt.Sprint("2001:db8::", i)))]++
	}
	if ended[chat.Forbidden] != chat.MaxTries || ended[chat.NotFound] != 5 || ended[chat.TooMany] != 9_990 || len(ended) != 3 || engine.tries > 20 {
		t.Errorf("10,000 guesses end so: %v; %d reached the engine", ended, engine.tries)
	}
	if err := codes.Take(t.Context(), email, chat.ForRegister, mail.code, "192.0.2.1"); chat.CodeOf(err) != chat.TooMany {
		t.Errorf("the right code, while it is locked: %v", err)
	}
	*now = now.Add(30 * time.Second)
	if err := codes.Take(t.Context(), email, chat.ForRegister, mail.code, "192.0.2.1"); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("the right code, after five guesses: %v", err)
	}
	*now = now.Add(30 * time.Minute)
	if err := send(); err != nil {
		t.Fatalf("another code: %v", err)
	}
	if err := codes.Take(t.Context(), email, chat.ForRegister, mail.code, "192.0.2.1"); err != nil {
		t.Errorf("it is hers, and does not fit: %v", err)
	}
}

// One machine tries codes of a thousand people, and asks for a thousand codes: both are paced by where it is.
func TestOneMachineAndAThousandAddresses(t *testing.T) {
	codes, engine, _, now := guessing(t)
	sent, tried := 0, 0
	for i := range 1000 {
		email := fmt.Sprint(i, "@example.org")
		if codes.Send(t.Context(), email, chat.ForReset, "192.0.2.1", "en") == nil {
			sent++
		}
		if chat.CodeOf(codes.Take(t.Context(), email, chat.ForReset, "000000", "192.0.2.1")) != chat.TooMany {
			tried++
		}
	}
	if sent != 20 || tried != 100 || engine.tries > 200 {
		t.Errorf("%d codes were sent, %d tried, %d tries reached the engine", sent, tried, engine.tries)
	}
	*now = now.Add(30 * time.Second)
	if err := codes.Send(t.Context(), "ann@example.org", chat.ForReset, "192.0.2.1", "en"); err != nil {
		t.Errorf("half a minute later: %v", err)
	}
}

// A day of asking for codes and guessing, from a new address each time: five guesses at each code, and no more codes than
// the limits allow, are what codeLimits says. Anybody's chance to be right is one in 1,600 then.
func TestADayOfGuessing(t *testing.T) {
	codes, _, _, now := guessing(t)
	const email = "ann@example.org"
	end, looked := now.Add(24*time.Hour), 0
	for n := 0; now.Before(end); n++ {
		source := fmt.Sprint("source ", n)
		_ = codes.Send(t.Context(), email, chat.ForRegister, source, "en") // as often as it may
		for chat.CodeOf(codes.Take(t.Context(), email, chat.ForRegister, "guess!", source)) == chat.Forbidden {
			looked++
		}
		*now = now.Add(10 * time.Second)
	}
	if most := chat.MaxTries * (5 + 24*60/12); looked > most || looked < most/2 {
		t.Errorf("%d guesses of a day were looked at, of %d that the limits allow", looked, most)
	}
}

// office is a mail server that takes every letter.
type office chan string

func (o office) NewSession(*smtp.Conn) (smtp.Session, error) { return o, nil }
func (o office) Mail(string, *smtp.MailOptions) error        { return nil }
func (o office) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (o office) Reset()                                      {}
func (o office) Logout() error                               { return nil }

func (o office) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	o <- string(text)
	return err
}

// Ann registers with a code, forgets her password and sets another, all by mail. What she asks for last leaves while the
// server ends.
func TestAnnGetsHerCodesByMail(t *testing.T) {
	mail, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	letters := make(office, 10)
	server := smtp.NewServer(letters)
	go server.Serve(mail)
	t.Cleanup(func() {
		mail.Close()
		server.Close()
	})
	s, url := embed(t, "SMTP_URL=smtp://"+mail.Addr().String(), "MAIL_FROM=Our chat <chat@example.org>", "REGISTER_CODE=on", "RATE_LIMITS=off")
	read := func() (code string) {
		t.Helper()
		select {
		case letter := <-letters:
			if !strings.Contains(letter, "Our chat") || !strings.Contains(letter, "ann@example.com") {
				t.Errorf("she reads\n%s", letter)
			}
			found := regexp.MustCompile(`Your code is (\d{6})`).FindStringSubmatch(letter)
			if found == nil {
				t.Fatalf("she reads\n%s", letter)
			}
			return found[1]
		case <-time.After(answerWait):
			t.Fatal("no letter comes")
			return ""
		}
	}
	want := func(status int, route, form string, values ...any) {
		t.Helper()
		if got, answer := post(t, url+route, "", fmt.Sprintf(form, values...)); got != status {
			t.Fatalf("%s answers %d, not %d: %s", route, got, status, answer)
		}
	}
	send := func(purpose string) {
		t.Helper()
		want(200, "/sendCode", `{"email":"Ann@example.com","purpose":"%s"}`, purpose)
	}
	send("register")
	form := `{"username":"ann","password":"old","email":"ann@example.com","phoneNum":"1001","code":"%s"}`
	want(403, "/toregister", form, "")
	want(200, "/toregister", form, read())
	send("reset")
	want(200, "/resetPassword", `{"email":"ann@example.com","password":"new","code":"%s"}`, read())
	want(200, "/login", `{"username":"ann","password":"new"}`)

	send("reset")
	ctx, cancel := context.WithTimeout(t.Context(), answerWait)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	read()
}

// BenchmarkSendCode is what a stranger can measure: the answer for an address with an account, and for one without.
func BenchmarkSendCode(b *testing.B) {
	cfg, err := Load(environment("DATA_DIR="+b.TempDir(), "TMP_DIR="+b.TempDir(), "RATE_LIMITS=off", "BCRYPT_COST=4"))
	if err != nil {
		b.Fatal(err)
	}
	s, err := open(b.Context(), cfg, slog.New(slog.DiscardHandler), false)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close(context.WithoutCancel(b.Context()))
	_, _, err = s.accounts.Register(b.Context(), chat.Registration{Username: "ann", Password: "secret", Email: "ann@example.org"})
	if err != nil {
		b.Fatal(err)
	}
	for name, email := range map[string]string{"known": "ann@example.org", "unknown": "bob@example.org"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := s.accounts.Codes.Send(b.Context(), email, chat.ForReset, "192.0.2.1", "en"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
