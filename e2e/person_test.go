package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/parley-chat/parley/bench/sio"
)

// person is a user on a raw connection. She reads only when she is asked to, so what she was not asked about waits.
type person struct {
	account
	t       *testing.T
	conn    *sio.Conn
	lastAck int
	backlog []string // packets read while she waited for another
}

// message is what the server tells of a message.
type message struct {
	From    string `json:"f_id"`
	To      string
	Type    string
	Message text
	ID      string
	Conv    string
	Seq     uint64
	Offline bool
}

// text is what a message says: a string, or the JSON of whatever else it is.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, (*string)(t)) != nil {
		*t = text(b)
	}
	return nil
}

// receipt is the server's answer to chat.
type receipt struct {
	ID   string
	Conv string
	Seq  uint64
}

// refusal is the error of an ack, and the payload of the events refused and unauthorized.
type refusal struct {
	Event   string
	Code    string
	Message string
	Ref     string
}

// open connects a WebSocket; no namespace is joined.
func (s *server) open(a account) *person {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), answerWait)
	defer cancel()
	conn, err := sio.Open(ctx, s.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(testWait))
	return &person{account: a, t: s.t, conn: conn}
}

// join connects and logs in from a device.
func (s *server) join(a account, device string) *person {
	s.t.Helper()
	p := s.open(a)
	if _, err := p.conn.Connect(map[string]string{"token": a.token}); err != nil {
		s.t.Fatal(err)
	}
	p.ask("login", map[string]string{"device": device}, nil)
	return p
}

// send sends an Engine.IO packet as it is.
func (p *person) send(packet string) {
	p.t.Helper()
	p.conn.Write([]byte(packet))
	if err := p.conn.Flush(); err != nil {
		p.t.Fatal(err)
	}
}

func eventPacket(ack, event string, payload any) string {
	args, err := json.Marshal([]any{event, payload})
	if err != nil {
		panic(err) // the tests send nothing that has no JSON
	}
	return "42" + ack + string(args)
}

func (p *person) emit(event string, payload any) {
	p.t.Helper()
	p.send(eventPacket("", event, payload))
}

// ask emits, and decodes the ack into answer unless that is nil. The ack must say ok.
func (p *person) ask(event string, payload, answer any) {
	p.t.Helper()
	if r := p.try(event, payload, answer); r != nil {
		p.t.Fatalf("%s: %s was refused: %+v", p.name, event, *r)
	}
}

// try is ask for what may be refused; it returns the refusal.
func (p *person) try(event string, payload, answer any) *refusal {
	p.t.Helper()
	p.lastAck++
	id := strconv.Itoa(p.lastAck)
	p.send(eventPacket(id, event, payload))
	packet := p.await("3" + id + "[")
	var args []json.RawMessage
	p.decode(packet[1+len(id):], &args)
	var head struct {
		OK    bool
		Error refusal
	}
	p.decode(string(args[0]), &head)
	if !head.OK {
		return &head.Error
	}
	if answer != nil {
		p.decode(string(args[0]), answer)
	}
	return nil
}

// hear waits for the next event of that name and decodes its payload.
func (p *person) hear(event string, payload any) {
	p.t.Helper()
	packet := p.await(`2["` + event + `",`)
	var args []json.RawMessage
	p.decode(packet[1:], &args)
	p.decode(string(args[1]), payload)
}

// await returns the first packet with that prefix, from the backlog or from the wire.
func (p *person) await(prefix string) string {
	p.t.Helper()
	fits := func(packet string) bool { return len(packet) >= len(prefix) && packet[:len(prefix)] == prefix }
	if i := slices.IndexFunc(p.backlog, fits); i >= 0 {
		packet := p.backlog[i]
		p.backlog = slices.Delete(p.backlog, i, i+1)
		return packet
	}
	for {
		packet, err := p.conn.Read()
		if err != nil {
			p.t.Fatalf("%s waits for %s: %v", p.name, prefix, err)
		}
		if fits(string(packet)) {
			return string(packet)
		}
		p.backlog = append(p.backlog, string(packet))
	}
}

func (p *person) decode(text string, into any) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		p.t.Fatalf("%s heard %q: %v", p.name, text, err)
	}
}

// say sends a message to someone and returns where it was stored.
func (p *person) say(to account, text string) receipt {
	p.t.Helper()
	var r receipt
	p.ask("chat", map[string]string{"form_id": p.id, "toUserid": to.id, "message": text}, &r)
	return r
}

// history reads the whole conversation of two users, page by page.
func (p *person) history(a, b string) []message {
	p.t.Helper()
	var all []message
	for {
		var page struct {
			Messages []message
			More     bool
		}
		after := 0
		if len(all) > 0 {
			after = int(all[len(all)-1].Seq)
		}
		p.ask("message:since", map[string]any{"conv": min(a, b) + "|" + max(a, b), "after": after, "limit": 200}, &page)
		all = append(all, page.Messages...)
		if !page.More {
			return all
		}
	}
}

// ending reads until the connection ends and returns why.
func (p *person) ending() error {
	p.conn.SetReadDeadline(time.Now().Add(answerWait))
	for {
		if _, err := p.conn.Read(); err != nil {
			return err
		}
	}
}

// chats checks that two people who were there all along still hear each other.
func chats(t *testing.T, from, to *person) {
	t.Helper()
	text := fmt.Sprintf("still there? %d", from.lastAck)
	r := from.say(to.account, text)
	for {
		var m message
		to.hear("newMessage", &m)
		if m.ID == r.ID {
			if m.From != from.id || string(m.Message) != text {
				t.Fatalf("%s heard %+v, want %q from %s", to.name, m, text, from.name)
			}
			return
		}
	}
}
