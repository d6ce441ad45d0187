package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/bench/sio"
)

// Each bad frame has one clear answer, and Ann and Bob talk on as if nothing had been.
func TestBadFrames(t *testing.T) {
	s := start(t, t.TempDir())
	ann, bob, eve := s.register("Ann"), s.register("Bob"), s.register("Eve")
	onPhone, onDesk := s.join(ann, "phone"), s.join(bob, "desk")

	deep := strings.Repeat("[", 10_000)
	const closed = `^closed 1002 .+` // RFC 6455 section 7.4.1: protocol error; and a reason
	for _, c := range []struct {
		name, frame, want string
	}{
		{"an event without arguments", `42`, closed},
		{"an ack without arguments", `43`, closed},
		{"an event without a name", `42[]`, closed},
		{"an event whose name is a number", `42[7]`, closed},
		{"an event whose arguments are an object", `42{"a":1}`, closed},
		{"broken JSON", `42["chat",{"form_id":`, closed},
		{"an ack id out of bounds", `4299999999999999999999["chat",{}]`, closed},
		{"ten thousand brackets", `42["chat",` + deep, closed},
		{"nesting 10,000 deep", `42["chat",` + deep + strings.Repeat("]", 10_000) + `]`, closed},
		{"an unknown Socket.IO packet", `49["chat"]`, closed},
		{"an unknown Engine.IO packet", `9`, closed},
		{"an empty frame", ``, closed},
		{"a binary event that says no count", `45["chat"]`, closed},
		{"a million attachments", `451000000-["chat",{"_placeholder":true,"num":0}]`, closed},
		{"a packet where an attachment was due", `451-["chat",{"message":{"_placeholder":true,"num":0}}]` + "\n" + `42["login"]`, closed},
		{"chat without a payload", `42["chat"]`, `^refused chat invalid .+`},
		{"chat with null", `42["chat",null]`, `^refused chat invalid .+`},
		{"chat with an array", `42["chat",[]]`, `^refused chat invalid .+`},
		{"chat with a number, acked", `427["chat",1]`, `^acked 7 invalid .+`},
		{"an unknown event, acked", `428["dance",{}]`, `^acked 8 \w+ .+`},
		{"an event of the protocol's own", `42["disconnect"]`, closed},
		{"an unknown namespace", `40/nope,`, `^44/nope,{"message":"Invalid namespace"}$`},
		{"a message for a namespace nobody joined", `42/nope,["chat"]`, closed},
	} {
		intruder := s.join(eve, "raw")
		for frame := range strings.SplitSeq(c.frame, "\n") {
			intruder.send(frame)
		}
		if got := intruder.verdict(); !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("%s: the answer is %q, want %s", c.name, got, c.want)
		}
		chats(t, onPhone, onDesk)
		chats(t, onDesk, onPhone)
	}
}

// An event names its attachments by number, and each follows as a binary frame.
func TestBadAttachments(t *testing.T) {
	s := start(t, t.TempDir())
	ann, bob, eve := s.register("Ann"), s.register("Bob"), s.register("Eve")
	onPhone, onDesk := s.join(ann, "phone"), s.join(bob, "desk")
	for _, c := range []struct {
		name, placeholder string
	}{
		{"a number out of range", `{"_placeholder":true,"num":1}`},
		{"a negative number", `{"_placeholder":true,"num":-1}`},
		{"a number that is text", `{"_placeholder":true,"num":"0"}`},
		{"no number", `{"_placeholder":true}`},
		{"no placeholder", `"none"`},
	} {
		intruder := s.join(eve, "raw")
		intruder.send(fmt.Sprintf(`451-["chat",{"form_id":"%s","toUserid":"%s","message":%s}]`, eve.id, bob.id, c.placeholder))
		intruder.conn.WriteFrame(ws.OpBinary, []byte{1, 2, 3})
		if err := intruder.conn.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := intruder.verdict(); !regexp.MustCompile(`^(refused chat invalid|closed 1002) .+`).MatchString(got) {
			t.Errorf("%s: the answer is %q", c.name, got)
		}
		chats(t, onPhone, onDesk)
	}
	intruder := s.join(eve, "raw")
	intruder.conn.WriteFrame(ws.OpBinary, []byte{1, 2, 3})
	intruder.send("2")
	if got := intruder.verdict(); !strings.HasPrefix(got, "closed 1002 ") {
		t.Errorf("an attachment of nothing: the answer is %q", got)
	}
	chats(t, onPhone, onDesk)
}

// What the WebSocket protocol itself forbids ends the connection with the code of RFC 6455 section 7.4.1.
func TestBadWebSocketFrames(t *testing.T) {
	s := start(t, t.TempDir())
	ann, bob, eve := s.register("Ann"), s.register("Bob"), s.register("Eve")
	onPhone, onDesk := s.join(ann, "phone"), s.join(bob, "desk")
	for _, c := range []struct {
		name  string
		op    ws.OpCode
		frame string
		code  int
	}{
		{"text that is not UTF-8", ws.OpText, "42[\"chat\",\"\xff\xfe\"]", 1007},
		{"two megabytes", ws.OpText, `42["chat","` + strings.Repeat("x", 2<<20) + `"]`, 1009},
		{"an unknown opcode", 0xb, "42", 1002},
		{"a continuation of nothing", ws.OpContinuation, "42", 1002},
		{"a ping of 126 bytes", ws.OpPing, strings.Repeat("x", 126), 1002},
	} {
		intruder := s.join(eve, "raw")
		intruder.conn.WriteFrame(c.op, []byte(c.frame))
		intruder.conn.Flush() // may break: the server need not read all of it
		var closed *sio.ClosedError
		if err := intruder.ending(); !errors.As(err, &closed) || closed.Code != c.code {
			t.Errorf("%s: ended with %v, want code %d", c.name, err, c.code)
		}
		chats(t, onPhone, onDesk)
	}
}

// Eve has a good token and tries to pass for Ann.
func TestNobodySpeaksForAnother(t *testing.T) {
	s := start(t, t.TempDir())
	ann, bob, eve := s.register("Ann"), s.register("Bob"), s.register("Eve")
	onPhone, onDesk, intruder := s.join(ann, "phone"), s.join(bob, "desk"), s.join(eve, "raw")

	forged := map[string]string{"form_id": ann.id, "toUserid": bob.id, "message": "give Eve the keys", "ref": "f1"}
	if r := intruder.try("chat", forged, nil); r == nil || r.Code != "forbidden" {
		t.Errorf("with an ack: %+v, want forbidden", r)
	}
	intruder.emit("chat", forged)
	var r refusal
	intruder.hear("refused", &r)
	if r.Event != "chat" || r.Code != "forbidden" || r.Message == "" || r.Ref != "f1" {
		t.Errorf("without an ack: %+v, want forbidden with event and ref", r)
	}
	conv := min(ann.id, bob.id) + "|" + max(ann.id, bob.id)
	for _, event := range []string{"message:since", "message:before"} {
		if r := intruder.try(event, map[string]any{"conv": conv, "limit": 10}, nil); r == nil || r.Code != "forbidden" {
			t.Errorf("%s of others: %+v, want forbidden", event, r)
		}
	}
	if first := onPhone.say(bob, "hello"); first.Seq != 1 {
		t.Errorf("the first message has number %d", first.Seq)
	}
	for event, change := range map[string]any{
		"message:edit":   map[string]any{"conv": conv, "seq": 1, "data": "give Eve the keys"},
		"message:recall": map[string]any{"conv": conv, "seq": 1},
		"message:read":   map[string]any{"conv": conv, "seq": 1},
	} {
		if r := intruder.try(event, change, nil); r == nil || r.Code != "forbidden" {
			t.Errorf("%s of others: %+v, want forbidden", event, r)
		}
	}
	var m message
	if onDesk.hear("newMessage", &m); m.From != ann.id || m.Message != "hello" {
		t.Errorf("Bob heard %+v first", m)
	}
}

// verdict reads until the server has answered a bad frame, and puts the answer into words.
func (p *person) verdict() string {
	p.t.Helper()
	p.conn.SetReadDeadline(time.Now().Add(answerWait))
	for {
		packet, err := p.conn.Read()
		var closed *sio.ClosedError
		switch {
		case errors.As(err, &closed):
			return fmt.Sprintf("closed %d %s", closed.Code, closed.Reason)
		case err != nil:
			return "broken: " + err.Error()
		case packet[0] == '3':
			id, args, _ := strings.Cut(string(packet[1:]), "[")
			var ack struct{ Error refusal }
			p.decode(strings.TrimSuffix(args, "]"), &ack)
			return fmt.Sprintf("acked %s %s %s", id, ack.Error.Code, ack.Error.Message)
		case strings.HasPrefix(string(packet), `2["refused",`):
			var args []json.RawMessage
			p.decode(string(packet[1:]), &args)
			var r refusal
			p.decode(string(args[1]), &r)
			return fmt.Sprintf("refused %s %s %s", r.Event, r.Code, r.Message)
		case packet[0] != '2':
			return "4" + string(packet)
		}
	}
}
