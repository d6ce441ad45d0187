package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/parley-chat/parley/bench/proc"
)

// runToEnd runs Parley, which must end by itself, and returns its exit code and what it wrote.
func runToEnd(t *testing.T, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &out, &errs, proc.DieWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startWait)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Errorf("it did not end within %v", startWait)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// What keeps the server from starting is one line that names the setting, and exit code 1.
func TestStartupFailures(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, takenPort, _ := net.SplitHostPort(taken.Addr().String())
	for _, c := range []struct{ setting, says string }{
		{"PORT=http", "PORT"},
		{"PORT=70000", "PORT"},
		{"PORT=-1", "PORT"},
		{"PORT=" + takenPort, takenPort},
		{"MONGO_URI=mongodb://127.0.0.1:1/parley", "MongoDB"},
		{"MONGO_URI=postgres://127.0.0.1/parley", "MONGO_URI"},
		{"BCRYPT_COST=much", "BCRYPT_COST"},
		{"BCRYPT_COST=99", "BCRYPT_COST"},
		{"SOCKET_AUTH=maybe", "SOCKET_AUTH"},
		{"RATE_LIMITS=some", "RATE_LIMITS"},
		{"LOG_LEVEL=loud", "LOG_LEVEL"},
		{"DATA_DIR=/dev/null/data", "DATA_DIR"},
	} {
		t.Run(c.setting, func(t *testing.T) {
			code, stdout, stderr := runToEnd(t, command(t.TempDir(), c.setting))
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") || !strings.Contains(stderr, c.says) {
				t.Errorf("standard error is %q, want one line with %s", stderr, c.says)
			}
			if strings.Contains(stdout, "http://") {
				t.Errorf("it says that it serves: %q", stdout)
			}
		})
	}
}

// A database's password is in its URI, and must not reach the terminal.
func TestStartupFailureHidesThePassword(t *testing.T) {
	_, stdout, stderr := runToEnd(t, command(t.TempDir(), "MONGO_URI=mongodb://ann:hunter2@127.0.0.1:1/parley"))
	if strings.Contains(stdout+stderr, "hunter2") {
		t.Errorf("the password is in %q", stdout+stderr)
	}
}

func TestHelpListsEverySetting(t *testing.T) {
	cmd := command(t.TempDir())
	cmd.Args = append(cmd.Args, "--help")
	code, stdout, stderr := runToEnd(t, cmd)
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, standard error %q", code, stderr)
	}
	lines := strings.Split(stdout, "\n")
	for _, c := range []struct{ name, byDefault string }{
		{"HOST", ""}, {"PORT", "3000"}, {"DATA_DIR", "./data"}, {"TMP_DIR", "./tmp"}, {"MONGO_URI", ""}, {"REDIS_URL", ""},
		{"JWT_SECRET", ""}, {"PUBLIC_URL", ""}, {"TRUSTED_PROXIES", ""},
		{"CORS_ORIGINS", "*"}, {"SOCKET_AUTH", "required"}, {"RATE_LIMITS", "on"}, {"BCRYPT_COST", "1"}, {"LOG_LEVEL", "info"},
	} {
		found := false
		for _, line := range lines {
			fields := strings.Fields(line)
			found = found || len(fields) > 0 && fields[0] == c.name && strings.Contains(line, c.byDefault)
		}
		if !found {
			t.Errorf("--help has no line for %s with default %q:\n%s", c.name, c.byDefault, stdout)
		}
	}
}
