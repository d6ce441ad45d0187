package app

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

// parley runs a command on the data in dir as the program does, and returns what it wrote.
func parley(t *testing.T, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, environment("DATA_DIR="+dir, "TMP_DIR="+filepath.Join(t.TempDir(), "tmp"), "BCRYPT_COST=4"), &out, &errs)
	return out.String(), errs.String(), code
}

// wantDone runs a command that must succeed.
func wantDone(t *testing.T, dir string, args ...string) (stdout string) {
	t.Helper()
	out, errs, code := parley(t, dir, args...)
	if code != 0 {
		t.Fatalf("parley %s: exit %d, %s", args, code, errs)
	}
	return out
}

// hello is a message from one user to another.
func hello(from, to chat.UserID, text string) chat.Message {
	return chat.Message{
		Conv: chat.DirectConv(from, to), Sender: from, To: to, Type: "text", Body: fmt.Appendf(nil, "%q", text),
		At: time.Now().Truncate(time.Millisecond),
	}
}

// withoutHeader is an archive from its second line on: the first says when it was made.
func withoutHeader(archive string) string {
	_, rest, _ := strings.Cut(archive, "\n")
	return rest
}

// talking has Ann and Bob at a running server, and n messages.
func talking(t *testing.T, n int) (s *Server, ann, bob chat.UserID, token string) {
	t.Helper()
	s, url := embed(t)
	a, token := register(t, url, "ann", "1001")
	b, _ := register(t, url, "bob", "1002")
	ann, bob = chat.UserID(a), chat.UserID(b)
	for i := range n {
		if _, err := s.store.Append(t.Context(), []chat.Message{hello(ann, bob, fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	return s, ann, bob, token
}

func TestDataMovesBesideARunningServer(t *testing.T) {
	s, _, _, _ := talking(t, 500)
	file := filepath.Join(t.TempDir(), "all.ndjson")
	wantDone(t, s.cfg.DataDir, "export", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the archive is open to others: %v, %v", info.Mode(), err)
	}
	archive, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := wantDone(t, s.cfg.DataDir, "export"); withoutHeader(got) != withoutHeader(string(archive)) {
		t.Error("to the standard output goes something else")
	}

	// Into a folder that no server runs on, twice, and into a running server.
	idle := filepath.Join(t.TempDir(), "idle")
	running, _ := embed(t)
	for _, dir := range []string{idle, idle, running.cfg.DataDir} {
		said := wantDone(t, dir, "import", file)
		if !strings.Contains(said, "messages 500") {
			t.Errorf("import said %q", said)
		}
		if got := wantDone(t, dir, "export", "-"); withoutHeader(got) != withoutHeader(string(archive)) {
			t.Errorf("%s has something else", dir)
		}
	}
}

func TestWhatGoesWrongIsSaidInOneLine(t *testing.T) {
	s, ann, bob, _ := talking(t, 3)
	dir := t.TempDir()
	file := filepath.Join(dir, "all.ndjson")
	wantDone(t, s.cfg.DataDir, "export", file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut.ndjson")
	if err := os.WriteFile(cut, whole[:len(whole)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	other, _ := embed(t)
	if _, err := other.store.Append(t.Context(), []chat.Message{hello(ann, bob, "not the same")}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir   string
		args  []string
		words string
	}{
		{s.cfg.DataDir, []string{"import", cut}, "cannot be read at line"},
		{other.cfg.DataDir, []string{"import", file}, "is there already, and is another"},
		{s.cfg.DataDir, []string{"import", filepath.Join(dir, "missing")}, "no such file"},
		{s.cfg.DataDir, []string{"export", filepath.Join(dir, "missing", "file")}, "no such file"},
		{s.cfg.DataDir, []string{"export", "a", "b"}, "usage: parley export [FILE]"},
		{s.cfg.DataDir, []string{"export", "--help"}, "usage: parley export [FILE]"},
		{s.cfg.DataDir, []string{"import", "-x"}, "usage: parley import [FILE]"},
		{s.cfg.DataDir, []string{"backup"}, "usage: parley backup DIR"},
		{s.cfg.DataDir, []string{"backup", dir}, "is not empty"},
		{s.cfg.DataDir, []string{"backup", filepath.Join(s.cfg.DataDir, "here")}, "is inside of DATA_DIR"},
		{s.cfg.DataDir, []string{"migrate-node"}, "usage: parley migrate-node"},
		{s.cfg.DataDir, []string{"migrate-node", "--from", "localhost"}, "not the address of a MongoDB"},
		{s.cfg.DataDir, []string{"migrate-node", "--from", "mongodb://x/y", "--pictures", filepath.Join(dir, "missing")}, "no such file"},
		{s.cfg.DataDir, []string{"migrate-node", "--from=mongodb://x/y", "more"}, "usage: parley migrate-node"},
	} {
		_, errs, code := parley(t, c.dir, c.args...)
		lines := strings.Split(strings.TrimSpace(errs), "\n")
		if last := lines[len(lines)-1]; code != 1 || !strings.HasPrefix(last, "parley: ") || !strings.Contains(last, c.words) {
			t.Errorf("parley %s: exit %d, %q", c.args, code, errs)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestABackupIsWholeAlthoughEverybodyTalks(t *testing.T) {
	s, ann, bob, token := talking(t, 10)
	picture := filepath.Join(s.cfg.DataDir, "img", "0123456789abcdef0123456789abcdef.png")
	if err := os.WriteFile(picture, []byte("a picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var talk sync.WaitGroup
	var mu sync.Mutex
	acked := uint64(10)
	enough := make(chan struct{}) // that a backup finds them in the midst of it
	for range 4 {
		talk.Go(func() {
			for ctx.Err() == nil {
				receipts, err := s.store.Append(context.Background(), []chat.Message{hello(ann, bob, "under load")})
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				mu.Lock()
				if acked = max(acked, receipts[0].Seq); receipts[0].Seq == 200 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	dir := filepath.Join(t.TempDir(), "backup")
	mu.Lock()
	before := acked
	mu.Unlock()
	wantDone(t, s.cfg.DataDir, "backup", dir)
	stop()
	talk.Wait()

	copied, err := embedded.Open(t.Context(), filepath.Join(dir, "engine"), nil)
	if err != nil {
		t.Fatal(err)
	}
	last, next := uint64(0), uint64(1)
	for {
		page, err := copied.Since(t.Context(), chat.DirectConv(ann, bob), last, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			if m.Seq != next {
				t.Fatalf("number %d stands where %d belongs", m.Seq, next)
			}
			last, next = m.Seq, next+1
		}
	}
	if last < before {
		t.Errorf("the copy ends at %d, %d was acknowledged before", last, before)
	}
	copied.Close()

	// A server starts on it, knows Ann by the token she has, and has the picture.
	restored, url := embed(t, "DATA_DIR="+dir)
	if _, _, err := restored.accounts.Authenticate(t.Context(), token); err != nil {
		t.Errorf("Ann's token: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "img", filepath.Base(picture))); string(got) != "a picture" {
		t.Errorf("the picture: %q, %v", got, err)
	}
	register(t, url, "carl", "1003")
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the backup is open to others: %v, %v", info.Mode(), err)
	}
	// Into a folder that is there and empty, and without a server.
	s.Close(t.Context())
	empty := t.TempDir()
	wantDone(t, s.cfg.DataDir, "backup", empty)
	if _, err := os.Stat(filepath.Join(empty, "secret")); err != nil {
		t.Error(err)
	}
}

func TestTheControlSocketIsNobodyElses(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	for _, dir := range []string{filepath.Join(t.TempDir(), "data"), long} {
		s, _ := embed(t, "DATA_DIR="+dir)
		for path, mode := range map[string]fs.FileMode{"control": 0o700, "control/socket": 0o600} {
			if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v", path, info, err)
			}
		}
		if _, errs, code := parley(t, dir, "export"); code != 0 {
			t.Errorf("through the socket: %s", errs)
		}
		// The socket of a server that is gone is in nobody's way.
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, errs, code := parley(t, dir, "export"); code != 0 {
			t.Errorf("without a server: %s", errs)
		}
		again, _ := embed(t, "DATA_DIR="+dir)
		if _, errs, code := parley(t, dir, "export"); code != 0 {
			t.Errorf("after a restart: %s", errs)
		}
		again.Close(t.Context())
	}
}

// A request that comes while the server goes down finds no engine that is closed under it.
func TestNoJobBeginsOnceTheEngineCloses(t *testing.T) {
	s, _, _, _ := talking(t, 1)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	s.control.serve(&worker{cfg: s.cfg, store: s.store, log: s.log, now: time.Now}, answer, httptest.NewRequest("POST", "/export", nil))
	if answer.Code != http.StatusServiceUnavailable {
		t.Errorf("answered %d %q", answer.Code, answer.Body)
	}
}
