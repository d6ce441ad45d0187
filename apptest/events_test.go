package apptest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime"
)

// company is Ann, and those who are something to her. Mia, Max and Ada are in the room that is hers; Max is muted there, and
// Ada an admin. Fay is a friend of hers, whom she asked. Bob is blocked by her. Sam is a stranger, and so is Sly, who
// says that he is Ann. Tom is a member whom things are done to.
type company struct {
	house                                             *House
	sam, sly, fay, bob, mia, max, ada, ann, tom, tess *Person
	rooms                                             int
}

func newCompany(h *House) *company {
	c := &company{house: h}
	for _, seat := range []struct {
		name string
		into **Person
	}{
		{"Sam", &c.sam}, {"Sly", &c.sly}, {"Fay", &c.fay}, {"Bob", &c.bob}, {"Mia", &c.mia}, {"Max", &c.max}, {"Ada", &c.ada},
		{"Ann", &c.ann}, {"Tom", &c.tom}, {"Tess", &c.tess},
	} {
		*seat.into = h.Register(seat.name)
		(*seat.into).Enter()
	}
	if code := c.sly.Ask("login", object{"userid": c.ann.ID}); code != "forbidden" {
		h.T.Errorf("Sly logs in as Ann: %s", code)
	}
	c.befriend()
	c.ann.Do("friend:block", object{"user": c.bob.ID}, nil)
	return c
}

func (c *company) befriend() {
	c.ann.Do("friend:ask", object{"user": c.fay.ID}, nil)
	c.fay.Do("friend:answer", object{"user": c.ann.ID, "accept": true}, nil)
}

// strangers is how many columns are of people who are not in the room.
const strangers = 4

// columns are who asks: each row says for each of them what she is answered.
func (c *company) columns() []*Person {
	return []*Person{c.sly, c.sam, c.fay, c.bob, c.mia, c.max, c.ada, c.ann}
}

const columnNames = "impostor stranger friend blocked member muted admin owner"

// scene is what one question is asked about: a fresh room, with a message in it that outsiders must not see, and what stands
// between Ann and who asks.
type scene struct {
	*company
	who        *Person
	room, code string
	conv       string // of the room
	seq        uint64 // of the message
	talk       string // between Ann and Fay
	seqTalk    uint64
}

// aboutRoom makes a room of Ann's, in which Ann, and Mia, said something that only its members may see.
func (c *company) aboutRoom(who *Person) *scene {
	s := &scene{company: c, who: who}
	c.rooms++
	var made struct{ Room, Conv, Code string }
	members := []string{c.mia.ID, c.max.ID, c.ada.ID, c.tom.ID}
	c.ann.Do("room:create", object{"name": fmt.Sprintf("room %d", c.rooms), "members": members}, &made)
	s.room, s.conv = made.Room, made.Conv
	c.ann.Do("room:role", object{"room": s.room, "user": c.ada.ID, "role": "admin"}, nil)
	c.ann.Do("room:mute", object{"room": s.room, "user": c.max.ID, "for": 3600}, nil)
	c.ann.Do("room:code", object{"room": s.room, "on": true}, &made)
	s.code = made.Code
	text := fmt.Sprintf("whispered in room %04d", c.rooms)
	c.house.keep(text, c.ann, c.mia, c.max, c.ada, c.tom)
	var said struct{ Seq uint64 }
	c.ann.Do("chat", object{"room": s.room, "message": text}, &said)
	s.seq = said.Seq
	return s
}

// aboutTalk is about what Ann said to Fay.
func (c *company) aboutTalk(who *Person) *scene {
	c.rooms++
	text := fmt.Sprintf("whispered to Fay %04d", c.rooms)
	c.house.keep(text, c.ann, c.fay)
	s := &scene{company: c, who: who, talk: string(chat.DirectConv(chat.UserID(c.ann.ID), chat.UserID(c.fay.ID)))}
	var said struct{ Seq uint64 }
	c.ann.Do("chat", object{"toUserid": c.fay.ID, "message": text}, &said)
	s.seqTalk = said.Seq
	return s
}

// aboutAnn makes sure that who asks is to Ann what her column says.
func (c *company) aboutAnn(who *Person) *scene {
	if who != c.ann {
		for _, pair := range [][2]*Person{{who, c.ann}, {c.ann, who}} {
			pair[0].Ask("friend:unblock", object{"user": pair[1].ID})
			pair[0].Ask("friend:remove", object{"user": pair[1].ID})
			pair[0].Ask("friend:answer", object{"user": pair[1].ID, "accept": false})
		}
		switch who {
		case c.fay:
			c.befriend()
		case c.bob:
			c.ann.Do("friend:block", object{"user": c.bob.ID}, nil)
		}
	}
	return &scene{company: c, who: who}
}

// eventRow is one thing to ask for by an event, and the codes of the acks for each column.
type eventRow struct {
	event, case_ string
	about        func(c *company, who *Person) *scene
	ask          func(s *scene) any
	want         string
}

// Often seen.
const (
	all      = "ok ok ok ok ok ok ok"
	inRoom   = "not_found not_found not_found ok ok ok ok"
	inConv   = "forbidden forbidden forbidden ok ok ok ok"
	inTalk   = "forbidden ok forbidden forbidden forbidden forbidden ok"
	managers = "not_found not_found not_found forbidden forbidden ok ok"
	owner    = "not_found not_found not_found forbidden forbidden forbidden ok"
	author   = "forbidden forbidden forbidden forbidden forbidden forbidden ok"
	notSelf  = "ok ok ok ok ok ok invalid"
)

func eventRows() []eventRow {
	room, talk, ann := (*company).aboutRoom, (*company).aboutTalk, (*company).aboutAnn
	onlyRoom := func(s *scene) any { return object{"room": s.room} }
	onlyAnn := func(s *scene) any { return object{"user": s.ann.ID} }
	inRoomWith := func(more object) func(*scene) any {
		return func(s *scene) any {
			q := object{"room": s.room}
			for name, value := range more {
				q[name] = value
			}
			return q
		}
	}
	message := func(s *scene) any { return object{"conv": s.conv, "seq": s.seq} }
	spoken := func(s *scene) any { return object{"conv": s.talk, "seq": s.seqTalk} }
	return []eventRow{
		{"login", "as herself", ann, func(s *scene) any { return object{"userid": s.who.ID} }, all},
		{"login", "as Ann", ann, func(s *scene) any { return object{"userid": s.ann.ID} }, author},
		{"chat", "to Ann", ann, func(s *scene) any { return object{"toUserid": s.ann.ID, "message": "hello"} }, "ok ok forbidden ok ok ok ok"},
		{"chat", "in Ann's name", ann, func(s *scene) any { return object{"form_id": s.ann.ID, "toUserid": s.tom.ID, "message": "hello"} }, author},
		{"chat", "to the room", room, inRoomWith(object{"message": "hello"}), "not_found not_found not_found ok forbidden ok ok"},
		{"chat", "to the room, in Ann's name", room, func(s *scene) any { return object{"form_id": s.ann.ID, "room": s.room, "message": "hello"} }, author},
		{"chat", "to everybody in the room", room, inRoomWith(object{"message": "hello", "mentions": "all"}), "not_found not_found not_found forbidden forbidden ok ok"},
		{"chat", "as the system", room, inRoomWith(object{"message": "hello", "type": "system"}), "invalid invalid invalid invalid invalid invalid invalid"},
		{"message:since", "of the room", room, func(s *scene) any { return object{"conv": s.conv, "after": 0} }, inConv},
		{"message:since", "of the talk", talk, func(s *scene) any { return object{"conv": s.talk, "after": 0} }, inTalk},
		{"message:before", "of the room", room, func(s *scene) any { return object{"room": s.room} }, "forbidden forbidden forbidden ok ok ok ok"},
		{"message:before", "of the talk", talk, func(s *scene) any { return object{"conv": s.talk} }, inTalk},
		{"message:before", "with Ann", ann, func(s *scene) any { return object{"with": s.ann.ID} }, all},
		{"message:edit", "of Ann's in the room", room, func(s *scene) any { return object{"conv": s.conv, "seq": s.seq, "data": "other"} }, owner},
		{"message:edit", "of Ann's in the talk", talk, func(s *scene) any { return object{"conv": s.talk, "seq": s.seqTalk, "data": "other"} }, author},
		{"message:recall", "of Ann's in the room", room, message, author},
		{"message:recall", "of Ann's in the talk", talk, spoken, author},
		{"message:search", "everywhere", room, func(s *scene) any { return object{"q": "whispered"} }, all},
		{"message:search", "in the room", room, func(s *scene) any { return object{"q": "whispered", "conv": s.conv} }, inConv},
		{"message:search", "in the talk", talk, func(s *scene) any { return object{"q": "whispered", "conv": s.talk} }, inTalk},
		{"sync", "of what is hers and what is not", room, func(s *scene) any { return object{"cursors": object{s.conv: 0}, "changes": object{s.conv: 0}} }, all},
		{"sync", "of the talk", talk, func(s *scene) any { return object{"cursors": object{s.talk: 0}} }, all},
		{"message:received", "in the room", room, message, inConv},
		{"message:received", "in the talk", talk, spoken, inTalk},
		{"message:read", "in the room", room, message, inConv},
		{"message:read", "in the talk", talk, spoken, inTalk},
		{"device:list", "of her own", ann, func(*scene) any { return object{} }, all},
		{"device:kick", "of a device that is not hers", ann, func(*scene) any { return object{"device": "somebody else's"} }, "not_found not_found not_found not_found not_found not_found not_found"},
		{"typing", "to Ann", ann, func(s *scene) any { return object{"to": s.ann.ID, "on": true} }, all},
		{"typing", "in the room", room, inRoomWith(object{"on": true}), inRoom},
		{"presence", "of Ann", ann, func(s *scene) any { return object{"users": []string{s.ann.ID}} }, all},
		{"friend:ask", "Ann", ann, func(s *scene) any { return object{"user": s.ann.ID, "note": "hello"} }, notSelf},
		{"friend:answer", "whom nobody asked", ann, func(s *scene) any { return object{"user": s.ann.ID, "accept": true} }, "not_found not_found not_found not_found not_found not_found invalid"},
		{"friend:remove", "Ann", ann, onlyAnn, "not_found ok not_found not_found not_found not_found not_found"},
		{"friend:block", "Ann", ann, onlyAnn, notSelf},
		{"friend:unblock", "Ann", ann, onlyAnn, all},
		{"friend:remark", "on Ann", ann, func(s *scene) any { return object{"user": s.ann.ID, "remark": "A."} }, "not_found ok not_found not_found not_found not_found not_found"},
		{"friend:list", "her own", ann, func(*scene) any { return object{} }, all},
		{"room:create", "with Tess", ann, func(s *scene) any { return object{"name": "another", "members": []string{s.tess.ID}} }, all},
		{"room:invite", "Tess", room, func(s *scene) any { return object{"room": s.room, "users": []string{s.tess.ID}} }, "not_found not_found not_found ok ok ok ok"},
		{"room:join", "by its code", room, func(s *scene) any { return object{"code": s.code} }, all},
		{"room:join", "by no code", room, func(s *scene) any { return object{"code": "no code of a room"} }, "not_found not_found not_found not_found not_found not_found not_found"},
		{"room:leave", "", room, onlyRoom, inRoom},
		{"room:kick", "Tom", room, func(s *scene) any { return object{"room": s.room, "user": s.tom.ID} }, managers},
		{"room:kick", "Ann", room, func(s *scene) any { return object{"room": s.room, "user": s.ann.ID} }, "not_found not_found not_found forbidden forbidden forbidden forbidden"},
		{"room:mute", "Tom", room, func(s *scene) any { return object{"room": s.room, "user": s.tom.ID, "for": 60} }, managers},
		{"room:mute", "herself, to speak again", room, func(s *scene) any { return object{"room": s.room, "user": s.who.ID, "for": 0} }, "not_found not_found not_found forbidden forbidden forbidden forbidden"},
		{"room:mute", "all", room, inRoomWith(object{"all": true, "for": 60}), managers},
		{"room:rename", "", room, inRoomWith(object{"name": "other"}), managers},
		{"room:announce", "", room, inRoomWith(object{"text": "other"}), managers},
		{"room:history", "", room, inRoomWith(object{"from": "start"}), managers},
		{"room:code", "", room, inRoomWith(object{"on": true}), managers},
		{"room:role", "of Tom", room, func(s *scene) any { return object{"room": s.room, "user": s.tom.ID, "role": "admin"} }, owner},
		{"room:role", "her own, to own it", room, func(s *scene) any { return object{"room": s.room, "user": s.who.ID, "role": "owner"} }, owner},
		{"room:dissolve", "", room, onlyRoom, owner},
		{"room:info", "", room, onlyRoom, inRoom},
		{"room:members", "", room, onlyRoom, inRoom},
		{"room:list", "", room, func(*scene) any { return object{} }, all},
	}
}

// Every event is asked for as everybody, and as nobody: without a token, with one whose time is over, and with one's own
// under Ann's name. What comes back, and what anybody hears meanwhile, leaks nothing.
func TestWhoMaySendWhichEvent(t *testing.T) {
	h := Open(t)
	c := newCompany(h)
	rows := eventRows()
	listed := map[string]bool{}
	for _, r := range rows {
		listed[r.event] = true
	}
	for _, name := range realtime.Events() {
		if !listed[name] {
			t.Errorf("%s has no row: who may ask for it?", name)
		}
	}
	names := strings.Fields(columnNames)
	for _, r := range rows {
		want := strings.Fields(r.want)
		if len(want)+1 != len(names) {
			t.Fatalf("%s %s: %d columns", r.event, r.case_, len(want))
		}
		want = append(want[:1:1], want...) // the impostor is a stranger
		for i, who := range c.columns() {
			s := r.about(c, who)
			ack := who.ask(r.event, r.ask(s))
			if codeOf(t, ack) != want[i] {
				t.Errorf("%s %s, %s: got %s, want %s", r.event, r.case_, names[i], ack, want[i])
			}
			if s.room == "" || i >= strangers {
				continue
			}
			s.room = "0123456789abcdef01234567" // nobody's
			s.conv = string(chat.RoomConv(chat.RoomID(s.room)))
			if none := who.ask(r.event, r.ask(s)); want[i] != "ok" && string(none) != string(ack) {
				t.Errorf("%s %s, %s: got %s, and where there is no room %s", r.event, r.case_, names[i], ack, none)
			}
		}
	}
	c.asNobody(t, rows)
	c.hearAll()
	h.noLeak()
}

// asNobody asks without a token, and with one whose time is over.
func (c *company) asNobody(t *testing.T, rows []eventRow) {
	s := c.aboutRoom(c.sam)
	talk := c.aboutTalk(c.sam)
	s.talk, s.seqTalk = talk.talk, talk.seqTalk
	for _, column := range []string{"no token", "an expired token"} {
		nobody := c.house.nobody(column)
		nobody.connect(object{})
		s.who = nobody
		if column == "an expired token" {
			if code := nobody.Ask("login", object{"token": c.ann.expired()}); code != "unauthenticated" {
				t.Errorf("a login with %s: %s", column, code)
			}
		}
		for _, r := range rows {
			if code := nobody.Ask(r.event, r.ask(s)); code != "unauthenticated" {
				t.Errorf("%s %s, %s: got %s", r.event, r.case_, column, code)
			}
		}
	}
	late := c.house.nobody("a token that is good")
	late.connect(object{})
	if code := late.Ask("login", object{"token": c.tess.until(time.Now().Add(time.Hour))}); code != "ok" {
		t.Errorf("a login with a token made as those that have expired: %s", code)
	}
	// What outsiders were not told is there to be read.
	c.mia.Do("message:before", object{"room": s.room}, nil)
	c.fay.Do("message:before", object{"conv": s.talk}, nil)
	for _, kept := range c.house.secrets[len(c.house.secrets)-2:] {
		if !strings.Contains(c.mia.said()+c.fay.said(), kept.text) {
			t.Errorf("nobody heard %q", kept.text)
		}
	}
}

// hearAll waits until everybody has heard what was sent to her before.
func (c *company) hearAll() {
	for _, p := range append(c.columns(), c.tom) {
		text := "the last word to " + p.Name
		c.tess.Do("chat", object{"toUserid": p.ID, "message": text}, nil)
		p.awaits(text)
	}
}
