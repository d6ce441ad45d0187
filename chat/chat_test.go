package chat_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

var errAway = chat.Errorf(chat.Unavailable, "the engine is away")

// noon is when stories begin.
func noon() time.Time { return time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC) }

func newEngine(t *testing.T) *embedded.Store {
	t.Helper()
	s, err := embedded.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// settle stores accounts of these names and returns their ids.
func settle(t *testing.T, s chat.AccountStore, names ...string) []chat.UserID {
	t.Helper()
	var ids []chat.UserID
	for _, name := range names {
		a := chat.Account{ID: chat.NewUserID(noon()), Username: name, Email: name + "@example.org", Phone: name}
		if err := s.CreateAccount(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.ID)
	}
	return ids
}

func wantCode(t testing.TB, what string, err error, code chat.Code) {
	t.Helper()
	if got := chat.CodeOf(err); got != code {
		t.Errorf("%s: error %v with code %q, want %q", what, err, got, code)
	}
	var e *chat.Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("%s: %T crosses the border", what, err)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// clock is a time that only the story moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// passwords are kept as they are, behind a mark: "now:" for today's, "node:" for those of the Node server.
type passwords struct{}

func (passwords) Hash(password string) (string, error) { return "now:" + password, nil }

func (passwords) Verify(hash, password string) (ok, stale bool) {
	return hash == "now:"+password || hash == "node:"+password, strings.HasPrefix(hash, "node:")
}

// tokens are "user stamp", and the stamp is the stored password.
type tokens struct{}

func (tokens) Issue(a chat.Account) (string, error) { return string(a.ID) + " " + a.Password, nil }

func (tokens) Parse(token string) (chat.Claims, error) {
	user, stamp, ok := strings.Cut(token, " ")
	if !ok {
		return chat.Claims{}, chat.Errorf(chat.Unauthenticated, "no token")
	}
	return chat.Claims{User: chat.UserID(user), Stamp: stamp}, nil
}

func (tokens) Fits(c chat.Claims, a chat.Account) bool { return c.Stamp == a.Password }

// allowance gives each key so many tries; a zero one gives none.
type allowance struct {
	each int
	mu   sync.Mutex
	used map[string]int
}

func (l *allowance) Allow(key string) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used[key] >= l.each {
		return time.Minute, false
	}
	if l.used == nil {
		l.used = make(map[string]int)
	}
	l.used[key]++
	return 0, true
}

func (l *allowance) Reset(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.used, key)
}

// awayAccounts is an engine that does not answer.
type awayAccounts struct{ chat.AccountStore }

func (awayAccounts) Account(context.Context, chat.UserID) (chat.Account, error) {
	return chat.Account{}, errAway
}

func (awayAccounts) AccountByUsername(context.Context, string) (chat.Account, error) {
	return chat.Account{}, errAway
}
