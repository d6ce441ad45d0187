package realtime_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func TestARoomHearsWhatIsSaid(t *testing.T) {
	h := open(t)
	ann, bob, carl, dora := h.register("ann"), h.register("bob"), h.register("carl"), h.register("dorothy")
	a, laptop := h.join(ann, "phone"), h.join(ann, "laptop")
	room, conv := h.makeRoom(ann, bob, carl)
	b, b2, c, stranger := h.join(bob, "phone"), h.join(bob, "laptop"), h.join(carl, "phone"), h.join(dora, "phone")
	if seq := a.write(string(room), "hello"); seq != 2 { // behind the one that says that the room was made
		t.Errorf("it is number %d", seq)
	}
	for _, p := range []*person{b, b2, c} {
		m := p.hearSeqs("newMessage", 1, 2)[1]
		if m.Message != "hello" || m.From != string(ann.id) || m.Room != string(room) || m.Conv != conv || m.To != "" || m.Offline {
			t.Errorf("%s heard %+v", p.name, m)
		}
	}
	if m := laptop.hearSeqs("sentMessage", 1, 2)[1]; m.Message != "hello" || m.Room != string(room) {
		t.Errorf("Ann's laptop heard %+v", m)
	}
	a.hearSeqs("sentMessage", 1, 1) // the server says in her name that she made the room
	b.write(string(room), "hello yourself")
	for _, p := range []*person{a, laptop, c} {
		if m := p.hearSeqs("newMessage", 3, 1)[0]; m.From != string(bob.id) {
			t.Errorf("%s heard %+v", p.name, m)
		}
	}
	b2.hearSeqs("sentMessage", 3, 1)
	for _, p := range []*person{a, laptop, b, b2, c, stranger} {
		p.heardNothingElse("newMessage")
		p.heardNothingElse("sentMessage")
	}
	for _, refused := range []struct {
		event string
		with  object
		code  string
	}{
		{"chat", object{"room": room, "message": "let me in"}, "not_found"},
		{"typing", object{"room": room, "on": true}, "not_found"},
		{"message:before", object{"room": room}, "forbidden"},
		{"message:since", object{"conv": conv}, "forbidden"},
		{"message:read", object{"conv": conv, "seq": 1}, "forbidden"},
		{"message:edit", object{"conv": conv, "seq": 2, "data": "mine"}, "not_found"},
		{"message:recall", object{"conv": conv, "seq": 2}, "forbidden"},
		{"message:search", object{"q": "hello", "conv": conv}, "forbidden"},
	} {
		if _, f := stranger.try(refused.event, refused.with); f == nil || f.Code != refused.code {
			t.Errorf("a stranger's %s: %+v", refused.event, f)
		}
	}
}

// Who logs in gets the newest of what she missed, then what is live; and what was left out when she asks.
func TestARoomsBacklogIsBounded(t *testing.T) {
	h := open(t)
	h.messages.RoomBacklog = 5
	ann, bob := h.register("ann"), h.register("bob")
	a := h.join(ann, "phone")
	room, conv := h.makeRoom(ann, bob)
	for i := range 20 {
		a.write(string(room), fmt.Sprint(i)) // 2 to 21
	}
	b := h.join(bob, "phone")
	for _, m := range b.hearSeqs("newMessage", 17, 5) {
		if !m.Offline || m.Room != string(room) {
			t.Errorf("Bob heard %+v", m)
		}
	}
	a.write(string(room), "live")
	if m := b.hearSeqs("newMessage", 22, 1)[0]; m.Offline {
		t.Errorf("Bob heard %+v", m)
	}
	b.send(event("77", "message:since", object{"conv": conv, "after": 0, "limit": 16}))
	var answer []struct{ Messages []message }
	decode(t, b.await("377[")[3:], &answer)
	if rest := answer[0]; len(rest.Messages) != 16 || rest.Messages[0].Seq != 1 || rest.Messages[15].Seq != 16 {
		t.Errorf("the rest is %+v", rest)
	}
	h.proven(b, "phone", conv, 22)
	h.leave(b)
	h.join(bob, "phone").heardNothingElse("newMessage")
}

// A room with more people here than are written to where a message is queued: all hear all, in order.
func TestManyHear(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	a := h.join(ann, "phone")
	var members []user
	var crowd []*person
	for i := range 40 {
		u := h.register(string(rune('a'+i%26)) + strings.Repeat("x", 3+i/26))
		members = append(members, u)
		crowd = append(crowd, h.join(u, "phone"))
	}
	room, _ := h.makeRoom(ann, members...)
	const n = 200
	for i := range n {
		a.conn.Write([]byte(event("", "chat", object{"room": room, "message": i})))
	}
	if err := a.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, p := range crowd {
		p.hearSeqs("newMessage", 1, 1+n)
	}
}

// Of a large room few are here: those who are get it.
func TestFewOfManyAreHere(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	room := h.largeRoom(chat.MaxMembers, ann, bob)
	a, b, c := h.join(ann, "phone"), h.join(bob, "phone"), h.join(carl, "phone")
	a.write(string(room), "hello")
	if m := b.hearMessage("newMessage"); m.Message != "hello" {
		t.Errorf("Bob heard %+v", m)
	}
	c.heardNothingElse("newMessage")

	// In so large a room nobody hears who types.
	a.ask("typing", object{"room": room, "on": true})
	b.heardNothingElse("typing")
}

// largeRoom puts a room of so many members into the engine, the first of them its owner.
func (h *house) largeRoom(size int, known ...user) chat.RoomID {
	h.t.Helper()
	room := chat.Room{
		ID: chat.RoomID(chat.NewUserID(time.Now())), Number: chat.MinRoomNumber, Name: "hall", Owner: known[0].id,
		Created: time.Now().Truncate(time.Millisecond), History: chat.HistoryJoined,
	}
	members := make([]chat.RoomMember, size)
	for i := range members {
		members[i] = chat.RoomMember{Room: room.ID, User: chat.NewUserID(time.Now()), Role: chat.RoleMember, Joined: room.Created}
		if i < len(known) {
			members[i].User = known[i].id
		}
	}
	if err := h.engine.CreateRoom(h.t.Context(), room, members); err != nil {
		h.t.Fatal(err)
	}
	return room.ID
}

// What becomes of a message is told to those who see it.
func TestARoomHearsOfChanges(t *testing.T) {
	h := open(t)
	h.messages.ChangeTime = time.Hour
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	a, laptop, b, c := h.join(ann, "phone"), h.join(ann, "laptop"), h.join(bob, "phone"), h.join(carl, "phone")
	room, conv := h.makeRoom(ann, bob)
	early := a.write(string(room), "early")
	h.invite(ann, room, carl)
	late := a.write(string(room), "late")
	a.ask("message:edit", object{"conv": conv, "seq": early, "data": "early, edited"})
	a.ask("message:recall", object{"conv": conv, "seq": late})
	for _, p := range []*person{laptop, b} {
		if m := p.hearMessage("message:changed"); m.Seq != early || m.Message != "early, edited" || m.Room != string(room) {
			t.Errorf("%s heard %+v", p.name, m)
		}
	}
	for _, p := range []*person{laptop, b, c} { // Carl of this alone
		if m := p.hearMessage("message:changed"); m.Seq != late || m.Message != nil {
			t.Errorf("%s heard %+v", p.name, m)
		}
	}
	h.putOut(ann, room, carl)
	again := a.write(string(room), "again")
	a.ask("message:recall", object{"conv": conv, "seq": again})
	b.hearMessage("message:changed")
	c.heardNothingElse("message:changed")
	a.heardNothingElse("message:changed")
}

// Marks in a room are a member's own: her other devices hear of them, and nobody else.
func TestMarksInARoomAreOnesOwn(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a, b, b2 := h.join(ann, "phone"), h.join(bob, "phone"), h.join(bob, "laptop")
	room, conv := h.makeRoom(ann, bob)
	seq := a.write(string(room), "read this")
	b.ask("message:read", object{"conv": conv, "seq": seq})
	var r struct {
		Conv, User     string
		Received, Read uint64
	}
	b2.hear("receipt", &r)
	if r.Conv != conv || r.User != string(bob.id) || r.Read != seq {
		t.Errorf("his laptop heard %+v", r)
	}
	a.heardNothingElse("receipt")
	b.heardNothingElse("receipt")

	b.send(event("78", "sync", object{}))
	var answers []struct {
		Conversations []struct {
			Conv, Room, Name, Role string
			Read                   uint64
			Unread                 int
			With, Peer             any
		}
	}
	decode(t, b.await("378[")[3:], &answers)
	answer := answers[0]
	if len(answer.Conversations) != 1 {
		t.Fatalf("sync answers %+v", answer)
	}
	if s := answer.Conversations[0]; s.Conv != conv || s.Room != string(room) || s.Name != "kitchen" || s.Role != "member" || s.Read != seq || s.Unread != 0 || s.With != nil || s.Peer != nil {
		t.Errorf("sync answers %+v", s)
	}
}

func TestARoomHearsWhoTypes(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	a, laptop, b, c := h.join(ann, "phone"), h.join(ann, "laptop"), h.join(bob, "phone"), h.join(carl, "phone")
	room, conv := h.makeRoom(ann, bob, carl)
	a.ask("typing", object{"room": room})
	for _, p := range []*person{b, c} {
		var hint struct {
			User, Room, Conv string
			On               bool
		}
		p.hear("typing", &hint)
		if hint.User != string(ann.id) || hint.Room != string(room) || hint.Conv != conv || !hint.On {
			t.Errorf("%s heard %+v", p.name, hint)
		}
	}
	laptop.heardNothingElse("typing")
	if _, err := h.rooms.Mute(t.Context(), ann.id, room, bob.id, time.Hour); err != nil {
		t.Fatal(err)
	}
	b.ask("typing", object{"room": room})
	a.heardNothingElse("typing")
	if _, f := b.try("typing", object{"room": "kitchen"}); f == nil || f.Code != "invalid" {
		t.Errorf("a room's name: %+v", f)
	}
}

// In front of a crowd receipt is proved too, though less often: at the latest it is when something is said to one alone.
func TestACrowdProvesWhatItHears(t *testing.T) {
	h := open(t)
	ann, bob := h.register("ann"), h.register("bob")
	a := h.join(ann, "phone")
	room, conv := h.makeRoom(ann, bob)
	var crowd []*person
	for range 257 { // as many sockets as make a crowd; whose they are does not matter
		crowd = append(crowd, h.join(bob, "phone"))
	}
	b := crowd[0]
	seq := a.write(string(room), "all of you")
	for _, p := range crowd {
		if m := p.hearMessage("newMessage"); m.Seq == seq-1 { // those who came before the server said that there is a room
			p.hearSeqs("newMessage", seq, 1)
		}
	}
	a.say(bob, "you")
	b.hearMessage("newMessage")
	h.proven(b, "phone", convOf(ann, bob), 1)
	h.proven(b, "phone", conv, seq)
}
