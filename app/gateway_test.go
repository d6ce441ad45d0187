package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-chat/parley/gateway/gatewaytest"
)

// postUsChat sends JSON and returns the answer, which has status 200.
func postUsChat(t *testing.T, url string, body any) map[string]any {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(url, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", url, res.StatusCode, text)
	}
	return answer
}

// usChat logs in as UsChat's client does: over HTTP first, then where that says.
func usChat(t *testing.T, url, email string) (c *gatewaytest.Client, uid uint64) {
	t.Helper()
	a := postUsChat(t, url+"/user_login", map[string]string{"email": email, "passwd": "secret"})
	if a["error"] != 0.0 {
		t.Fatal(a)
	}
	uid = uint64(a["uid"].(float64))
	c = gatewaytest.Dial(t, net.JoinHostPort(a["chathost"].(string), a["chatport"].(string)))
	c.Login(uid, a["token"].(string))
	return c, uid
}

// Ann is at UsChat, Bob at Socket.IO. They become friends and chat, and are told apart by nothing but their doors.
func TestUsChatAndSocketIOAreOneChat(t *testing.T) {
	_, url := embed(t, "TCP_PORT=0")
	annID, _ := register(t, url, "ann", "1001")
	bobID, bobs := register(t, url, "bob", "1002")
	ann, annUID := usChat(t, url, "1001@example.com")
	bob := enter(t, url, bobs, "laptop")
	hears := func(begins string) string {
		t.Helper()
		for {
			if packet := hear(t, bob); strings.Contains(packet, begins) {
				return packet
			}
		}
	}

	found := ann.Ask(1007, map[string]string{"uid": "bob"}, 1008)
	ann.Ask(1009, map[string]any{"touid": found["uid"], "applyname": "It's Ann"}, 1010)
	if asked := hears(`"friend:asked"`); !strings.Contains(asked, annID) || !strings.Contains(asked, "It's Ann") {
		t.Errorf("Bob heard %s", asked)
	}
	bob.Write(fmt.Appendf(nil, `422["friend:answer",{"user":%q,"accept":true}]`, annID))
	hears(`32[{"ok":true`)
	if n := ann.Hears(1015); n["fromuid"] != found["uid"] || n["name"] != "bob" {
		t.Errorf("Ann heard %v", n)
	}

	ann.Ask(1017, map[string]any{"touid": found["uid"], "text_array": []any{map[string]string{"content": "hi Bob", "unique_id": "1"}}}, 1018)
	if heard := hears(`"newMessage"`); !strings.Contains(heard, `"f_id":"`+annID+`"`) || !strings.Contains(heard, `"message":"hi Bob"`) ||
		!strings.Contains(heard, `"seq":1`) {
		t.Errorf("Bob heard %s", heard)
	}
	bob.Write(fmt.Appendf(nil, `423["chat",{"form_id":%q,"toUserid":%q,"message":"hi Ann"}]`, bobID, annID))
	hears(`33[{"ok":true`)
	n := ann.Hears(1019)
	if said := gatewaytest.Chats(n, "chat_datas"); n["fromuid"] != found["uid"] || n["thread_id"] != found["uid"] || said[0]["content"] != "hi Ann" || said[0]["message_id"] != 2.0 {
		t.Errorf("Ann heard %v", n)
	}

	// A group that Ann makes is a room that Bob is in.
	group := ann.Ask(1101, map[string]any{"other_member": []any{found["uid"]}}, 1102)
	changed := hears(`"room:changed"`)
	ann.Ask(1017, map[string]any{"thread_id": group["thread_id"], "text_array": []any{map[string]string{"content": "hi all", "unique_id": "2"}}}, 1018)
	if heard := hears(`"hi all"`); !strings.Contains(heard, `"room":`) {
		t.Errorf("Bob heard %s after %s", heard, changed)
	}

	// Bob's own client of UsChat comes beside his laptop.
	his, _ := usChat(t, url, "1002@example.com")
	list := gatewaytest.Chats(his.Ask(1029, map[string]any{"thread_id": annUID}, 1030), "chat_datas")
	if len(list) != 2 || list[0]["msg_content"] != "hi Bob" || list[1]["msg_content"] != "hi Ann" {
		t.Errorf("his history: %v", list)
	}
	bob.Write([]byte(`424["friend:list"]`))
	hears(`34[{"ok":true`)
}

// Without TCP_PORT there is no door of UsChat, and its users are sent to where Socket.IO is.
func TestWithoutItsPortUsChatIsHTTPAlone(t *testing.T) {
	_, url := embed(t)
	register(t, url, "ann", "1001")
	a := postUsChat(t, url+"/user_login", map[string]string{"email": "1001@example.com", "passwd": "secret"})
	if got := net.JoinHostPort(a["chathost"].(string), a["chatport"].(string)); "http://"+got != url {
		t.Errorf("sent to %s, not to %s", got, url)
	}
}

// A server that ends tells UsChat's clients, and lets nobody in any more.
func TestUsChatHearsOfTheEnd(t *testing.T) {
	s, url := embed(t, "TCP_PORT=0")
	register(t, url, "ann", "1001")
	ann, _ := usChat(t, url, "1001@example.com")
	address := ann.Conn.RemoteAddr().String()
	done := make(chan error, 1)
	go func() { done <- s.Close(t.Context()) }()
	ann.Ends(1002)
	ann.Conn.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("somebody was let in")
	}
}

func TestTheSettingsOfUsChat(t *testing.T) {
	cfg, err := Load(environment("TCP_PORT=8090", "GATEWAY_HOST=::1", "GATEWAY_PASSWORDS=masked"))
	if err != nil || *cfg.TCPPort != 8090 || cfg.GatewayHost != "::1" || !cfg.GatewayMasked {
		t.Errorf("%+v, %v", cfg, err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	cfg, err = Load(environment("HOST=127.0.0.1", "TCP_PORT="+port, "DATA_DIR="+t.TempDir(), "TMP_DIR="+t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := New(t.Context(), cfg); err == nil {
		s.Close(t.Context())
		t.Error("a taken port is no error")
	} else if !strings.Contains(err.Error(), "TCP_PORT") {
		t.Error(err)
	}
}
