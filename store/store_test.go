package store_test

import (
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store"
	"github.com/parley-chat/parley/store/embedded"
)

func TestOpen(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	folder := filepath.Join(t.TempDir(), "data")
	s, err := store.Open(t.Context(), folder, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.(*embedded.Store); !ok {
		t.Errorf("a folder opens %T", s)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}

	second, err := store.Open(t.Context(), folder, log)
	if second != nil || !strings.Contains(chat.AsError(err).Message, "in use by another process") {
		t.Errorf("the same folder again opens %v, error %v", second, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() // nobody is there
	remote, err := store.Open(t.Context(), "mongodb://"+address+"/chat?serverSelectionTimeoutMS=100", log)
	if remote != nil || chat.CodeOf(err) != chat.Unavailable || !strings.Contains(chat.AsError(err).Message, "MongoDB at "+address) {
		t.Errorf("an address without MongoDB opens %v, error %v", remote, err)
	}
}
