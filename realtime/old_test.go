package realtime_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/parley-chat/parley/chat"
)

// veteran is a front end of 2016: Socket.IO 2 over Engine.IO 3, packet by packet.
type veteran struct {
	house   *house
	t       *testing.T
	sid     string
	waiting []string
	say     func(packet string)
	listen  func() []string // returns the next packets
}

// come3 connects by polling, or by WebSocket. The token is in the query, where such clients put it.
func (h *house) come3(transport, token string) *veteran {
	h.t.Helper()
	query := "?EIO=3&b64=1&transport=" + transport + "&token=" + url.QueryEscape(token)
	v := &veteran{house: h, t: h.t}
	if transport == "websocket" {
		v.bySocket(query)
	} else {
		v.byPolls(query)
	}
	var opening struct{ SID string }
	decode(v.t, v.await("0{")[1:], &opening)
	v.sid = opening.SID
	return v
}

func (v *veteran) bySocket(query string) {
	conn, early, _, err := ws.Dial(v.t.Context(), "ws"+strings.TrimPrefix(v.house.url, "http")+"/socket.io/"+query)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(answerWait))
	if early == nil {
		early = bufio.NewReader(conn)
	}
	v.listen = func() []string {
		data, _, err := wsutil.ReadServerData(struct {
			io.Reader
			io.Writer
		}{early, conn})
		if err != nil {
			v.t.Fatal(err)
		}
		return []string{string(data)}
	}
	v.say = func(packet string) {
		if err := wsutil.WriteClientText(conn, []byte(packet)); err != nil {
			v.t.Fatal(err)
		}
	}
}

func (v *veteran) byPolls(query string) {
	ask := func(method, body string) string {
		request, err := http.NewRequestWithContext(v.t.Context(), method, v.house.url+"/socket.io/"+query+"&sid="+v.sid, strings.NewReader(body))
		if err != nil {
			v.t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			v.t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			v.t.Fatalf("%d %q, %v", response.StatusCode, answer, err)
		}
		return string(answer)
	}
	v.listen = func() (packets []string) {
		for rest := ask("GET", ""); rest != ""; {
			length, tail, _ := strings.Cut(rest, ":")
			n, err := strconv.Atoi(length)
			if err != nil || n > len(tail) || bytes.ContainsFunc([]byte(tail), func(r rune) bool { return r > 0x7f }) {
				v.t.Fatalf("not a payload in ASCII: %q", rest)
			}
			packets = append(packets, tail[:n])
			rest = tail[n:]
		}
		return packets
	}
	v.say = func(packet string) { ask("POST", strconv.Itoa(len([]rune(packet)))+":"+packet) }
}

func (v *veteran) await(prefix string) string {
	v.t.Helper()
	for {
		for i, packet := range v.waiting {
			if strings.HasPrefix(packet, prefix) {
				v.waiting = append(v.waiting[:i:i], v.waiting[i+1:]...)
				return packet
			}
		}
		v.waiting = append(v.waiting, v.listen()...)
	}
}

// ask emits with an ack and returns it.
func (v *veteran) ask(id, name string, argument any) object {
	v.t.Helper()
	v.say(event(id, name, argument))
	var ack []object
	decode(v.t, v.await("43" + id + "[")[2+len(id):], &ack)
	return ack[0]
}

// Front ends of old chat with those of now: they log in, hear what was sent while they were away, and what has reached
// their device is known without a pong.
func TestFrontEndsOfOldChat(t *testing.T) {
	for _, transport := range []string{"polling", "websocket"} {
		t.Run(transport, func(t *testing.T) {
			h := open(t)
			ann, bob := h.register("ann"), h.register("bob")
			b := h.join(bob, "laptop")
			first := h.come3(transport, ann.token)
			first.await("40")
			first.ask("0", "login", object{"device": "phone"})
			first.say("41")

			b.say(ann, "早上好")
			a := h.come3(transport, ann.token)
			if packet := a.await("40"); packet != "40" {
				t.Errorf("joined by %q", packet)
			}
			answer := a.ask("7", "login", object{"device": "phone"})
			if answer["ok"] != true || answer["message"] != "登录成功" || answer["id"] != a.sid {
				t.Errorf("login of session %s: %v", a.sid, answer)
			}
			hears := func(text string) {
				t.Helper()
				var heard []any
				decode(t, a.await(`42["newMessage",`)[2:], &heard)
				if got := heard[1].(object)["message"]; got != text {
					t.Errorf("heard %v, want %s", got, text)
				}
			}
			hears("早上好")
			seq := b.say(ann, "在吗")
			hears("在吗")
			a.say("42" + `8["chat",{"form_id":"` + string(ann.id) + `","toUserid":"` + string(bob.id) + `","message":"在"}]`)
			if m := b.hearMessage("newMessage"); m.Message != "在" {
				t.Errorf("Bob heard %+v", m)
			}
			a.await(`438[{`)
			listening := make(chan []string, 1)
			go func() { listening <- a.listen() }() // a poll asks again, which is the proof
			h.until("it is known what Ann's phone has", func() bool {
				cursors, err := h.engine.Cursors(t.Context(), ann.id, "phone")
				return err == nil && cursors[chat.ConvID(convOf(ann, bob))] >= seq
			})
			b.say(ann, "再见")
			if heard := <-listening; len(heard) != 1 || !strings.HasPrefix(heard[0], `42["newMessage",`) {
				t.Errorf("heard %q at the end", heard)
			}
		})
	}
}

func TestFrontEndsOfOldAreRefused(t *testing.T) {
	h := open(t)
	v := h.come3("websocket", "nonsense")
	var refusal string // such clients take no other
	decode(t, v.await("44")[2:], &refusal)
	if !strings.Contains(refusal, "POST /login") {
		t.Errorf("refused by %q", refusal)
	}
	ann := h.come3("websocket", "")
	ann.await("40")
	ann.say("40/rooms?token=x,")
	if packet := ann.await("44"); packet != `44/rooms,"Invalid namespace"` {
		t.Errorf("a strange namespace: %s", packet)
	}
}
