// Package e2e_test looks at the server from outside: it builds the binary, starts it as a user would, and talks to it
// with the official Socket.IO client in Node and with raw sockets. It knows the wire contract and nothing of the code.
package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/parley-chat/parley/app" // so that go test does not call an outcome cached when the server has changed
	"github.com/parley-chat/parley/bench/proc"
)

// binaryEnv names the binary under test. Set it to run the suite against one that is built already.
const binaryEnv = "PARLEY_BINARY"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(binaryEnv) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "parley-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "parley")
	if err := proc.Build(binary, proc.Module, buildFlags()...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv(binaryEnv, binary)
	return m.Run()
}
