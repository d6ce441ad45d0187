package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func TestAnnMakesAGroupAndAllHear(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.join("Ann"), h.join("Bob"), h.join("Carl")
	hers, his := h.enter(ann), h.enter(bob)
	o := hers.Ask(1101, object{"uid": carl.uid, "other_member": []any{bob.uid, fmt.Sprint(carl.uid), 12345678}}, 1102)
	group := o["thread_id"].(float64)
	if o["group_name"] != "Ann创建的群" || o["member_count"] != 3.0 || group < chat.MinRoomNumber {
		t.Errorf("Ann's answer: %v", o)
	}
	roles := make(map[any]any)
	for _, m := range chats(o, "members") {
		roles[m["name"]] = m["role"]
	}
	if fmt.Sprint(roles) != "map[Ann:2 Bob:0 Carl:0]" {
		t.Errorf("members: %v", roles)
	}
	n := his.Hears(1120)
	if n["thread_id"] != group || n["touid"] != float64(bob.uid) || n["member_count"] != 3.0 || n["error"] != 0.0 {
		t.Errorf("Bob heard %v", n)
	}
	list := chats(his.Ask(1029, object{"thread_id": group}, 1030), "chat_datas")
	if len(list) != 1 || !strings.HasPrefix(list[0]["msg_content"].(string), "Ann 创建了群聊，成员：") {
		t.Errorf("the history: %v", list)
	}
}

// Ann makes a group at another door: her client here hears of it like Bob's.
func TestAGroupOfAnotherDoorIsHeardByItsMaker(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	room, _, err := h.cfg.Rooms.Create(context.Background(), ann.id, "Friends", []chat.UserID{bob.id}, "")
	if err != nil {
		t.Fatal(err)
	}
	for p, c := range map[*person]*client{&ann: hers, &bob: his} {
		if n := c.Hears(1120); n["thread_id"] != float64(room.Number) || n["touid"] != float64(p.uid) || n["member_count"] != 2.0 {
			t.Errorf("%s heard %v", p.name, n)
		}
		c.Ask(1023, object{}, 1024)
	}
}

// What was said before Bob came is delivered late, when he is a member already.
func TestWhoComesHearsNothingFromBefore(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	ctx := context.Background()
	room, _, err := h.cfg.Rooms.Create(ctx, ann.id, "Friends", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	h.write(chat.Draft{Sender: ann.id, Room: room.ID, Body: []byte(`"before Bob"`)})
	h.waitStored(2)
	his := h.enter(bob)
	if _, err := h.cfg.Rooms.Invite(ctx, ann.id, room.ID, []chat.UserID{bob.id}); err != nil {
		t.Fatal(err)
	}
	his.Hears(1019) // that he was invited
	his.Hears(1120)
	h.door.Deliver([]chat.Outcome{{Message: &h.stored()[1]}})
	his.Ask(1023, object{}, 1024)
}

func TestAGroupHearsWhatAMemberWrites(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.join("Ann"), h.join("Bob"), h.join("Carl")
	room, _, err := h.cfg.Rooms.Create(context.Background(), ann.id, "Friends", []chat.UserID{bob.id}, "")
	if err != nil {
		t.Fatal(err)
	}
	hers, his, carls := h.enter(ann), h.enter(bob), h.enter(carl)
	// Who is to hear it is the server's to say, not the client's.
	o := hers.Ask(1017, object{
		"thread_id": room.Number, "touid": 0, "to_member_uids": []uint64{carl.uid}, "text_array": texts(text("hi all", "1")),
	}, 1018)
	if o["touid"] != 0.0 || o["thread_id"] != float64(room.Number) || chats(o, "chat_datas")[0]["status"] != 2.0 {
		t.Errorf("Ann's answer: %v", o)
	}
	n := his.Hears(1019)
	if n["touid"] != 0.0 || n["thread_id"] != float64(room.Number) || n["fromuid"] != float64(ann.uid) ||
		chats(n, "chat_datas")[0]["content"] != "hi all" || chats(n, "chat_datas")[0]["message_id"] != chats(o, "chat_datas")[0]["message_id"] {
		t.Errorf("Bob heard %v", n)
	}
	his.Ask(1017, object{"touid": room.Number, "text_array": texts(text("hi Ann", "1"))}, 1018) // touid may name a group too
	hers.Hears(1019)
	list := chats(his.Ask(1029, object{"thread_id": room.Number}, 1030), "chat_datas")
	if n := len(list); n < 2 || list[n-1]["msg_content"] != "hi Ann" || list[n-2]["receiver"] != 0.0 {
		t.Errorf("the history: %v", list)
	}
	carls.Ask(1023, object{}, 1024) // and nothing before it
}

func TestWhoIsMutedOrOutIsRefused(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	ctx := context.Background()
	room, _, err := h.cfg.Rooms.Create(ctx, ann.id, "Friends", []chat.UserID{bob.id}, "")
	if err != nil {
		t.Fatal(err)
	}
	his := h.enter(bob)
	if _, err := h.cfg.Rooms.Mute(ctx, ann.id, room.ID, bob.id, time.Hour); err != nil {
		t.Fatal(err)
	}
	if said := chats(his.Hears(1019), "chat_datas")[0]["content"]; said != "Ann 将 Bob 禁言" {
		t.Errorf("Bob read %v", said)
	}
	his.Refused(1017, object{"thread_id": room.Number, "text_array": texts(text("hi", "1"))}, 1018, 1011)
	if _, err := h.cfg.Rooms.Kick(ctx, ann.id, room.ID, []chat.UserID{bob.id}); err != nil {
		t.Fatal(err)
	}
	his.Refused(1017, object{"thread_id": room.Number, "text_array": texts(text("hi", "2"))}, 1018, 1011)
	his.Refused(1029, object{"thread_id": room.Number}, 1030, 1011)
	if list := chats(his.Ask(1025, object{}, 1026), "threads"); len(list) != 0 {
		t.Errorf("his threads: %v", list)
	}
}

func TestALargeGroupIsShownInPart(t *testing.T) {
	for _, names := range []string{"Carl", strings.Repeat("𝒞", 60)} { // the second are as long as names may be
		t.Run(names, func(t *testing.T) { largeGroup(t, names) })
	}
}

func largeGroup(t *testing.T, names string) {
	h := open(t)
	ann := h.join("Ann")
	var others []chat.UserID
	for _, p := range h.crowd(names, 150) {
		others = append(others, p.id)
	}
	for range 3 {
		if _, _, err := h.cfg.Rooms.Create(context.Background(), ann.id, "Many", others, ""); err != nil {
			t.Fatal(err)
		}
	}
	c := h.enter(ann)
	seen, last := 0, 0.0
	for more := true; more; {
		o := c.Ask(1025, object{"thread_id": last}, 1026)
		for _, one := range chats(o, "threads") {
			members := chats(one, "members")
			if one["member_count"] != 151.0 || len(members) < 10 || len(members) > 151 || members[0]["name"] != "Ann" {
				t.Errorf("%d members of %v, first %v", len(members), one["member_count"], members[0])
			}
			seen++
		}
		if o["next_last_id"] == last {
			t.Fatalf("no page behind %v: %v", last, o)
		}
		more, last = o["load_more"].(bool), o["next_last_id"].(float64)
	}
	if seen != 3 {
		t.Errorf("%d groups", seen)
	}
	o := c.Ask(1101, object{"group_name": "One more", "other_member": []uint64{chat.MinNumber, chat.MinNumber + 1}}, 1102)
	if o["member_count"] != 3.0 {
		t.Errorf("a new group: %v", o)
	}
}

func TestWhoIsInvitedHears(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.join("Ann"), h.join("Bob"), h.join("Carl")
	ctx := context.Background()
	room, _, err := h.cfg.Rooms.Create(ctx, ann.id, "Friends", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	code, err := h.cfg.Rooms.SetCode(ctx, ann.id, room.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	hers, his := h.enter(ann), h.enter(bob)
	if _, err := h.cfg.Rooms.Invite(ctx, ann.id, room.ID, []chat.UserID{bob.id}); err != nil {
		t.Fatal(err)
	}
	his.Hears(1019)
	if n := his.Hears(1120); n["thread_id"] != float64(room.Number) || n["group_name"] != "Friends" {
		t.Errorf("Bob heard %v", n)
	}
	if _, err := h.cfg.Rooms.Join(ctx, carl.id, 0, code); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Ann 邀请 Bob 加入群聊", "Carl 加入了群聊"} {
		if said := chats(hers.Hears(1019), "chat_datas")[0]["content"]; said != want {
			t.Errorf("Ann read %q, want %q", said, want)
		}
	}
	h.enter(carl).Ask(1023, object{}, 1024)
}
