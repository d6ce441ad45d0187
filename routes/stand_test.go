package routes_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

type store struct {
	mu      sync.Mutex
	all     []chat.Account
	friends map[chat.UserID][]chat.UserID
}

func newStore(t *testing.T) *store { return &store{friends: map[chat.UserID][]chat.UserID{}} }

func (s *store) find(f func(a chat.Account) bool) (chat.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.all {
		if f(a) {
			return a, nil
		}
	}
	return chat.Account{}, chat.Errorf(chat.NotFound, "no such user")
}
func (s *store) CreateAccount(ctx context.Context, a chat.Account) error {
	if _, err := s.find(func(b chat.Account) bool { return a.Username == b.Username || a.Email == b.Email || a.Phone == b.Phone }); err == nil {
		return chat.Errorf(chat.Conflict, "taken")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, a)
	return nil
}
func (s *store) Account(ctx context.Context, id chat.UserID) (chat.Account, error) {
	return s.find(func(a chat.Account) bool { return a.ID == id })
}
func (s *store) Accounts(ctx context.Context, ids []chat.UserID) (l []chat.Account, _ error) {
	for _, id := range ids {
		if a, err := s.Account(ctx, id); err == nil {
			l = append(l, a)
		}
	}
	return l, nil
}
func (s *store) AccountByUsername(ctx context.Context, n string) (chat.Account, error) {
	return s.find(func(a chat.Account) bool { return a.Username == n })
}
func (s *store) AccountByPhone(ctx context.Context, n string) (chat.Account, error) {
	return s.find(func(a chat.Account) bool { return a.Phone == n })
}
func (s *store) SetPassword(ctx context.Context, id chat.UserID, old, new string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.all {
		if s.all[i].ID == id {
			s.all[i].Password = new
		}
	}
	return nil
}
func (s *store) SetPicture(ctx context.Context, id chat.UserID, name string) (former string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.all {
		if s.all[i].ID == id {
			former, s.all[i].Picture = s.all[i].Picture, name
		}
	}
	return former, nil
}
func (s *store) AddFriend(ctx context.Context, owner, friend chat.UserID, at time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.friends[owner], friend) {
		return false, nil
	}
	s.friends[owner] = append(s.friends[owner], friend)
	return true, nil
}
func (s *store) Friends(ctx context.Context, owner chat.UserID) ([]chat.UserID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.friends[owner]), nil
}

type files struct {
	mu sync.Mutex
	m  map[string][]byte
}

func newFiles(t *testing.T) *files { return &files{m: map[string][]byte{}} }
func (f *files) SaveAvatar(ctx context.Context, owner chat.UserID, r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, 8<<20+1))
	if err != nil {
		return "", chat.Errorf(chat.Invalid, "cannot read")
	}
	if len(b) > 8<<20 {
		return "", chat.Errorf(chat.TooLarge, "too large")
	}
	if http.DetectContentType(b) != "image/png" {
		return "", chat.Errorf(chat.Invalid, "img: not an image")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	name := chat.RandomID(5) + ".png"
	f.m[name] = b
	return name, nil
}
func (f *files) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.m, name)
	return nil
}
func (f *files) Serve(w http.ResponseWriter, r *http.Request, name string) error {
	f.mu.Lock()
	b, ok := f.m[name]
	f.mu.Unlock()
	if !ok {
		return chat.Errorf(chat.NotFound, "no such picture")
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(b)
	return nil
}
