package realtime_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
)

// roomChanged is the event room:changed as a client sees it.
type roomChanged struct {
	Room, Conv, What, By, Name, Role string
	Users                            []chat.UserID
	Until                            int64
	Announcement, History            *string
	Seq                              uint64
	At                               int64
}

// makeRoom has a person make a room with others, and returns its id. What she heard of it is read.
func (p *person) makeRoom(name string, members ...user) string {
	p.t.Helper()
	ids := make([]chat.UserID, len(members))
	for i, m := range members {
		ids[i] = m.id
	}
	answer := p.ask("room:create", object{"name": name, "members": ids})
	if added := answer["added"].([]any); len(added) != len(members) {
		p.t.Fatalf("%d members came with the room, want %d", len(added), len(members))
	}
	p.hearChange("created")
	p.hearMessage("sentMessage")
	return answer["room"].(string)
}

// hearChange waits for room:changed, which must say this.
func (p *person) hearChange(what string) roomChanged {
	p.t.Helper()
	var c roomChanged
	p.hear("room:changed", &c)
	if c.What != what {
		p.t.Fatalf("%s hears that a room was %s, want %s", p.name, c.What, what)
	}
	return c
}

// hearSystem waits for a system message of somebody, and checks what it tells of.
func (p *person) hearSystem(event string, by user, what string) message {
	p.t.Helper()
	m := p.hearMessage(event)
	body, _ := m.Message.(object)
	if m.Type != "system" || m.From != string(by.id) || body["what"] != what {
		p.t.Fatalf("%s hears %+v, want that %s told of %s", p.name, m, by.name, what)
	}
	return m
}

// write sends a message to a room and returns its number.
func (p *person) write(room string, text string) uint64 {
	p.t.Helper()
	return uint64(p.ask("chat", object{"room": room, "message": text})["seq"].(float64))
}

func TestAnnMakesARoom(t *testing.T) {
	h := open(t)
	annUser, bobUser, carlUser := h.register("Ann"), h.register("Bob"), h.register("Carl")
	ann, tablet, bob, carl := h.join(annUser, "phone"), h.join(annUser, "tablet"), h.join(bobUser, "phone"), h.join(carlUser, "phone")

	made := ann.ask("room:create", object{"name": "the garden", "members": []chat.UserID{bob.id, bob.id, chat.NewUserID(h.now())}})
	room := made["room"].(string)
	if made["conv"] != "r:"+room || made["name"] != "the garden" || made["owner"] != string(ann.id) || made["role"] != "owner" ||
		made["members"] != 2.0 || made["history"] != "joined" || made["number"].(float64) < chat.MinRoomNumber ||
		fmt.Sprint(made["added"]) != fmt.Sprintf("[%s]", bob.id) {
		t.Errorf("the room is %v", made)
	}
	for _, p := range []*person{ann, tablet, bob} {
		event := "sentMessage"
		if p == bob {
			event = "newMessage"
		}
		m := p.hearSystem(event, ann.user, "created")
		c := p.hearChange("created")
		if m.Seq != 1 || m.Conv != "r:"+room || c.Seq != m.Seq || c.Room != room || c.Conv != m.Conv || c.By != string(ann.id) ||
			c.Name != "the garden" || !slices.Equal(c.Users, []chat.UserID{bob.id}) || c.At == 0 {
			t.Errorf("%s hears %+v and %+v", p.name, m, c)
		}
	}

	// Everyone sees the room in her list, and strangers see nothing.
	if rooms := bob.ask("room:list", nil)["rooms"].([]any); len(rooms) != 1 || rooms[0].(object)["role"] != "member" || rooms[0].(object)["name"] != "the garden" {
		t.Errorf("Bob's rooms are %v", rooms)
	}
	if rooms := carl.ask("room:list", nil)["rooms"].([]any); len(rooms) != 0 {
		t.Errorf("Carl's rooms are %v", rooms)
	}
	if info := bob.ask("room:info", object{"room": room}); info["members"] != 2.0 || info["online"] != 2.0 || info["code"] != nil {
		t.Errorf("the room is %v", info)
	}

	// What is written there is heard by both, and is one message.
	if seq := bob.write(room, "hello"); seq != 2 {
		t.Errorf("Bob's message has number %d", seq)
	}
	for _, p := range []*person{ann, tablet} {
		if m := p.hearMessage("newMessage"); m.Message != "hello" || m.Seq != 2 {
			t.Errorf("%s hears %+v", p.name, m)
		}
	}
	carl.heardNothingElse("newMessage")
	carl.heardNothingElse("room:changed")
}

// hearCreatedThen waits for what happened to a room after it was created.
func (p *person) hearCreatedThen(what string) roomChanged {
	p.t.Helper()
	p.hearChange("created")
	return p.hearChange(what)
}

func TestHistoryOfARoom(t *testing.T) {
	h := open(t)
	ann, carl := h.join(h.register("Ann"), "phone"), h.join(h.register("Carl"), "phone")
	room := ann.makeRoom("the garden")
	for i := range 3 {
		ann.write(room, fmt.Sprint("before Carl ", i))
	}
	ann.ask("room:invite", object{"room": room, "users": []chat.UserID{carl.id}})
	carl.hearSystem("newMessage", ann.user, "invited")
	ann.write(room, "hello Carl")
	seen := func() (bodies []string) {
		for _, m := range carl.ask("message:before", object{"room": room})["messages"].([]any) {
			if m := m.(object); m["type"] == "text" {
				bodies = append(bodies, m["message"].(string))
			}
		}
		return bodies
	}
	if got := seen(); !slices.Equal(got, []string{"hello Carl"}) {
		t.Errorf("Carl sees %q", got)
	}
	ann.ask("room:history", object{"room": room, "from": "start"})
	if c := carl.hearInvitedThen("history"); c.History == nil || *c.History != "start" {
		t.Errorf("Carl hears %+v", c)
	}
	if got := seen(); len(got) != 4 {
		t.Errorf("Carl sees %q", got)
	}
	ann.ask("room:history", object{"room": room, "from": "joined"})
	if got := seen(); !slices.Equal(got, []string{"hello Carl"}) {
		t.Errorf("Carl sees %q again", got)
	}
}

func (p *person) hearInvitedThen(what string) roomChanged {
	p.t.Helper()
	p.hearChange("invited")
	return p.hearChange(what)
}

// Who is kicked hears so, and then nothing more; the code that let her in does not bring her back.
func TestBobIsKicked(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.join(h.register("Ann"), "phone"), h.join(h.register("Bob"), "phone"), h.join(h.register("Carl"), "phone")
	room := ann.makeRoom("the garden", carl.user)
	code := ann.ask("room:code", object{"room": room, "on": true})["code"].(string)
	bob.wantRefused("room:join", object{"code": code + "x"}, chat.NotFound)
	if joined := bob.ask("room:join", object{"code": code}); joined["room"] != room || joined["role"] != "member" || joined["members"] != 3.0 {
		t.Errorf("Bob joined %v", joined)
	}
	bob.hearSystem("sentMessage", bob.user, "joined")
	if again := bob.ask("room:join", object{"code": code}); again["members"] != 3.0 {
		t.Errorf("Bob joined twice: %v", again)
	}
	bob.hearChange("joined")
	last := bob.write(room, "hello")

	if kicked := ann.ask("room:kick", object{"room": room, "users": []chat.UserID{bob.id, chat.NewUserID(h.now())}})["kicked"].([]any); fmt.Sprint(kicked) != fmt.Sprintf("[%s]", bob.id) {
		t.Errorf("kicked are %v", kicked)
	}
	if c := bob.hearChange("kicked"); c.By != string(ann.id) || !slices.Equal(c.Users, []chat.UserID{bob.id}) {
		t.Errorf("Bob hears %+v", c)
	}
	seq := ann.write(room, "he is gone")
	ann.ask("room:rename", object{"room": room, "name": "without Bob"})
	for {
		if m := carl.hearMessage("newMessage"); m.Seq == seq {
			break
		}
	}
	bob.heardNothingElse("newMessage")
	bob.heardNothingElse("room:changed")
	bob.wantRefused("chat", object{"room": room, "message": "let me in"}, chat.NotFound)
	bob.wantRefused("room:info", object{"room": room}, chat.NotFound)
	bob.wantRefused("room:join", object{"code": code}, chat.NotFound)
	for event, with := range map[string]object{
		"message:since": {"conv": "r:" + room}, "message:before": {"room": room}, "message:edit": {"conv": "r:" + room, "seq": last, "data": "x"},
		"message:read": {"conv": "r:" + room, "seq": last}, "message:search": {"q": "gone", "conv": "r:" + room},
	} {
		if answer, f := bob.try(event, with); f == nil || f.Code != "forbidden" && f.Code != "not_found" {
			t.Errorf("%s is answered %v, %+v", event, answer, f)
		}
	}
	if convs := bob.ask("sync", object{"cursors": object{"r:" + room: 0}})["conversations"].([]any); len(convs) != 0 {
		t.Errorf("Bob's conversations are %v", convs)
	}
	if found := bob.ask("message:search", object{"q": "gone"})["messages"].([]any); len(found) != 0 {
		t.Errorf("Bob finds %v", found)
	}
}

// Whoever is put out of a room in the middle of a conversation hears nothing of it behind the event that says so.
func TestBobIsKickedWhileAllTalk(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.join(h.register("Ann"), "phone"), h.join(h.register("Bob"), "phone"), h.join(h.register("Carl"), "phone")
	room := ann.makeRoom("the garden", bob.user, carl.user)
	const messages = 600
	for i := range messages {
		if i == messages/2 {
			ann.emit("room:kick", object{"room": room, "user": bob.id})
		}
		carl.emit("chat", object{"room": room, "message": i})
	}
	bob.hearChange("created")
	bob.hearChange("kicked")
	bob.waiting = nil
	for last := 0.0; last < messages-1; { // Ann hears all of them
		if m := ann.hearMessage("newMessage"); m.Type == "text" {
			last = m.Message.(float64)
		}
	}
	bob.heardNothingElse("newMessage")
	bob.heardNothingElse("room:changed")
}

// Who was away finds what the system said, and whether she was called, when she comes.
func TestWhoWasAwayFindsSystemMessages(t *testing.T) {
	h := openChanges(t)
	ann, bobUser := h.join(h.register("Ann"), "phone"), h.register("Bob")
	room := ann.makeRoom("the garden", bobUser)
	ann.ask("room:rename", object{"room": room, "name": "the yard"})
	ann.ask("room:announce", object{"room": room, "text": "tea at four"})
	bob := h.join(bobUser, "phone")
	for seq, what := range []string{"created", "renamed", "announced"} {
		if m := bob.hearSystem("newMessage", ann.user, what); m.Seq != uint64(seq+1) || !m.Offline {
			t.Errorf("Bob hears %+v", m)
		}
	}
	conv := bob.ask("sync", object{})["conversations"].([]any)[0].(object)
	if conv["unread"] != 3.0 || conv["mentioned"] != nil || conv["name"] != "the yard" {
		t.Errorf("Bob's list has %v", conv)
	}
	if r := bob.ask("room:list", nil)["rooms"].([]any)[0].(object); r["announcement"] != nil || r["announcedAt"] == nil {
		t.Errorf("Bob's list of rooms has %v", r)
	}
	if info := bob.ask("room:info", object{"room": room}); info["announcement"] != "tea at four" || info["announcedBy"] != string(ann.id) || info["announcedAt"] == nil {
		t.Errorf("the room is %v", info)
	}
	// It is the server's message: nobody, not even who caused it, makes it say something else.
	ann.wantRefused("message:edit", object{"conv": "r:" + room, "seq": 2, "data": "something else"}, chat.Forbidden)
	ann.wantRefused("message:recall", object{"conv": "r:" + room, "seq": 2}, chat.Forbidden)
}

// The code opens the room to whoever knows it, and is told to nobody else than the owner and admins.
func TestTheCodeIsNotToldToMembers(t *testing.T) {
	h := open(t)
	ann, bob := h.join(h.register("Ann"), "phone"), h.join(h.register("Bob"), "phone")
	room := ann.makeRoom("the garden", bob.user)
	code := ann.ask("room:code", object{"room": room, "on": true})["code"].(string)
	if len(code) < 12 {
		t.Errorf("the code is %q", code)
	}
	if c := bob.hearCreatedThen("code"); c.By != string(ann.id) || c.Seq != 0 {
		t.Errorf("Bob hears %+v", c)
	}
	if info := ann.ask("room:info", object{"room": room}); info["code"] != code {
		t.Errorf("Ann sees %v", info)
	}
	for _, answer := range []object{bob.ask("room:info", object{"room": room}), bob.ask("room:list", nil)} {
		if strings.Contains(fmt.Sprint(answer), code) {
			t.Errorf("Bob is told the code: %v", answer)
		}
	}
	if answer := ann.ask("room:code", object{"room": room, "on": false}); answer["code"] != nil {
		t.Errorf("the code is %v", answer)
	}
	bob.ask("room:leave", object{"room": room})
	bob.wantRefused("room:join", object{"code": code}, chat.NotFound)
	for _, packet := range bob.waiting {
		if strings.Contains(packet, code) {
			t.Errorf("Bob heard the code: %s", packet)
		}
	}
}

// The members of a full room come in pages, each once.
func TestFiveThousandMembersArePaged(t *testing.T) {
	h := open(t)
	ann := h.join(h.register("Ann"), "phone")
	stadium := chat.Room{
		ID: chat.RoomID(chat.NewUserID(h.now())), Number: chat.MinRoomNumber, Name: "the stadium", Owner: ann.id, Created: h.now(),
		History: chat.HistoryJoined,
	}
	members := []chat.RoomMember{{Room: stadium.ID, User: ann.id, Role: chat.RoleMember, Joined: h.now()}}
	for i := 1; i < chat.MaxMembers; i++ {
		members = append(members, chat.RoomMember{
			Room: stadium.ID, User: chat.UserID(fmt.Sprintf("%024x", i)), Role: chat.RoleMember, Joined: h.now(),
		})
	}
	if err := h.engine.CreateRoom(t.Context(), stadium, members); err != nil {
		t.Fatal(err)
	}
	room := string(stadium.ID)
	after, seen := "", 0
	for pages := 1; ; pages++ {
		answer := ann.ask("room:members", object{"room": room, "after": after})
		for _, s := range answer["members"].([]any) {
			s := s.(object)
			if user := s["user"].(string); user <= after {
				t.Fatalf("%s stands behind %s", user, after)
			} else {
				after = user
			}
			if seen++; after == string(ann.id) && (s["role"] != "owner" || s["online"] != true || s["name"] != "Ann") {
				t.Errorf("Ann is %v", s)
			}
		}
		if answer["more"] != true {
			if answer["next"] != nil || pages != chat.MaxMembers/chat.MaxSeats {
				t.Errorf("page %d ends with %v", pages, answer["next"])
			}
			break
		}
		if answer["next"] != after {
			t.Fatalf("next is %v behind %s", answer["next"], after)
		}
	}
	if seen != chat.MaxMembers {
		t.Errorf("%d members, want %d", seen, chat.MaxMembers)
	}
	if info := ann.ask("room:info", object{"room": room}); info["members"] != float64(chat.MaxMembers) || info["online"] != 1.0 {
		t.Errorf("the room is %v", info)
	}
}
