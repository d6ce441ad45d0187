package app

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/zishang520/socket.io/v2/socket"

	"github.com/parley-chat/parley/bench/sio"
)

// Ann types to Bob, leaves a program's namespace and asks to come back, all at once. The program takes its time over her
// leaving, and her connection waits for it; Bob sees her typing meanwhile.
func TestTypingDoesNotWaitForAProgram(t *testing.T) {
	s, url := embed(t, "PING_INTERVAL=10m") // a ping would take it along
	goOn := make(chan struct{})
	release := sync.OnceFunc(func() { close(goOn) })
	defer release()
	s.Sockets().Of("/slow", nil).On("connection", func(people ...any) {
		people[0].(*socket.Socket).On("disconnect", func(...any) { <-goOn })
	})
	_, annToken := register(t, url, "ann", "1001")
	bobID, bobToken := register(t, url, "bob", "1002")
	ann, bob := dial(t, url), dial(t, url)
	for conn, token := range map[*sio.Conn]string{ann: annToken, bob: bobToken} {
		if _, err := conn.Connect(map[string]string{"token": token}); err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(`420["login"]`))
		await(t, conn, "30[")
	}
	ann.Write([]byte("40/slow,"))
	await(t, ann, "0/slow,")

	ann.Write(fmt.Appendf(nil, `42["typing",{"to":%q}]`, bobID))
	ann.Write([]byte("41/slow,"))
	ann.Write([]byte("40/slow,"))
	if err := ann.Flush(); err != nil {
		t.Fatal(err)
	}
	await(t, bob, `2["typing",`)
	release()
	await(t, ann, "0/slow,")
}

// await reads until a packet comes that begins with want, and returns it.
func await(t *testing.T, conn *sio.Conn, want string) string {
	t.Helper()
	for {
		if packet := hear(t, conn); strings.HasPrefix(packet, want) {
			return packet
		}
	}
}
