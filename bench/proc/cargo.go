package proc

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// BuildCargo compiles the Rust program in dir: Cargo.toml, Cargo.lock and src/main.rs, the package being called peer.
// It does so in a copy below the user's cache, once for the same files, and returns the binary's path. The lock file
// needs no source lines: cargo is asked where this machine has its packages from. Checksums are checked.
func BuildCargo(dir string) (binary string, err error) {
	names := []string{"Cargo.toml", "Cargo.lock", filepath.Join("src", "main.rs")}
	texts, hash := make([][]byte, len(names)), sha256.New()
	for i, name := range names {
		if texts[i], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return "", err
		}
		hash.Write(texts[i])
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	place := filepath.Join(cache, "parley-bench", fmt.Sprintf("%s-%x", filepath.Base(dir), hash.Sum(nil)[:4]))
	binary = filepath.Join(place, "target", "release", "peer")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(filepath.Join(place, "src"), 0o755); err != nil {
		return "", err
	}
	for i, name := range names {
		if err := os.WriteFile(filepath.Join(place, name), texts[i], 0o644); err != nil {
			return "", err
		}
	}
	// A lock file made anew names the source, though perhaps later versions.
	lock := filepath.Join(place, "Cargo.lock")
	if err := os.Remove(lock); err != nil {
		return "", err
	}
	if err := run(place, "cargo", "generate-lockfile", "--quiet"); err != nil {
		return "", err
	}
	fresh, err := os.ReadFile(lock)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(lock, withSources(texts[1], fresh), 0o644); err != nil {
		return "", err
	}
	return binary, run(place, "cargo", "build", "--quiet", "--release", "--locked")
}

// withSources gives every package of lock that has a checksum, so comes from a registry, the source that fresh names.
func withSources(lock, fresh []byte) []byte {
	source := regexp.MustCompile(`(?m)^source = .*\n`).Find(fresh)
	return bytes.ReplaceAll(lock, []byte("\nchecksum = "), append(append([]byte("\n"), source...), "checksum = "...))
}
