package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

var (
	_ chat.Mailer = (*Post)(nil)
	_ Carrier     = LogCarrier{}
	_ Carrier     = (*SMTP)(nil)
)

// book keeps what is logged.
type book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *book) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// carrierFunc is a Carrier for one story.
type carrierFunc func(ctx context.Context, to string, l chat.Letter) error

func (f carrierFunc) Carry(ctx context.Context, to string, l chat.Letter) error { return f(ctx, to, l) }

const annsEmail, annsCode = "ann@example.org", "012345"

// codeLetter is how chat.Codes writes a letter.
func codeLetter(context.Context) (chat.Letter, error) {
	return chat.Letter{Kind: chat.LetterCode, Code: annsCode, Valid: 10 * time.Minute, Language: "en"}, nil
}

// run lets the post work until stop is called, which waits for its end.
func run(t *testing.T, p *Post) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		p.Run(ctx)
		close(ended)
	}()
	stop = func() {
		cancel()
		within(t, ended, "the post's end")
	}
	t.Cleanup(stop)
	return stop
}

// within waits for something that happens, or never will.
func within[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(30 * time.Second):
		t.Fatalf("waited too long for %s", what)
	}
	return v
}

func tomorrow() time.Time { return time.Now().Add(24 * time.Hour) }

// The carrier fails three times, and the code is asked of its rule each time anew.
func TestALetterIsTriedAgain(t *testing.T) {
	b, arrived, tries, written := &book{}, make(chan chat.Letter, 1), 0, 0
	p := NewPost(carrierFunc(func(_ context.Context, to string, l chat.Letter) error {
		if tries++; tries <= 3 {
			return chat.Errorf(chat.Unavailable, "busy")
		}
		arrived <- l
		return nil
	}), time.Now, b.log())
	p.first = time.Millisecond
	stop := run(t, p)
	p.Mail(annsEmail, tomorrow(), func(ctx context.Context) (chat.Letter, error) {
		if written++; written == 2 {
			return chat.Letter{}, errors.New("the engine is away")
		}
		return codeLetter(ctx)
	})
	if l := within(t, arrived, "the letter"); l.Code != annsCode {
		t.Errorf("%+v arrived", l)
	}
	stop()
	if tries != 4 || written != 5 {
		t.Errorf("carried %d times, written %d times", tries, written)
	}
	if log := b.String(); strings.Contains(log, annsEmail) || strings.Contains(log, annsCode) || !strings.Contains(log, "a***@example.org") ||
		strings.Count(log, "level=WARN") != 4 {
		t.Errorf("the log says\n%s", log)
	}
}

// Between tries ever more time passes, up to a minute; the end of the code is the end of the letter.
func TestTriesBecomeRarer(t *testing.T) {
	now, tries := noon, 0
	b := &book{}
	p := NewPost(carrierFunc(func(context.Context, string, chat.Letter) error {
		tries++
		return errors.New("down")
	}), func() time.Time { return now }, b.log())
	p.Mail(annsEmail, noon.Add(10*time.Minute), codeLetter)
	var waits []time.Duration
	for {
		e, _, ok := p.next()
		if !ok {
			t.Fatal("nothing is due")
		}
		p.carry(t.Context(), e)
		_, wait, ok := p.next()
		if ok || wait == time.Hour {
			break
		}
		waits = append(waits, wait)
		now = now.Add(wait)
	}
	if got := fmt.Sprint(waits); got != "[1s 2s 4s 8s 16s 32s 1m0s 1m0s 1m0s 1m0s 1m0s 1m0s 1m0s 1m0s 1m0s]" {
		t.Errorf("it waits %s", got)
	}
	if tries != len(waits) || len(p.waiting) != 0 || !strings.Contains(b.String(), "its code has expired") {
		t.Errorf("%d tries, %d letters are left, and the log says\n%s", tries, len(p.waiting), b)
	}
}

func TestALetterRefusedForGoodIsGivenUp(t *testing.T) {
	b, tries, arrived := &book{}, 0, make(chan string, 1)
	p := NewPost(carrierFunc(func(_ context.Context, to string, _ chat.Letter) error {
		if to == annsEmail {
			tries++
			return chat.Errorf(chat.Invalid, "no such mailbox")
		}
		arrived <- to
		return nil
	}), time.Now, b.log())
	p.first = time.Millisecond
	stop := run(t, p)
	p.Mail(annsEmail, tomorrow(), codeLetter)
	p.Mail("bob@example.org", tomorrow(), codeLetter)
	within(t, arrived, "Bob's letter")
	stop()
	if tries != 1 || !strings.Contains(b.String(), "letter given up") {
		t.Errorf("%d tries, and the log says\n%s", tries, b)
	}
}

// Ann's letter is tried again and again; Bob's, which comes later, does not wait for it.
func TestAFailingLetterHoldsNobodyUp(t *testing.T) {
	arrived := make(chan string, 1)
	p := NewPost(carrierFunc(func(_ context.Context, to string, _ chat.Letter) error {
		if to == annsEmail {
			return errors.New("greylisted")
		}
		arrived <- to
		return nil
	}), time.Now, (&book{}).log())
	p.first = time.Hour
	run(t, p)
	p.Mail(annsEmail, tomorrow(), codeLetter)
	p.Mail("bob@example.org", tomorrow(), codeLetter)
	within(t, arrived, "Bob's letter")
}

// Nothing works the letters off: Mail comes back all the same, and what waits is bounded.
func TestTheQueueIsBounded(t *testing.T) {
	b := &book{}
	p := NewPost(LogCarrier{b.log()}, time.Now, b.log())
	for range maxWaiting + 5 {
		p.Mail(annsEmail, tomorrow(), codeLetter)
	}
	if n := strings.Count(b.String(), "letter dropped"); len(p.waiting) != maxWaiting || n != 5 {
		t.Errorf("%d wait, %d were dropped", len(p.waiting), n)
	}
}

func TestLettersLeaveBeforeTheServerEnds(t *testing.T) {
	var sent []string
	first := make(chan struct{})
	goOn := make(chan struct{})
	p := NewPost(carrierFunc(func(_ context.Context, to string, _ chat.Letter) error {
		if len(sent) == 0 {
			close(first)
			<-goOn
		}
		sent = append(sent, to)
		return nil
	}), time.Now, (&book{}).log())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		p.Run(ctx)
		close(ended)
	}()
	for i := range 3 {
		p.Mail(fmt.Sprint(i, "@example.org"), tomorrow(), codeLetter)
	}
	within(t, first, "the first letter")
	cancel()
	close(goOn)
	within(t, ended, "the post's end")
	if len(sent) != 3 {
		t.Errorf("sent %v", sent)
	}
}

// The carrier hangs, as a mail server may. The end comes all the same, and the log tells how many letters are lost.
func TestAHangingCarrierEndsWithTheServer(t *testing.T) {
	b, begun := &book{}, make(chan struct{}, 9)
	p := NewPost(carrierFunc(func(ctx context.Context, _ string, _ chat.Letter) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}), time.Now, b.log())
	p.drain = 10 * time.Millisecond
	stop := run(t, p)
	p.Mail(annsEmail, tomorrow(), codeLetter)
	p.Mail("bob@example.org", tomorrow(), codeLetter)
	within(t, begun, "the first try")
	stop()
	p.Mail("carl@example.org", tomorrow(), codeLetter)
	if log := b.String(); !strings.Contains(log, "letters=2") || !strings.Contains(log, "letter dropped") {
		t.Errorf("the log says\n%s", log)
	}
}

func TestWithoutAMailServerTheLogHasTheCode(t *testing.T) {
	b := &book{}
	l, _ := codeLetter(t.Context())
	if err := (LogCarrier{b.log()}).Carry(t.Context(), annsEmail, l); err != nil {
		t.Fatal(err)
	}
	if log := b.String(); !strings.Contains(log, "level=INFO") || !strings.Contains(log, annsEmail) || !strings.Contains(log, annsCode) {
		t.Errorf("the log says\n%s", log)
	}
}

func TestAddressesAreMasked(t *testing.T) {
	for address, want := range map[string]string{
		annsEmail: "a***@example.org", "安@例子.cn": "安***@例子.cn", "a@b": "a***@b", "": "***", "@b.cd": "***", "ann": "a***@",
	} {
		if got := masked(address); got != want {
			t.Errorf("%q is shown as %q, not %q", address, got, want)
		}
	}
}
