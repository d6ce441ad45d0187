// Package ferrettest holds the MongoDB engine to store/storetest, and to what a MongoDB engine alone must do. It is a
// module of its own, so that FerretDB is a dependency of these tests and of nothing else.
//
// Without MONGO_URI it runs on FerretDB, which speaks MongoDB's protocol and answers most of its commands: what passes
// there is not thereby tested on MongoDB. With MONGO_URI it runs on the server named there.
package ferrettest

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	parley "github.com/parley-chat/parley/store/mongo"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

const (
	mongoEnv  = "MONGO_URI"
	ferretEnv = "FERRETTEST_FERRETD" // the built command; children of the test find it there
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if os.Getenv(mongoEnv) != "" || os.Getenv(ferretEnv) != "" {
		return m.Run()
	}
	folder, err := os.MkdirTemp("", "ferrettest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	binary := filepath.Join(folder, "ferretd")
	if said, err := exec.Command("go", "build", "-o", binary, "./ferretd").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building ferretd: %v\n%s", err, said)
		return 1
	}
	os.Setenv(ferretEnv, binary)
	return m.Run()
}

// server returns the URI of a server that lives as long as the test: the one of MONGO_URI, or a FerretDB of its own.
func server(t testing.TB) string {
	t.Helper()
	if uri := os.Getenv(mongoEnv); uri != "" {
		return uri
	}
	uri, _ := startFerret(t, t.TempDir(), "127.0.0.1:0")
	return uri
}

// startFerret starts FerretDB over a folder. It ends with the test, or before when stop is called.
func startFerret(t testing.TB, folder, address string) (uri string, stop func()) {
	t.Helper()
	if os.Getenv(mongoEnv) != "" {
		t.Skip("this test needs a server that it can stop or stand in front of")
	}
	ferret := exec.Command(os.Getenv(ferretEnv), folder, address)
	ferret.Stderr = os.Stderr
	stdin, err := ferret.StdinPipe()
	noError(t, err)
	stdout, err := ferret.StdoutPipe()
	noError(t, err)
	noError(t, ferret.Start())
	stop = func() {
		stdin.Close()
		ferret.Process.Kill()
		ferret.Wait()
	}
	t.Cleanup(stop)
	uri, err = bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("FerretDB did not start: %v", err)
	}
	go io.Copy(io.Discard, stdout)
	return strings.TrimSpace(uri), stop
}

// fresh names a new database of a server in a URI, and drops it when the test ends.
func fresh(t testing.TB, server string) string {
	t.Helper()
	name := "parley_test_" + strings.NewReplacer("-", "x", "_", "y").Replace(chat.RandomID(9))
	base, query, _ := strings.Cut(server, "?")
	scheme, rest, _ := strings.Cut(base, "://")
	hosts, former, _ := strings.Cut(rest, "/")
	if strings.Contains(hosts, "@") && !strings.Contains(query, "authSource=") {
		query += "&authSource=" + cmp.Or(former, "admin") // the path says this too, and changes
	}
	uri := scheme + "://" + hosts + "/" + name + "?" + query
	t.Cleanup(func() {
		if err := raw(t, uri).Drop(context.Background()); err != nil {
			t.Errorf("dropping %s: %v", name, err)
		}
	})
	return uri
}

// raw is the database of a URI as the driver sees it, for looking behind the engine.
func raw(t testing.TB, uri string) *mongo.Database {
	t.Helper()
	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI(uri))
	noError(t, err)
	t.Cleanup(func() { client.Disconnect(context.Background()) })
	base, _, _ := strings.Cut(uri, "?")
	return client.Database(base[strings.LastIndex(base, "/")+1:])
}

func open(ctx context.Context, uri string) (*parley.Store, error) {
	return parley.Open(ctx, uri, slog.New(slog.DiscardHandler))
}

// opened is an open engine that closes with the test.
func opened(t testing.TB, uri string) *parley.Store {
	t.Helper()
	s, err := open(t.Context(), uri)
	noError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// noon is the moment at which the stories take place.
func noon() time.Time { return time.Date(2026, time.March, 4, 12, 0, 0, 123e6, time.UTC) }

func newUser() chat.UserID { return chat.NewUserID(noon()) }
