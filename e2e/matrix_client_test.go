package e2e_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/proc"
)

// setUpWait is for the slowest set-up from nothing: a Rust crate with all it depends on.
const setUpWait = 8 * time.Minute

// client is a Socket.IO client and how its program is set up and run.
type client struct {
	folder   string   // in e2e/clients: what it depends on, every version pinned
	protocol string   // the Engine.IO protocol it speaks
	legs     []string // what of the story it can tell
	tools    []string // programs that must be there
	pins     []string // files in folder; a change of one sets the client up anew

	// install, if any, fetches into dir what the client depends on, once for the same pins.
	install func(ctx context.Context, dir string) []*exec.Cmd
	// build returns, if there is something to build, how, from this checkout's sources. It may leave files in dir.
	build func(ctx context.Context, dir string) []*exec.Cmd
	// run is the program. Its environment is complete but for what tell adds.
	run func(ctx context.Context, dir string) *exec.Cmd
}

// setUp installs and builds the client in a folder of the user's cache, and returns how its program is run.
func (c client) setUp(t *testing.T) func(context.Context) *exec.Cmd {
	t.Helper()
	need(t, c.tools...)
	dir := c.cache(t)
	ctx, cancel := context.WithTimeout(t.Context(), setUpWait)
	defer cancel()
	ready := filepath.Join(dir, "ready")
	if _, err := os.Stat(ready); err != nil && c.install != nil { // half an installation does not count
		do(t, c.install(ctx, dir))
		if err := os.WriteFile(ready, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if c.build != nil {
		do(t, c.build(ctx, dir))
	}
	return func(ctx context.Context) *exec.Cmd { return c.run(ctx, dir) }
}

// cache returns the client's folder in the user's cache. Its name changes with the pins; they are copied there.
func (c client) cache(t *testing.T) string {
	t.Helper()
	all, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	texts, hash := make([][]byte, len(c.pins)), sha256.New()
	for i, pin := range c.pins {
		if texts[i], err = os.ReadFile(filepath.Join("clients", c.folder, pin)); err != nil {
			t.Fatal(err)
		}
		hash.Write(texts[i])
	}
	dir := filepath.Join(all, "parley-clients", fmt.Sprintf("%s-%x", c.folder, hash.Sum(nil)[:4]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, pin := range c.pins {
		if err := os.WriteFile(filepath.Join(dir, pin), texts[i], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// need skips the test where a tool is missing, except in continuous integration.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing, and CI must run this", tool)
		}
		t.Skipf("skipped: no %s", tool)
	}
}

// do runs commands one after the other.
func do(t *testing.T, commands []*exec.Cmd) {
	t.Helper()
	for _, cmd := range commands {
		cmd.SysProcAttr = proc.DieWithParent()
		cmd.WaitDelay = time.Second
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
}

// in returns a command that runs in dir.
func in(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	return cmd
}
