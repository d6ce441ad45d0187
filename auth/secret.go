package auth

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/chat"
)

const (
	secretFile      = "secret"
	secretSize      = 32 // bytes
	minGivenSecret  = 16 // bytes
	secretMendOrSet = "remove it for a new one (all users log in again), or set JWT_SECRET"
)

// CheckSecret tells whether a JWT_SECRET that someone chose may sign tokens; Invalid when it is short enough to be
// guessed from a token.
func CheckSecret(secret string) error {
	if len(secret) < minGivenSecret {
		return chat.Errorf(chat.Invalid, "JWT_SECRET: at least %d bytes", minGivenSecret)
	}
	return nil
}

// LoadSecret returns the secret of the server that keeps its data in dataDir: 32 random bytes, made by the first call
// and kept there in hex, in the file "secret" with mode 0600. Of several processes that make it at once, all get the
// same one.
//
// Errors: Invalid when the file is malformed or open to other users of the machine.
func LoadSecret(dataDir string) ([]byte, error) {
	path := filepath.Join(dataDir, secretFile)
	secret, err := readSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeSecret(dataDir, path); err == nil {
			secret, err = readSecret(path)
		}
	}
	if err != nil {
		return nil, chat.Wrap(chat.Internal, "secret not loaded", err)
	}
	return secret, nil
}

func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return nil, chat.Errorf(chat.Invalid, "%s has mode %v and is open to others: chmod 600 it if nobody read it, else %s",
			path, mode, secretMendOrSet)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return nil, err
	}
	secret, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(secret) != secretSize {
		return nil, chat.Errorf(chat.Invalid, "%s does not hold %d hex digits: %s", path, 2*secretSize, secretMendOrSet)
	}
	return secret, nil
}

// makeSecret makes the file whole, or leaves the one that another process made meanwhile.
func makeSecret(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, secretFile+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	secret := make([]byte, secretSize)
	rand.Read(secret)
	if _, err := f.WriteString(hex.EncodeToString(secret) + "\n"); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	// A link, not a rename: it fails where a file stands already, so no process replaces a secret that another uses.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
