package sio

import (
	"net"
	"strings"
	"testing"
	"time"
)

func TestAsker(t *testing.T) {
	url := serve(t, func(conn net.Conn) {
		say(t, conn, `0{"sid":"x"}`)
		hear(t, conn, `421["sync",{"limit":1}]`)
		say(t, conn, `42["newMessage",{"seq":1}]`)
		say(t, conn, `4312[{"ok":true,"more":false}]`) // another's
		say(t, conn, `431[{"ok":true,"more":true}]`)
		hear(t, conn, `422["sync",null]`)
		say(t, conn, `432[{"ok":false,"error":{"code":"invalid"}}]`)
	})
	conn, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a := Asker{Conn: conn, Wait: 10 * time.Second}
	var answer struct{ More bool }
	if err := a.Ask("sync", map[string]int{"limit": 1}, &answer); err != nil || !answer.More {
		t.Errorf("%+v, %v", answer, err)
	}
	if err := a.Ask("sync", nil, &answer); err == nil || !strings.Contains(err.Error(), `sync: {"ok":false,"error":{"code":"invalid"}}`) {
		t.Errorf("refused: %v", err)
	}
}
