package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/parley-chat/parley/chat"
)

func wantRefused(t *testing.T, err error, words string) {
	t.Helper()
	if chat.CodeOf(err) != chat.Unavailable || !strings.Contains(chat.AsError(err).Message, words) {
		t.Errorf("refused with %v, want %q", err, words)
	}
}

// A folder belongs to one process, and the second is told so in words.
func TestFolderInUse(t *testing.T) {
	const env = "EMBEDDED_TEST_FOLDER"
	if dir := os.Getenv(env); dir != "" { // the other process
		_, err := Open(t.Context(), dir, nil)
		fmt.Println("refused:", err)
		return
	}
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), dir, nil)
	wantRefused(t, err, "the folder "+dir+" is in use by another process")

	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFolderInUse$")
	other.Env = append(os.Environ(), env+"="+dir)
	said, err := other.CombinedOutput()
	if want := "the folder " + dir + " is in use by another process"; err != nil || !strings.Contains(string(said), want) {
		t.Errorf("the other process said %q, error %v", said, err)
	}

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), dir, nil); err != nil {
		t.Fatalf("the folder is still locked: %v", err)
	}
	s.Close()
}

func TestFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	s, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode is %v, error %v", info.Mode(), err)
	}
}

func TestFolderRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("no folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), file, nil)
	wantRefused(t, err, "the folder "+file+" cannot be opened")

	dir := t.TempDir()
	s, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Set([]byte{kindVersion}, binary.AppendUvarint(nil, schema+1), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	s.Close()
	_, err = Open(t.Context(), dir, nil)
	wantRefused(t, err, "written by a newer version")
	_, err = Open(t.Context(), dir, nil)
	wantRefused(t, err, "written by a newer version") // the first try left no lock

	foreign := t.TempDir()
	db, err := pebble.Open(foreign, &pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Set([]byte("theirs"), nil, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	db.Close()
	_, err = Open(t.Context(), foreign, nil)
	wantRefused(t, err, "the data of another program")
}

func TestMemory(t *testing.T) {
	a, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := a.Append(t.Context(), []chat.Message{hello("1")}); err != nil {
		t.Fatal(err)
	}
	if got := len(read(t, a)); got != 1 {
		t.Errorf("%d messages, want 1", got)
	}
	if got := len(read(t, b)); got != 0 {
		t.Errorf("the other engine has %d messages of this one", got)
	}
}

// What was written with other tables than today's, by column and in small blocks, is read and added to.
func TestFolderOfFormerTables(t *testing.T) {
	dir := t.TempDir()
	o := options(vfs.Default, &logger{log: slog.New(slog.DiscardHandler), exit: os.Exit})
	o.Experimental.EnableColumnarBlocks = func() bool { return true }
	for i := range o.Levels {
		o.Levels[i].BlockSize = 4 << 10
	}
	db, err := pebble.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	first := hello("1")
	conv, err := parseConv(first.Conv)
	if err != nil {
		t.Fatal(err)
	}
	b := db.NewBatch()
	for key, value := range map[string][]byte{
		string(kindVersion):         binary.AppendUvarint(nil, schema),
		string(conv.message(1)):     encodeMessage(nil, &first),
		string(refKey(nil, &first)): encodeReceipt(nil, &conv, 1, first.At),
	} {
		if err := b.Set([]byte(key), value, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(b.Commit(pebble.Sync), db.Flush(), db.Close()); err != nil {
		t.Fatal(err)
	}

	s, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	receipts, err := s.Append(t.Context(), []chat.Message{first, hello("2")})
	if err != nil || !receipts[0].Repeat || receipts[0].Seq != 1 || receipts[1].Seq != 2 {
		t.Errorf("the former message's ref and a new message: %+v, %v", receipts, err)
	}
	if err := errors.Join(s.db.Flush(), s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s); len(got) != 2 || string(got[0].Body) != string(first.Body) || got[1].Ref != "2" {
		t.Errorf("read %+v", got)
	}
}

// A folder of version 1 has accounts without numbers, and knows no email in lower case. It is read as it is, and marked, so
// that version 1 does not read what is written into it from now on.
func TestFolderOfVersion1(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	const ann = chat.UserID("65e5c0800000000000000001")
	k, err := key(kindAccount, ann)
	if err != nil {
		t.Fatal(err)
	}
	b := s.db.NewBatch()
	for key, value := range map[string]string{
		string(kindVersion):                         "\x01",
		string(k):                                   `{"username":"Ann","email":"Ann@Example.org","phone":"","password":"x","created":"2025-03-04T12:00:00Z"}`,
		string(named(kindUsername, "Ann")):          string(k[1:]),
		string(named(kindEmail, "Ann@Example.org")): string(k[1:]),
	} {
		if err := b.Set([]byte(key), []byte(value), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(b.Commit(pebble.Sync), s.Close()); err != nil {
		t.Fatal(err)
	}

	if s, err = Open(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, email := range []string{"Ann@Example.org", "ann@example.org"} {
		a, err := s.AccountByEmail(t.Context(), email)
		if err != nil || a.ID != ann || a.Number != 0 {
			t.Errorf("%s: %+v, %v", email, a, err)
		}
	}
	if err := s.SetNumber(t.Context(), ann, 10_000_001); err != nil {
		t.Error(err)
	}
	if mark, _, err := s.get([]byte{kindVersion}); err != nil || string(mark) != string(binary.AppendUvarint(nil, schema)) {
		t.Errorf("the folder is marked %x, %v", mark, err)
	}
}
