package realtime_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime"
)

// friendNews is what the events of friendship say.
type friendNews struct {
	User     chat.UserID
	Name     string
	Img      string
	Note     string
	Accepted bool
	At       int64
}

func (p *person) hearsFrom(event string, who user) friendNews {
	p.t.Helper()
	var n friendNews
	p.hear(event, &n)
	if n.User != who.id {
		p.t.Errorf("%s heard %s of %s, want of %s", p.name, event, n.User, who.name)
	}
	return n
}

// lists returns the names in one part of the list of friends, with some fields of each.
func (p *person) lists(part string, fields ...string) string {
	p.t.Helper()
	var all []string
	for _, v := range p.ask("friend:list", object{})[part].([]any) {
		one := fmt.Sprint(v.(object)["name"])
		for _, field := range fields {
			one += fmt.Sprintf(" %s=%v", field, v.(object)[field])
		}
		all = append(all, one)
	}
	return strings.Join(all, ", ")
}

func (p *person) wantList(part, want string, fields ...string) {
	p.t.Helper()
	if got := p.lists(part, fields...); got != want {
		p.t.Errorf("%s lists %s %q, want %q", p.name, part, got, want)
	}
}

func (p *person) wantRefused(event string, argument any, code chat.Code) *failure {
	p.t.Helper()
	_, f := p.try(event, argument)
	if f == nil || f.Code != string(code) {
		p.t.Fatalf("%s: %s %v: %+v, want %s", p.name, event, argument, f, code)
	}
	return f
}

// Ann asks Bob, who hears it at both devices and accepts; both have each other in their lists, and see each other.
func TestAnnAsksBob(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b, b2 := h.join(ann, "phone"), h.join(bob, "phone"), h.join(bob, "laptop")
	if answer := a.ask("friend:ask", object{"user": bob.id, "note": "我是安"}); answer["state"] != "asked" {
		t.Errorf("Ann is answered %v", answer)
	}
	for _, p := range []*person{b, b2} {
		if n := p.hearsFrom("friend:asked", ann); n.Note != "我是安" || n.Name != "ann" || n.At == 0 {
			t.Errorf("%s heard %+v", p.name, n)
		}
	}
	a.wantList("asked", "bob note=我是安", "note")
	b.wantList("requests", "ann note=我是安", "note")
	b.wantList("friends", "")
	a.ask("friend:ask", object{"user": bob.id, "note": "again"})

	b.ask("friend:answer", object{"user": ann.id, "accept": true})
	if n := a.hearsFrom("friend:answered", bob); !n.Accepted || n.Name != "bob" {
		t.Errorf("Ann heard %+v", n)
	}
	a.wantList("friends", "bob online=true", "online")
	b.wantList("friends", "ann online=true", "online")
	a.wantList("asked", "")
	b.wantList("requests", "")
	if answer := b.ask("friend:ask", object{"user": ann.id}); answer["state"] != "already" {
		t.Errorf("Bob is answered %v", answer)
	}
	a.ask("friend:remark", object{"user": bob.id, "remark": "Bobby"})
	a.wantList("friends", "bob remark=Bobby", "remark")
	b.wantList("friends", "ann remark=<nil>", "remark")
	b.heardNothingElse("friend:asked")
	a.heardNothingElse("friend:answered")

	b.ask("friend:remove", object{"user": ann.id})
	a.hearsFrom("friend:removed", bob)
	a.wantList("friends", "")
	b.wantList("friends", "")
	b.wantRefused("friend:remove", object{"user": ann.id}, chat.NotFound)
}

// Bob was away when Ann and Carl asked. He is told at his next login, oldest first, and once.
func TestRequestsWaitForWhoIsAway(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	a, c := h.join(ann, "phone"), h.join(carl, "phone")
	a.ask("friend:ask", object{"user": bob.id, "note": "first"})
	c.ask("friend:ask", object{"user": bob.id})
	a.ask("chat", object{"form_id": ann.id, "toUserid": bob.id, "message": "hello"})
	b := h.connect(bob, object{"token": bob.token})
	b.ask("login", object{"device": "phone"})
	if n := b.hearsFrom("friend:asked", ann); n.Note != "first" {
		t.Errorf("Bob heard %+v", n)
	}
	b.hearsFrom("friend:asked", carl)
	b.hearMessage("newMessage")
	b.ask("login", object{"device": "phone"}) // again, at the same device
	b.ask("friend:answer", object{"user": carl.id, "accept": false})
	if n := c.hearsFrom("friend:answered", bob); n.Accepted {
		t.Errorf("Carl heard %+v", n)
	}
	b.heardNothingElse("friend:asked")
	b.wantRefused("friend:answer", object{"user": carl.id, "accept": true}, chat.NotFound)
	c.wantList("friends", "")
	h.leave(b)
	again := h.join(bob, "phone")
	again.hearsFrom("friend:asked", ann)
	again.heardNothingElse("friend:asked")
}

// Bob blocks Ann. What she sends is refused, and what she does looks to her as it did before; he hears nothing of it. Once
// he has unblocked her, she may write again.
func TestBobBlocksAnn(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	a.ask("friend:ask", object{"user": bob.id})
	b.hearsFrom("friend:asked", ann)
	b.ask("friend:answer", object{"user": ann.id, "accept": true})
	a.hearsFrom("friend:answered", bob)
	seq := a.say(bob, "hello")
	b.hearMessage("newMessage")

	b.ask("friend:block", object{"user": ann.id})
	b.wantList("blocked", "ann")
	b.wantList("friends", "")
	a.wantList("friends", "bob online=false", "online") // he is no longer seen
	if seen := a.presence(bob); len(seen) != 0 {
		t.Errorf("Ann sees %+v", seen)
	}
	a.heardNothingElse("friend:removed")

	chatTo := func(to user) object {
		return object{"form_id": ann.id, "toUserid": to.id, "message": "more"}
	}
	theirs := a.wantRefused("chat", chatTo(bob), chat.Forbidden)
	if strings.Contains(theirs.Message, "block") {
		t.Errorf("Ann is told %q", theirs.Message)
	}
	a.wantRefused("message:edit", object{"conv": chat.DirectConv(ann.id, bob.id), "seq": seq, "data": "changed"}, chat.Forbidden)
	own := b.wantRefused("chat", object{"form_id": bob.id, "toUserid": ann.id, "message": "me"}, chat.Forbidden)
	if !strings.Contains(own.Message, "unblock") {
		t.Errorf("Bob is told %q", own.Message)
	}
	a.ask("typing", object{"to": bob.id, "on": true})
	if answer := a.ask("friend:ask", object{"user": bob.id, "note": "why?"}); answer["state"] != "asked" {
		t.Errorf("Ann is answered %v", answer)
	}
	a.wantList("asked", "bob note=why?", "note")
	b.wantList("requests", "")
	b.wantRefused("friend:ask", object{"user": ann.id}, chat.Forbidden)
	b.wantRefused("friend:answer", object{"user": ann.id, "accept": true}, chat.NotFound)
	again := h.join(bob, "laptop") // nor is he told at a login
	if m := again.hearMessage("newMessage"); m.Message != "hello" {
		t.Errorf("Bob heard %+v", m)
	}
	for _, event := range []string{"newMessage", "typing", "friend:asked", "friend:answered", "message:changed"} {
		b.heardNothingElse(event)
		again.heardNothingElse(event)
	}

	b.ask("friend:unblock", object{"user": ann.id})
	b.wantList("blocked", "")
	b.wantList("requests", "ann note=why?", "note")
	a.say(bob, "thanks")
	if m := b.hearMessage("newMessage"); m.Message != "thanks" || m.Seq != seq+1 {
		t.Errorf("Bob heard %+v", m)
	}
	a.ask("typing", object{"to": bob.id, "on": true})
	b.await(`2["typing",`)
}

// Where only friends may write, Ann writes to Bob once he counts her as a friend, and no longer when he has removed her.
func TestOnlyFriendsWrite(t *testing.T) {
	h := open(t)
	h.friends.FriendsOnly = true
	ann, bob := h.register("ann"), h.register("bob")
	a, b := h.join(ann, "phone"), h.join(bob, "phone")
	hello := object{"form_id": ann.id, "toUserid": bob.id, "message": "hello"}
	stranger := a.wantRefused("chat", hello, chat.Forbidden)
	a.ask("typing", object{"to": bob.id, "on": true})
	a.say(ann, "a note to herself")
	a.ask("friend:ask", object{"user": bob.id})
	b.hearsFrom("friend:asked", ann)
	b.heardNothingElse("typing")
	b.ask("friend:answer", object{"user": ann.id, "accept": true})
	a.say(bob, "hello")
	b.say(ann, "hello yourself")
	b.ask("friend:remove", object{"user": ann.id})
	a.wantRefused("chat", hello, chat.Forbidden)
	b.ask("friend:block", object{"user": ann.id})
	if f := a.wantRefused("chat", hello, chat.Forbidden); f.Message != stranger.Message {
		t.Errorf("a block is told apart from a stranger's door: %q, %q", f.Message, stranger.Message)
	}
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	a := h.join(ann, "phone")
	nobody := chat.NewUserID(h.now())
	for _, c := range []struct {
		event    string
		argument any
		code     chat.Code
	}{
		{"friend:ask", object{"user": ann.id}, chat.Invalid},
		{"friend:ask", object{"user": nobody}, chat.NotFound},
		{"friend:ask", object{"user": "bob"}, chat.Invalid},
		{"friend:ask", object{"user": nobody, "note": strings.Repeat("é", 201)}, chat.Invalid},
		{"friend:ask", "bob", chat.Invalid},
		{"friend:answer", object{"user": nobody}, chat.Invalid},
		{"friend:answer", object{"user": nobody, "accept": true}, chat.NotFound},
		{"friend:remove", object{"user": nobody}, chat.NotFound},
		{"friend:remove", object{}, chat.Invalid},
		{"friend:remark", object{"user": nobody, "remark": "x"}, chat.NotFound},
		{"friend:remark", object{"user": nobody, "remark": strings.Repeat("x", 65)}, chat.Invalid},
		{"friend:block", object{"user": ann.id}, chat.Invalid},
		{"friend:block", object{"user": nobody}, chat.NotFound},
		{"friend:unblock", object{"user": 7}, chat.Invalid},
	} {
		a.wantRefused(c.event, c.argument, c.code)
	}
	stranger := h.connect(user{name: "stranger"}, object{})
	for _, event := range []string{
		"friend:ask", "friend:answer", "friend:remove", "friend:block", "friend:unblock", "friend:remark", "friend:list",
	} {
		stranger.wantRefused(event, object{"user": ann.id}, chat.Unauthenticated)
	}
}

// slowRequests is an engine that stores a request at once, and takes its time to say so.
type slowRequests struct {
	chat.FriendStore
	stored, answer chan struct{}
}

func (s slowRequests) PutRequest(ctx context.Context, r chat.FriendRequest) (bool, error) {
	added, err := s.FriendStore.PutRequest(ctx, r)
	close(s.stored)
	<-s.answer
	return added, err
}

// Bob logs in while Ann asks him. Her request is found waiting for him, and told when it is made: he hears it once.
func TestARequestOfTheMomentIsToldOnce(t *testing.T) {
	slow := slowRequests{stored: make(chan struct{}), answer: make(chan struct{})}
	h := open(t, func(c *realtime.Config) {
		slow.FriendStore = c.Friends.Store
		c.Friends.Store = slow
	})
	ann, bob := h.register("ann"), h.register("bob")
	a := h.join(ann, "phone")
	a.send(event("77", "friend:ask", object{"user": bob.id}))
	<-slow.stored
	b := h.join(bob, "phone")
	b.hearsFrom("friend:asked", ann)
	close(slow.answer)
	a.answer("77")
	b.heardNothingElse("friend:asked")
	again := h.join(bob, "laptop")
	again.hearsFrom("friend:asked", ann)
}
