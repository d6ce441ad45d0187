package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/parley-chat/parley/bench/proc"
	"github.com/parley-chat/parley/gateway/gatewaytest"
)

// inBurst is how many messages each of three says at once.
const inBurst = 100

// line is what the program bridge.cjs tells.
type line struct {
	Ack *struct {
		OK  bool
		Seq uint64
	}
	Event   string
	Payload struct {
		FID     string `json:"f_id"`
		User    string
		Note    string
		Room    string
		Message json.RawMessage
		Seq     uint64
	}
}

// bridged is somebody at socket.io-client 2.5.
type bridged struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

func bridge(t *testing.T, url, token string) *bridged {
	t.Helper()
	c := nodeClient("node-2.5", "3")
	c.run = func(ctx context.Context, dir string) *exec.Cmd {
		cmd := in(ctx, "clients", "node", "bridge.cjs")
		cmd.Env = append(cmd.Environ(), "CLIENT_DIR="+dir, "URL="+url, "TOKEN="+token)
		return cmd
	}
	ctx, cancel := context.WithTimeout(context.Background(), testWait)
	cmd := c.setUp(t)(ctx)
	cmd.SysProcAttr = proc.DieWithParent()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); cancel(); _ = cmd.Wait() })
	b := &bridged{t, stdin, bufio.NewScanner(stdout)}
	b.emits("login", map[string]string{"device": "old phone"})
	b.until(func(l line) bool { return l.Ack != nil && l.Ack.OK })
	return b
}

func (b *bridged) emits(event string, argument any) {
	b.t.Helper()
	text, err := json.Marshal([]any{event, argument})
	if err == nil {
		_, err = fmt.Fprintf(b.in, "%s\n", text)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// until returns the first line that fits.
func (b *bridged) until(fits func(line) bool) line {
	b.t.Helper()
	for b.out.Scan() {
		var l line
		if err := json.Unmarshal(b.out.Bytes(), &l); err != nil {
			b.t.Fatalf("%s: %v", b.out.Bytes(), err)
		}
		if fits(l) {
			return l
		}
	}
	b.t.Fatalf("the client has ended: %v", b.out.Err())
	return line{}
}

// ear is what one of the three heard of the others, by its number, in order.
type ear struct {
	who   string
	seqs  []uint64
	texts map[uint64]string
}

// hear takes a message, and tells whether all of the others' have come.
func (e *ear) hear(t *testing.T, seq uint64, text string) (done bool) {
	t.Helper()
	if strings.HasPrefix(text, "burst of ") && !strings.HasPrefix(text, "burst of "+e.who) {
		if n := len(e.seqs); n > 0 && seq <= e.seqs[n-1] {
			t.Errorf("%s hears %d after %d", e.who, seq, e.seqs[n-1])
		}
		e.seqs = append(e.seqs, seq)
		e.texts[seq] = text
	}
	return len(e.seqs) == 2*inBurst
}

// Ann is at UsChat's TCP door, Bob at socket.io-client 2.5, Carl at the plain WebSocket. Ann and Bob become friends and talk;
// then the three talk at once in a group of Ann's, and each hears all of the others', in his own words and in one order.
func TestThreeDoorsHearOneOrder(t *testing.T) {
	s := start(t, t.TempDir(), "TCP_PORT=0")
	annMail := fmt.Sprintf("user%d@example.com", s.born+1)
	annIs, bobIs, carlIs := s.register("Ann"), s.register("Bob"), s.register("Carl")
	bob := bridge(t, s.URL, bobIs.token)
	ann := uschatLogin(t, s, annMail)
	carl, _, _, err := ws.Dialer{Timeout: answerWait}.Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http")+"/ws/"+carlIs.id+"?token="+carlIs.token)
	if err != nil {
		t.Fatal(err)
	}
	defer carl.Close()
	carl.SetDeadline(time.Now().Add(testWait))

	uid := ann.Ask(1007, gatewaytest.Object{"uid": bobIs.name}, 1008)["uid"]
	carlUID := ann.Ask(1007, gatewaytest.Object{"uid": carlIs.name}, 1008)["uid"]
	ann.Ask(1009, gatewaytest.Object{"touid": uid, "applyname": "It's Ann"}, 1010)
	asked := bob.until(func(l line) bool { return l.Event == "friend:asked" })
	if asked.Payload.User != annIs.id || asked.Payload.Note != "It's Ann" {
		t.Errorf("Bob is asked %+v", asked.Payload)
	}
	bob.emits("friend:answer", map[string]any{"user": annIs.id, "accept": true})
	if yes := ann.Hears(1015); yes["fromuid"] != uid {
		t.Errorf("Ann is answered %v", yes)
	}
	ann.Ask(1017, gatewaytest.Object{"touid": uid, "text_array": []any{gatewaytest.Object{"content": "hi Bob", "unique_id": "1"}}}, 1018)
	if heard := bob.until(func(l line) bool { return l.Event == "newMessage" }).Payload; heard.FID != annIs.id || string(heard.Message) != `"hi Bob"` {
		t.Errorf("Bob hears %+v", heard)
	}
	bob.emits("chat", map[string]any{"form_id": bobIs.id, "toUserid": annIs.id, "data": "hi Ann"})
	if n := ann.Hears(1019); n["fromuid"] != uid || gatewaytest.Chats(n, "chat_datas")[0]["content"] != "hi Ann" {
		t.Errorf("Ann hears %v", n)
	}

	group := ann.Ask(1101, gatewaytest.Object{"other_member": []any{uid, carlUID}, "group_name": "Lunch"}, 1102)["thread_id"]
	room := bob.until(func(l line) bool { return l.Event == "room:changed" }).Payload.Room
	text := func(who string, i int) string { return fmt.Sprintf("burst of %s, %03d", who, i) }
	failed := make(chan error, 2)
	go func() {
		for i := range inBurst {
			body, err := json.Marshal(gatewaytest.Object{
				"thread_id": group, "text_array": []any{gatewaytest.Object{"content": text("Ann", i), "unique_id": fmt.Sprint("b", i)}},
			})
			if err == nil {
				_, err = ann.Conn.Write(gatewaytest.Frame(1017, uint16(len(body)), string(body)))
			}
			if err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	go func() {
		for i := range inBurst {
			if err := wsutil.WriteClientText(carl, fmt.Appendf(nil, `{"Msg":%q,"RoomId":%q}`, text("Carl", i), room)); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	for i := range inBurst {
		bob.emits("chat", map[string]any{"room": room, "message": text("Bob", i)})
	}
	ears := []*ear{{who: "Ann"}, {who: "Bob"}, {who: "Carl"}}
	for _, e := range ears {
		e.texts = map[uint64]string{}
	}
	for done := false; !done; {
		id, o, err := ann.Next()
		if err != nil {
			t.Fatal(err)
		}
		if id == 1019 && o["thread_id"] == group {
			for _, c := range gatewaytest.Chats(o, "chat_datas") {
				done = ears[0].hear(t, uint64(c["message_id"].(float64)), c["content"].(string))
			}
		}
	}
	bob.until(func(l line) bool {
		var said string
		if l.Event != "newMessage" || l.Payload.Room != room || json.Unmarshal(l.Payload.Message, &said) != nil {
			return false // a system message is an object
		}
		return ears[1].hear(t, l.Payload.Seq, said)
	})
	for done := false; !done; {
		heard, err := wsutil.ReadServerText(carl)
		var m struct {
			Context string
			Seq     uint64
			RoomID  string `json:"roomId"`
		}
		if err == nil {
			err = json.Unmarshal(heard, &m)
		}
		if err != nil || m.RoomID != room {
			t.Fatalf("Carl hears %s, %v", heard, err)
		}
		done = ears[2].hear(t, m.Seq, m.Context)
	}
	for range 2 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	whole := map[uint64]string{}
	for _, e := range ears {
		for seq, text := range e.texts {
			if other, ok := whole[seq]; ok && other != text {
				t.Errorf("number %d is %q, and to %s %q", seq, other, e.who, text)
			}
			whole[seq] = text
		}
	}
	if len(whole) != 3*inBurst {
		t.Errorf("%d numbers of %d messages", len(whole), 3*inBurst)
	}
}

// uschatLogin logs in as UsChat's client does.
func uschatLogin(t *testing.T, s *server, email string) *gatewaytest.Client {
	t.Helper()
	_, body := s.post("/user_login", "", map[string]string{"email": email, "passwd": "secret"})
	var a struct {
		UID                       uint64
		Token, ChatHost, ChatPort string
	}
	if err := json.Unmarshal(body, &a); err != nil || a.Token == "" {
		t.Fatalf("/user_login: %s", body)
	}
	c := gatewaytest.Dial(t, net.JoinHostPort(a.ChatHost, a.ChatPort))
	c.Login(a.UID, a.Token)
	return c
}
