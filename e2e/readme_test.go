package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README's first example, pasted into a file as it is, runs. Only the address is the test server's.
func TestQuickStartWorksWhenPasted(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```js\n(.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("README.md has no ```js block to paste")
	}
	needNode(t)
	s := start(t, t.TempDir())
	example := strings.NewReplacer("http://localhost:3000", s.URL, "http://127.0.0.1:3000", s.URL).Replace(string(block[1]))
	if !strings.Contains(example, s.URL) {
		t.Fatalf("the example does not connect to http://localhost:3000:\n%s", example)
	}
	// A folder like the reader's: the example and what `npm install socket.io-client` brings.
	dir := t.TempDir()
	packages, err := filepath.Abs(filepath.Join("node", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(packages, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "chat.mjs")
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	sent := regexp.MustCompile(`message: "(.+?)"`).FindStringSubmatch(example)
	if sent == nil {
		t.Fatalf("the example sends no message:\n%s", example)
	}
	if out := node(t, file); !strings.Contains(out, sent[1]) {
		t.Errorf("the example does not show %q at its receiver:\n%s", sent[1], out)
	}
}
