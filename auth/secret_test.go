package auth

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/chat"
)

func TestSecretIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := LoadSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := LoadSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 32 || !bytes.Equal(first, second) {
		t.Fatalf("first %x, then %x", first, second)
	}
	other, err := LoadSecret(t.TempDir())
	if err != nil || bytes.Equal(first, other) {
		t.Fatalf("another server has the same secret: %x, %v", other, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("left in the folder: %v, %v", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
}

func TestSecretIsTheSameForAllWhoRaceToMakeIt(t *testing.T) {
	dir := t.TempDir()
	secrets := make([][]byte, 32)
	var race sync.WaitGroup
	for i := range secrets {
		race.Go(func() {
			var err error
			if secrets[i], err = LoadSecret(dir); err != nil {
				t.Error(err)
			}
		})
	}
	race.Wait()
	for i, secret := range secrets {
		if !bytes.Equal(secret, secrets[0]) {
			t.Fatalf("process %d has %x, process 0 has %x", i, secret, secrets[0])
		}
	}
}

func TestDoubtfulSecretIsRefused(t *testing.T) {
	good := strings.Repeat("0f", 32)
	tests := []struct {
		name, text string
		mode       fs.FileMode
		says       string // "" when it is good
	}{
		{"as made", good + "\n", 0o600, ""},
		{"read only, no line end", good, 0o400, ""},
		{"readable by the group", good, 0o640, "chmod 600"},
		{"readable by all", good, 0o644, "chmod 600"},
		{"empty", "", 0o600, "64 hex digits"},
		{"short", good[:62], 0o600, "64 hex digits"},
		{"long", good + "0f", 0o600, "64 hex digits"},
		{"two lines", good + "\n" + good + "\n", 0o600, "64 hex digits"},
		{"no hex", strings.Repeat("zz", 32), 0o600, "64 hex digits"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, secretFile)
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			secret, err := LoadSecret(dir)
			if test.says == "" {
				if err != nil || len(secret) != 32 {
					t.Fatalf("got %x, %v", secret, err)
				}
				return
			}
			if chat.CodeOf(err) != chat.Invalid || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), path) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "0f0f") {
				t.Fatalf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestSecretOfAFolderThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSecret(filepath.Join(file, "data")); chat.CodeOf(err) != chat.Internal {
		t.Fatalf("got %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, secretFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSecret(dir); chat.CodeOf(err) != chat.Invalid {
		t.Fatalf("a folder in its place: got %v", err)
	}
}

func TestCheckSecret(t *testing.T) {
	if err := CheckSecret(strings.Repeat("x", 16)); err != nil {
		t.Error(err)
	}
	for _, short := range []string{"", "vue-chat", strings.Repeat("x", 15)} {
		if err := CheckSecret(short); chat.CodeOf(err) != chat.Invalid {
			t.Errorf("%q: got %v, want invalid", short, err)
		}
	}
}
