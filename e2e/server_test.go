package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/proc"
)

const (
	startWait  = 30 * time.Second
	answerWait = 10 * time.Second // for any one answer; far above what one takes
	testWait   = 4 * time.Minute  // for all that one connection does in a test
	drainTime  = 10 * time.Second // what the server has to end after SIGTERM
)

// server is a running Parley.
type server struct {
	*proc.Process
	t      *testing.T
	born   int // accounts registered, to name the next
	killed bool
}

// start runs Parley on data in dir, on any free port, with further settings NAME=value. The test's end stops it.
func start(t *testing.T, dir string, settings ...string) *server {
	t.Helper()
	p, err := proc.Start(command(dir, settings...), startWait)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Process: p, t: t}
	t.Cleanup(s.stop)
	return s
}

// command is how Parley is run: in a clean environment, so that no setting of the machine reaches it.
func command(dir string, settings ...string) *exec.Cmd {
	cmd := exec.Command(os.Getenv(binaryEnv))
	cmd.Dir = dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOST=127.0.0.1", "PORT=0", "DATA_DIR=" + filepath.Join(dir, "data"),
		"BCRYPT_COST=4", "RATE_LIMITS=off", "LOG_LEVEL=warn",
	}, settings...)
	return cmd
}

// stop ends the server as an operator does; the test fails unless that goes well and in time. Twice is fine.
func (s *server) stop() {
	s.t.Helper()
	if s.killed {
		return
	}
	if err := s.Stop(drainTime); err != nil {
		s.t.Errorf("the server ended with %v\n%s", err, s.Stderr())
	}
}

// kill ends the server as a power cut does.
func (s *server) kill() {
	s.Kill()
	s.killed = true
}

// account is a registered user.
type account struct {
	name, id, token string
}

// register makes an account whose name begins with name.
func (s *server) register(name string) account {
	s.t.Helper()
	s.born++
	name = fmt.Sprintf("%s %d", name, s.born)
	var answer struct {
		Token    string
		UserInfo struct{ UserID string }
	}
	status, body := s.post("/toregister", "", map[string]string{
		"username": name, "password": "secret",
		"email": fmt.Sprintf("user%d@example.com", s.born), "phoneNum": fmt.Sprint(1000 + s.born),
	})
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK || answer.Token == "" {
		s.t.Fatalf("/toregister answered %d: %s", status, body)
	}
	return account{name, answer.UserInfo.UserID, answer.Token}
}

// post sends JSON: body as it is when it is a string, else marshalled.
func (s *server) post(path, token string, body any) (status int, answer []byte) {
	s.t.Helper()
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		text = string(b)
	}
	return s.do(http.MethodPost, path, token, "application/json", strings.NewReader(text))
}

func (s *server) get(path, token string) (status int, answer []byte) {
	s.t.Helper()
	return s.do(http.MethodGet, path, token, "", nil)
}

func (s *server) do(method, path, token, contentType string, body io.Reader) (status int, answer []byte) {
	s.t.Helper()
	res := s.request(method, path, token, contentType, body)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode, answer
}

// request sends a request; the caller closes the answer's body. The path may be an absolute URL of this server.
func (s *server) request(method, path, token, contentType string, body io.Reader) *http.Response {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	s.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, s.URL+strings.TrimPrefix(path, s.URL), body)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return res
}
