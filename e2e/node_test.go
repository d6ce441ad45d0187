package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/proc"
)

// nodeWait is longer than the scripts' own deadlines: they say where they are stuck.
const nodeWait = 5 * time.Minute

// needNode skips the test where Node is missing, except in continuous integration.
func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("node is missing, and CI must run this")
	}
	t.Skip("skipped: no node")
}

// node runs a script with the packages of e2e/node, and returns what it printed. It must end with exit code 0.
func node(t *testing.T, script string, args ...string) string {
	t.Helper()
	if err := proc.InstallNode("node"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(script); err != nil { // also tells go test that the outcome depends on the script
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), nodeWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, args...)...)
	cmd.SysProcAttr = proc.DieWithParent()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", script, err, out)
	}
	return string(out)
}

func TestStory(t *testing.T) {
	needNode(t)
	for _, transports := range []string{"polling", "websocket", "polling,websocket"} {
		t.Run(transports, func(t *testing.T) {
			s := start(t, t.TempDir())
			node(t, filepath.Join("node", "story.mjs"), s.URL, transports)
		})
	}
}

// Fewer over polling: each poll is a request, and the road is the same.
func TestBurst(t *testing.T) {
	needNode(t)
	for _, c := range []struct{ transport, count string }{{"websocket", "50000"}, {"polling", "10000"}} {
		t.Run(c.transport, func(t *testing.T) {
			s := start(t, t.TempDir())
			t.Log(node(t, filepath.Join("node", "burst.mjs"), s.URL, c.transport, c.count))
		})
	}
}
