package main

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/parley-chat/parley/app"
	"github.com/parley-chat/parley/bench/sio"
)

const answerWait = 30 * time.Second

// Ann, Bob and Carl are the load generator's clients; Carl joins no room.
func TestRoom(t *testing.T) {
	dir := t.TempDir()
	cfg, err := app.Load(func(name string) string {
		return map[string]string{"DATA_DIR": dir + "/data", "TMP_DIR": dir + "/tmp"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	parley, err := app.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	register(parley.Sockets())
	web := httptest.NewServer(parley.Handler())
	defer web.Close()
	defer func() {
		if err := parley.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()

	connect := func() (says, hears func(string)) {
		t.Helper()
		conn, err := sio.Open(t.Context(), web.URL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetReadDeadline(time.Now().Add(answerWait))
		says = func(packet string) {
			t.Helper()
			conn.Write([]byte("4" + packet))
			if err := conn.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		hears = func(want string) {
			t.Helper()
			if packet, err := conn.Read(); err != nil || string(packet[:min(len(packet), len(want))]) != want {
				t.Fatalf("%q, %v; not %q", packet, err, want)
			}
		}
		says("0/bench,")
		hears(`0/bench,{"sid":`)
		return says, hears
	}
	ann, annHears := connect()
	bob, bobHears := connect()
	carl, carlHears := connect()

	ann(`2/bench,1["join","kitchen"]`)
	annHears(`3/bench,1[{"ok":true}]`)
	bob(`2/bench,1["join","kitchen"]`)
	bobHears(`3/bench,1[{"ok":true}]`)
	ann(`2/bench,2["say","kitchen","hello"]`)
	annHears(`2/bench,["said","hello"]`)
	annHears(`3/bench,2[{"ok":true}]`)
	bobHears(`2/bench,["said","hello"]`)

	carl(`2/bench,["say","kitchen","no ack"]`)
	annHears(`2/bench,["said","no ack"]`)
	bobHears(`2/bench,["said","no ack"]`)
	for _, bad := range []string{`["say","kitchen"]`, `["say","kitchen",7]`, `["join"]`, `["join",{}]`, `["join","a","b"]`} {
		carl("2/bench,3" + bad)
		carlHears(`3/bench,3[{"ok":false}]`)
	}
}
