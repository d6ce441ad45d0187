package sio

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// serve accepts one WebSocket and hands it to script, which plays the server.
func serve(t *testing.T, script func(net.Conn)) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-done })
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := ws.Upgrade(conn); err != nil {
			t.Error(err)
			return
		}
		script(conn)
	}()
	return "http://" + ln.Addr().String()
}

func say(t *testing.T, conn net.Conn, frame string) {
	if err := wsutil.WriteServerText(conn, []byte(frame)); err != nil {
		t.Error(err)
	}
}

func hear(t *testing.T, conn net.Conn, want string) {
	if got, err := wsutil.ReadClientText(conn); err != nil || string(got) != want {
		t.Errorf("the client said %q, %v; want %q", got, err, want)
	}
}

func TestConversation(t *testing.T) {
	long := strings.Repeat("é", 40_000)
	url := serve(t, func(conn net.Conn) {
		say(t, conn, `0{"sid":"x"}`)
		hear(t, conn, `40{"token":"ann"}`)
		say(t, conn, `40{"sid":"socket"}`)
		hear(t, conn, `421["chat","`+long+`"]`)
		say(t, conn, "2")
		hear(t, conn, "3")
		say(t, conn, `431[{"ok":true}]`)
		ws.WriteFrame(conn, ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "bye")))
	})
	c, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if sid, err := c.Connect(map[string]string{"token": "ann"}); err != nil || sid != "socket" {
		t.Fatalf("sid %q, %v", sid, err)
	}
	c.Write([]byte(`421["chat","` + long + `"]`))
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if packet, err := c.Read(); err != nil || string(packet) != `31[{"ok":true}]` {
		t.Fatalf("packet %q, %v", packet, err)
	}
	var closed *ClosedError
	if _, err := c.Read(); !errors.As(err, &closed) || closed.Code != 1001 || closed.Reason != "bye" {
		t.Fatalf("%v: want the close frame", err)
	}
}

func TestConnectRefused(t *testing.T) {
	url := serve(t, func(conn net.Conn) {
		say(t, conn, `0{"sid":"x"}`)
		hear(t, conn, `40{}`)
		say(t, conn, `44{"message":"not today"}`)
	})
	c, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var refused *RefusedError
	if _, err := c.Connect(struct{}{}); !errors.As(err, &refused) || refused.Message != "not today" {
		t.Fatalf("%v: want the refusal", err)
	}
}
