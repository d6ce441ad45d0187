package e2e_test

import (
	"context"
	"os/exec"
	"testing"

	"github.com/parley-chat/parley/bench/proc"
)

// Two pages in Chromium, one with socket.io-client 2.5 and one with 4.8, from another origin than the server's.
func TestBrowser(t *testing.T) {
	need(t, "node", "npm", "chromium")
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	if err := proc.InstallNode("browser"); err != nil {
		t.Fatal(err)
	}
	s := start(t, t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), nodeWait)
	defer cancel()
	cmd := in(ctx, "browser", "node", "story.mjs", s.URL, chromium, t.TempDir())
	cmd.SysProcAttr = proc.DieWithParent()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\nthe server said: %s", err, out, s.Stderr())
	}
	t.Logf("%s", out)
}
