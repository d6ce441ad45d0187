package proc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Module is the path of the server's own package.
const Module = "github.com/parley-chat/parley"

// Root returns the folder of the module that the working directory is in.
func Root() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("go list -m: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Build compiles a package of this module into the file dst, with any further flags of go build.
func Build(dst, pkg string, flags ...string) error {
	args := append([]string{"build", "-o", dst}, flags...)
	return run("", "go", append(args, pkg)...)
}

// BuildModule compiles the program in the folder dir, the root of a module of its own, into the file dst.
func BuildModule(dst, dir string) error {
	return run(dir, "go", "build", "-o", dst, ".")
}

// InstallNode has npm install what the lock file in dir names, unless that was done since the file changed.
func InstallNode(dir string) error {
	lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	// npm writes this one last, so half an installation does not count.
	done, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	if err == nil && !done.ModTime().Before(lock.ModTime()) {
		return nil
	}
	return run(dir, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
}

func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
