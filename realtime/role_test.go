package realtime_test

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// What each may: a stranger is told of no room, whatever she asks for.
func TestRolesInARoom(t *testing.T) {
	h := open(t)
	var all []*person
	for _, name := range []string{"Owen", "Adam", "Mary", "Stan", "Paul", "Zoe"} {
		all = append(all, h.join(h.register(name), "phone"))
	}
	owen, adam, mary, stan, paul, zoe := all[0], all[1], all[2], all[3], all[4], all[5]
	room := owen.makeRoom("the garden", adam.user, mary.user, paul.user)
	owen.ask("room:role", object{"room": room, "user": adam.id, "role": "admin"})
	const ok, no, none, bad = "", chat.Forbidden, chat.NotFound, chat.Invalid
	// A room that never was is answered as one that a stranger is not in.
	for event, code := range map[string]chat.Code{
		"room:info": none, "room:members": none, "room:leave": none, "room:dissolve": none, "room:kick": none, "room:invite": none,
		"message:before": no,
	} {
		there := stan.wantRefused(event, object{"room": room, "users": []chat.UserID{mary.id}}, code)
		nowhere := stan.wantRefused(event, object{"room": chat.NewUserID(h.now()), "users": []chat.UserID{mary.id}}, code)
		if *there != *nowhere {
			t.Errorf("%s tells %+v from %+v", event, *there, *nowhere)
		}
	}
	// In the order of who: stranger, member, admin, owner. What succeeds is made good for the next.
	everyone := []*person{stan, mary, adam, owen}
	for _, c := range []struct {
		event string
		with  object
		codes [4]chat.Code
		after func(by *person)
	}{
		{event: "room:info", codes: [4]chat.Code{none, ok, ok, ok}},
		{event: "room:members", codes: [4]chat.Code{none, ok, ok, ok}},
		{event: "room:rename", with: object{"name": "the yard"}, codes: [4]chat.Code{none, no, ok, ok}},
		{event: "room:rename", with: object{"name": ""}, codes: [4]chat.Code{bad, bad, bad, bad}},
		{event: "room:announce", with: object{"text": "tea at four"}, codes: [4]chat.Code{none, no, ok, ok}},
		{event: "room:history", with: object{"from": "start"}, codes: [4]chat.Code{none, no, ok, ok}},
		{event: "room:history", with: object{"from": "never"}, codes: [4]chat.Code{bad, bad, bad, bad}},
		{event: "room:code", with: object{"on": true}, codes: [4]chat.Code{none, no, ok, ok}},
		{event: "room:mute", with: object{"all": true, "for": 0}, codes: [4]chat.Code{none, no, ok, ok}},
		{event: "room:mute", with: object{"user": paul.id, "for": 0}, codes: [4]chat.Code{none, no, ok, ok}},
		{event: "room:mute", with: object{"for": 1}, codes: [4]chat.Code{bad, bad, bad, bad}},
		{event: "room:mute", with: object{"all": true, "for": -1}, codes: [4]chat.Code{bad, bad, bad, bad}},
		{event: "room:mute", with: object{"user": owen.id, "for": 0}, codes: [4]chat.Code{none, no, no, no}},
		{event: "room:role", with: object{"user": paul.id, "role": "admin"}, codes: [4]chat.Code{none, no, no, ok}},
		{event: "room:role", with: object{"user": paul.id, "role": "member"}, codes: [4]chat.Code{none, no, no, ok}},
		{event: "room:role", with: object{"user": paul.id, "role": "king"}, codes: [4]chat.Code{bad, bad, bad, bad}},
		{event: "room:kick", with: object{"user": owen.id}, codes: [4]chat.Code{none, no, no, no}},
		{
			event: "room:kick", with: object{"user": paul.id}, codes: [4]chat.Code{none, no, ok, ok},
			after: func(*person) { owen.ask("room:invite", object{"room": room, "users": []chat.UserID{paul.id}}) },
		},
		{
			event: "room:invite", with: object{"users": []chat.UserID{zoe.id}}, codes: [4]chat.Code{none, ok, ok, ok},
			after: func(*person) { zoe.ask("room:leave", object{"room": room}) },
		},
		{event: "chat", with: object{"message": "hello"}, codes: [4]chat.Code{none, ok, ok, ok}},
		{event: "chat", with: object{"message": "hello", "mentions": "all"}, codes: [4]chat.Code{none, no, ok, ok}},
		{event: "chat", with: object{"message": "hello", "type": "system"}, codes: [4]chat.Code{bad, bad, bad, bad}},
		{event: "message:before", codes: [4]chat.Code{no, ok, ok, ok}},
		{
			event: "room:role", with: object{"user": paul.id, "role": "owner"}, codes: [4]chat.Code{none, no, no, ok},
			after: func(*person) { paul.ask("room:role", object{"room": room, "user": owen.id, "role": "owner"}) },
		},
		{event: "room:dissolve", codes: [4]chat.Code{none, no, no, ok}},
		{event: "room:info", codes: [4]chat.Code{none, none, none, none}},
	} {
		for i, by := range everyone {
			argument := object{"room": room}
			for name, value := range c.with {
				argument[name] = value
			}
			if c.codes[i] != ok {
				by.wantRefused(c.event, argument, c.codes[i])
				continue
			}
			by.ask(c.event, argument)
			if c.after != nil {
				c.after(by)
			}
		}
	}
}

func TestMutedMembersDoNotWrite(t *testing.T) {
	h := openChanges(t)
	ann, bob, carl := h.join(h.register("Ann"), "phone"), h.join(h.register("Bob"), "phone"), h.join(h.register("Carl"), "phone")
	room := ann.makeRoom("the garden", bob.user, carl.user)
	said := bob.write(room, "before")
	until := ann.ask("room:mute", object{"room": room, "user": bob.id, "for": 600})["until"].(float64)
	if c := bob.hearCreatedThen("muted"); c.Until != int64(until) || !slices.Equal(c.Users, []chat.UserID{bob.id}) {
		t.Errorf("Bob hears %+v", c)
	}
	if f := bob.wantRefused("chat", object{"room": room, "message": "may I?"}, chat.Forbidden); f.RetryAfter <= 0 || f.RetryAfter > 600_000 {
		t.Errorf("Bob is told %+v", *f)
	}
	bob.wantRefused("message:edit", object{"conv": "r:" + room, "seq": said, "data": "or so?"}, chat.Forbidden)
	carl.write(room, "I may")
	if seats := ann.ask("room:members", object{"room": room})["members"].([]any); !slices.ContainsFunc(seats, func(s any) bool {
		return s.(object)["user"] == string(bob.id) && s.(object)["muted"] == until
	}) {
		t.Errorf("the members are %v", seats)
	}
	h.setClock(601 * time.Second)
	bob.write(room, "at last")

	ann.ask("room:role", object{"room": room, "user": carl.id, "role": "admin"})
	ann.ask("room:mute", object{"room": room, "all": true, "for": 600})
	bob.wantRefused("chat", object{"room": room, "message": "may I?"}, chat.Forbidden)
	carl.write(room, "an admin may")
	ann.write(room, "so may I")
	if info := bob.ask("room:info", object{"room": room}); info["mutedAll"] == nil || info["muted"] != nil {
		t.Errorf("the room is %v", info)
	}
	ann.ask("room:mute", object{"room": room, "all": true, "for": 0})
	bob.write(room, "thank you")
}
