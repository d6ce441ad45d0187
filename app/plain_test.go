package app

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/parley-chat/parley/bench/sio"
)

// Ann is at Socket.IO, Bob at the room chat's plain WebSocket. They talk in one room; a device that is kicked at
// one door ends at the other, and so do both with the server.
func TestRoomChatMeetsSocketIO(t *testing.T) {
	s, url := embed(t)
	_, annToken := register(t, url, "ann", "1001")
	post(t, url+"/account/register", "", `{"account":"bob","password":"secret","email":"bob@example.com","username":"Bob"}`)
	_, answer := post(t, url+"/account/login", "", `{"account":"bob","password":"secret"}`)
	bobToken := between(answer, `"token":"`, `"`)
	_, answer = post(t, url+"/account/member/profile", bobToken, ``)
	bobID := between(answer, `"id":"`, `"`)

	ann, bobsPhone := enter(t, url, annToken, "phone"), enter(t, url, bobToken, "phone")
	ask(t, ann, 1, fmt.Sprintf(`["room:create",{"name":"garden","members":[%q]}]`, bobID))
	room := between(await(t, ann, `31[`), `"room":"`, `"`)
	bob := dialPlain(t, url, "/ws/bob?token="+bobToken)

	ask(t, ann, 2, fmt.Sprintf(`["chat",{"room":%q,"message":"hello"}]`, room))
	for heard := ""; !strings.Contains(heard, `"context":"hello"`); {
		heard = read(t, bob)
		if !strings.Contains(heard, `"Sender":"ann"`) || !strings.Contains(heard, `"roomId":"`+room+`"`) {
			t.Errorf("Bob hears %s", heard)
		}
	}
	write(t, bob, fmt.Sprintf(`{"Msg":"good day","RoomId":%q}`, room))
	for packet := hear(t, ann); !strings.Contains(packet, `"message":"good day"`); packet = hear(t, ann) {
	}
	if heard := read(t, bob); !strings.Contains(heard, `"Sender":"bob"`) || !strings.Contains(heard, `"context":"good day"`) {
		t.Errorf("Bob hears %s", heard)
	}

	// His plain WebSocket is a device like any other, and can be kicked from his phone.
	ask(t, bobsPhone, 3, `["device:list"]`)
	list := await(t, bobsPhone, `33[`)
	device := "ws:" + between(list, `"device":"ws:`, `"`)
	ask(t, bobsPhone, 4, fmt.Sprintf(`["device:kick",{"device":%q}]`, device))
	if code := closed(t, bob); code != ws.StatusPolicyViolation {
		t.Errorf("the kicked device is closed with %d", code)
	}

	anns := dialPlain(t, url, "/ws/ann?token="+annToken)
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Close(ctx) }()
	if code := closed(t, anns); code != ws.StatusGoingAway {
		t.Errorf("at the end Ann is closed with %d", code)
	}
	ann.Close()
	bobsPhone.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// ask emits an event that is answered.
func ask(t *testing.T, conn *sio.Conn, ack int, event string) {
	t.Helper()
	conn.Write(fmt.Appendf(nil, "42%d%s", ack, event))
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}

// between returns what stands between two texts.
func between(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, _ = strings.Cut(s, after)
	return s
}

func dialPlain(t *testing.T, url, path string) net.Conn {
	t.Helper()
	conn, _, _, err := ws.Dialer{Timeout: answerWait}.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http")+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(2 * answerWait))
	return conn
}

func read(t *testing.T, conn net.Conn) string {
	t.Helper()
	text, err := wsutil.ReadServerText(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if err := wsutil.WriteClientText(conn, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// closed waits for the close frame, and hangs up.
func closed(t *testing.T, conn net.Conn) ws.StatusCode {
	t.Helper()
	for {
		f, err := ws.ReadFrame(conn)
		if err != nil {
			t.Fatal(err)
		}
		if f.Header.OpCode == ws.OpClose {
			conn.Close()
			code, _ := ws.ParseCloseFrameData(f.Payload)
			return code
		}
	}
}
