package proc

import (
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// BuildFerret builds the stand-in for MongoDB, FerretDB over SQLite, into the file dst. It is a module of its own.
func BuildFerret(dst string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	return run(filepath.Join(root, "store", "mongo", "ferrettest"), "go", "build", "-o", dst, "./ferretd")
}

// StartFerret starts what BuildFerret built, over a folder, which it makes. Its URL begins with mongodb://.
func StartFerret(binary, folder string, wait time.Duration) (*Process, error) {
	cmd := exec.Command(binary, folder, "127.0.0.1:0")
	if _, err := cmd.StdinPipe(); err != nil { // it ends when this does
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	return Start(cmd, wait)
}
