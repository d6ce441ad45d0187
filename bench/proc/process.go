// Package proc builds, starts, measures and ends the programs that the load generator and the end-to-end tests look
// at from outside. A program dies with the one that started it.
package proc

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// Process is a running server.
type Process struct {
	URL string // where it listens, as it said itself

	cmd    *exec.Cmd
	stderr *tail
	exited chan struct{} // closed when the process is gone; err is set by then
	err    error
}

var serverURL = regexp.MustCompile(`(?:http|mongodb)://[^\s/"']+:\d+`)

// Start runs cmd and waits until it prints a URL to its standard output. The program's standard error is kept, the
// last of it, for Stderr.
func Start(cmd *exec.Cmd, wait time.Duration) (*Process, error) {
	p := &Process{cmd: cmd, stderr: &tail{}, exited: make(chan struct{})}
	cmd.Stderr = p.stderr
	cmd.SysProcAttr = DieWithParent()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	url := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if found := serverURL.FindString(lines.Text()); found != "" {
				url <- found
				break
			}
		}
		io.Copy(io.Discard, stdout) // a full pipe would stop the server
		p.err = cmd.Wait()
		close(p.exited)
	}()
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case p.URL = <-url:
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("%s ended at once: %v\n%s", filepath.Base(cmd.Path), p.err, p.Stderr())
	case <-timeout.C:
		p.Kill()
		return nil, fmt.Errorf("%s printed no URL within %v\n%s", filepath.Base(cmd.Path), wait, p.Stderr())
	}
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stderr is the last of what the program wrote to its standard error.
func (p *Process) Stderr() string { return p.stderr.String() }

// Stop asks the process to end (SIGTERM), and kills it when it has not within wait. The error says how it ended:
// nil for exit code 0. Stopping twice is fine.
func (p *Process) Stop(wait time.Duration) error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case <-p.exited:
		return p.err
	case <-timeout.C:
		p.Kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM", filepath.Base(p.cmd.Path), wait)
	}
}

// Exited is closed when the process is gone.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Signal sends a signal to the process; an error says that it is gone.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends the process at once (SIGKILL) and returns when it is gone.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// tail keeps the last of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 64 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if extra := len(t.buf) - tailSize; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
