package realtime_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/docs"
	"github.com/parley-chat/parley/realtime"
)

// script plays the examples of docs/asyncapi.yaml: each event goes out as the document has it, and what comes back, or to
// others, has to fit what the document says of it.
type script struct {
	t      *testing.T
	d      *docs.Document
	real   *strings.Replacer // what looks like an id in an example, to what the server gave
	given  []string
	played map[string]bool // operations of the document
}

// gives has something in the examples stand for what the server gave.
func (s *script) gives(example, real string) {
	s.given = append(s.given, example, real)
	s.real = strings.NewReplacer(s.given...)
}

// operation is the document's name of an event.
func operation(event string) string { return strings.ReplaceAll(event, ":", "-") }

// payload is the example of an event.
func (s *script) payload(event string) (payload any) {
	s.t.Helper()
	way := []string{"components", "messages", operation(event)}
	examples, _ := s.d.At(append(way, "examples")...).([]any)
	if len(examples) == 0 {
		s.t.Fatalf("%s has no example", event)
	}
	example := examples[0].(map[string]any)["payload"]
	if err := s.d.Check(example, append(way, "payload")...); err != nil {
		s.t.Errorf("%s: the example does not fit: %v", event, err)
	}
	text, err := json.Marshal(example)
	if err != nil {
		s.t.Fatal(err)
	}
	decode(s.t, s.real.Replace(string(text)), &payload)
	return payload
}

// plays has somebody send an event, and checks the ack, which says ok. Before that nobody in particular is refused.
func (s *script) plays(p, nobody *person, event string) object {
	s.t.Helper()
	s.played[operation(event)] = true
	payload := s.payload(event)
	if event != "login" {
		_, refused := nobody.try(event, payload)
		if refused == nil || refused.Code != "unauthenticated" {
			s.t.Errorf("%s: to nobody: %+v", event, refused)
		}
	}
	ack := p.ask(event, payload)
	s.fits(ack, operation(event)+"-ack")
	return ack
}

func (s *script) fits(value any, message string) {
	s.t.Helper()
	if err := s.d.Check(value, "components", "messages", message, "payload"); err != nil {
		s.t.Errorf("%s: %v: %v", message, value, err)
	}
}

// hears waits for an event of the server and checks it.
func (s *script) hears(p *person, event string) object {
	s.t.Helper()
	s.played["on-"+operation(event)] = true
	var argument object
	p.hear(event, &argument)
	s.fits(argument, "on-"+operation(event))
	return argument
}

func TestTheExamplesOfAsyncAPI(t *testing.T) {
	d, err := docs.AsyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, func(cfg *realtime.Config) { cfg.Messages.ChangeTime = time.Hour })
	s := &script{t: t, d: d, played: make(map[string]bool)}
	annsAccount, bobsAccount, carlsAccount, davesAccount := h.register("ann"), h.register("bob"), h.register("carl"), h.register("dave")
	s.gives("65f0c0de0000000000000001|65f0c0de0000000000000002", convOf(annsAccount, bobsAccount))
	for i, u := range []user{annsAccount, bobsAccount, carlsAccount, davesAccount} {
		s.gives("65f0c0de000000000000000"+string(rune('1'+i)), string(u.id))
	}
	bob, carl, dave := h.join(bobsAccount, "phone"), h.join(carlsAccount, "phone"), h.join(davesAccount, "phone")
	_, token, err := h.accounts.Login(t.Context(), "ann", "secret of ann", "")
	if err != nil {
		t.Fatal(err)
	}
	tablet := h.join(user{annsAccount.name, token, annsAccount.id}, "tablet") // its own token dies when it is kicked
	nobody := h.connect(user{}, object{})
	ann := h.connect(annsAccount, object{"token": annsAccount.token})

	s.plays(ann, nobody, "login")
	s.hears(ann, "login")
	_, refused := nobody.try("login", object{"token": "none"})
	if refused == nil {
		t.Error("nobody is somebody")
	}
	s.hears(nobody, "unauthorized")
	nobody.emit("sync", object{})
	s.hears(nobody, "refused")

	s.plays(ann, nobody, "friend:ask")
	s.hears(bob, "friend:asked")
	carl.ask("friend:ask", object{"user": annsAccount.id})
	s.hears(ann, "friend:asked")
	s.plays(ann, nobody, "friend:answer")
	s.hears(carl, "friend:answered")
	s.plays(ann, nobody, "friend:remark")
	s.plays(ann, nobody, "friend:block")
	s.plays(ann, nobody, "friend:list")
	s.plays(ann, nobody, "friend:unblock")
	s.plays(ann, nobody, "presence")

	s.plays(ann, nobody, "chat")
	s.hears(bob, "newMessage")
	s.hears(tablet, "sentMessage")
	s.plays(ann, nobody, "message:received")
	s.plays(ann, nobody, "message:read")
	bob.ask("message:read", object{"conv": convOf(annsAccount, bobsAccount), "seq": 1})
	s.hears(ann, "receipt")
	s.plays(ann, nobody, "message:since")
	s.plays(ann, nobody, "message:before")
	s.plays(ann, nobody, "message:search")
	s.plays(ann, nobody, "message:edit")
	s.hears(bob, "message:changed")
	s.plays(ann, nobody, "sync")
	s.plays(ann, nobody, "message:recall")
	s.hears(bob, "message:changed")
	s.plays(ann, nobody, "typing")
	s.hears(bob, "typing")
	s.plays(ann, nobody, "device:list")
	s.plays(ann, nobody, "device:kick")
	s.hears(tablet, "kicked")

	made := s.plays(ann, nobody, "room:create")
	s.gives("65f0c0de00000000000000aa", made["room"].(string))
	s.hears(bob, "room:changed")
	s.gives("the code of room:code", s.plays(ann, nobody, "room:code")["code"].(string))
	s.plays(carl, nobody, "room:join")
	s.plays(ann, nobody, "room:invite")
	s.plays(ann, nobody, "room:role")
	s.plays(ann, nobody, "room:mute")
	s.plays(ann, nobody, "room:rename")
	s.plays(ann, nobody, "room:announce")
	s.plays(ann, nobody, "room:info")
	s.plays(ann, nobody, "room:list")
	s.plays(ann, nobody, "room:members")
	ann.ask("chat", object{"room": made["room"], "message": "at eight?", "mentions": []any{"all", bobsAccount.id}})
	s.fits(bob.ask("sync", object{}), "sync-ack")
	s.plays(ann, nobody, "room:history")
	s.plays(ann, nobody, "room:kick")
	s.plays(carl, nobody, "room:leave")
	s.plays(ann, nobody, "room:dissolve")

	h.leave(carl) // her friend Ann hears so after a moment
	for s.hears(ann, "presence")["online"] != false {
	}
	s.plays(ann, nobody, "friend:remove")
	carl = h.join(carlsAccount, "phone")
	carl.ask("friend:ask", object{"user": davesAccount.id})
	dave.ask("friend:answer", object{"user": carlsAccount.id, "accept": true})
	dave.ask("friend:remove", object{"user": carlsAccount.id})
	s.hears(carl, "friend:removed")

	for _, p := range []*person{ann, bob, carl, dave} { // what else they heard
		p.ask("device:list", object{})
		for _, packet := range p.waiting {
			var event []json.RawMessage
			if !strings.HasPrefix(packet, "2[") {
				continue
			}
			decode(t, packet[1:], &event)
			var name string
			var argument any
			decode(t, string(event[0]), &name)
			decode(t, string(event[1]), &argument)
			s.fits(argument, "on-"+operation(name))
		}
	}
	for _, name := range d.Names("channels", "socket", "messages") {
		if !strings.HasSuffix(name, "-ack") && !s.played[name] {
			t.Errorf("nobody plays %s", name)
		}
	}
}
