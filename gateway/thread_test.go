package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
)

func TestAnnLoadsHerThreads(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.join("Ann"), h.join("Bob"), h.join("Carl")
	c := h.enter(ann)
	if o := c.Ask(1025, object{"uid": ann.uid, "thread_id": 0}, 1026); len(chats(o, "threads")) != 0 || o["load_more"] != false || o["next_last_id"] != 0.0 {
		t.Errorf("before anything was said: %v", o)
	}
	h.write(chat.Draft{Sender: ann.id, To: bob.id, Body: []byte(`"hi"`)})
	c.Hears(1019)
	h.write(chat.Draft{Sender: carl.id, To: ann.id, Body: []byte(`"hi"`)})
	c.Hears(1019)
	o := c.Ask(1101, object{"uid": bob.uid, "other_member": []uint64{bob.uid}}, 1102)
	group := o["thread_id"]

	o = c.Ask(1025, object{"uid": bob.uid, "thread_id": "0"}, 1026)
	list := chats(o, "threads")
	if len(list) != 3 || o["uid"] != float64(ann.uid) || o["next_last_id"] != group {
		t.Fatalf("%v", o)
	}
	for i, other := range []uint64{min(bob.uid, carl.uid), max(bob.uid, carl.uid)} {
		if one := list[i]; one["type"] != "private" || one["thread_id"] != float64(other) ||
			one["user1_id"] != float64(min(ann.uid, other)) || one["user2_id"] != float64(max(ann.uid, other)) {
			t.Errorf("a private thread: %v", one)
		}
	}
	if one := list[2]; one["type"] != "group" || one["thread_id"] != group || one["group_name"] != "Ann创建的群" || one["member_count"] != 2.0 ||
		len(chats(one, "members")) != 2 {
		t.Errorf("the group: %v", one)
	}
	if o := c.Ask(1025, object{"thread_id": group}, 1026); len(chats(o, "threads")) != 0 || o["next_last_id"] != group {
		t.Errorf("behind the last: %v", o)
	}
}

func TestManyThreadsComeInPages(t *testing.T) {
	h := open(t)
	ann := h.join("Ann")
	const many = 250
	for _, p := range h.crowd("Carl", many) {
		h.write(chat.Draft{Sender: p.id, To: ann.id, Body: []byte(`"hi"`)})
	}
	h.waitStored(many)
	c := h.enter(ann)
	seen, pages, last := 0, 0, 0.0
	for more := true; more; pages++ {
		o := c.Ask(1025, object{"thread_id": last}, 1026)
		for _, one := range chats(o, "threads") {
			if id := one["thread_id"].(float64); id <= last {
				t.Fatalf("%v behind %v", id, last)
			} else {
				last = id
			}
			seen++
		}
		if more = o["load_more"].(bool); o["next_last_id"] != last {
			t.Fatalf("the page ends at %v, and says %v", last, o["next_last_id"])
		}
	}
	if seen != many || pages < 2 {
		t.Errorf("%d threads on %d pages", seen, pages)
	}
}

func TestAPrivateThreadNeedsNoCreation(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	c := h.enter(ann)
	o := c.Ask(1027, object{"uid": ann.uid, "other_id": bob.uid}, 1028)
	if o["uid"] != float64(ann.uid) || o["other_id"] != float64(bob.uid) || o["thread_id"] != float64(bob.uid) {
		t.Errorf("%v", o)
	}
	c.Refused(1027, object{"other_id": 12345678}, 1028, 1011)
}

func TestHistoryGoesOnFromWhatTheClientHas(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	const many = 130
	for i := range many {
		from, to := ann, bob
		if i%2 == 1 {
			from, to = bob, ann
		}
		h.write(chat.Draft{Sender: from.id, To: to.id, Body: quoted(fmt.Sprint(i + 1))})
	}
	h.waitStored(many)
	c := h.enter(ann)
	last, pages := 0.0, 0
	for more := true; more; pages++ {
		o := c.Ask(1029, object{"thread_id": bob.uid, "message_id": last}, 1030)
		for _, one := range chats(o, "chat_datas") {
			last++
			sender, receiver := ann, bob
			if int(last)%2 == 0 {
				sender, receiver = bob, ann
			}
			if one["msg_id"] != last || one["msg_content"] != fmt.Sprint(last) || one["sender"] != float64(sender.uid) ||
				one["receiver"] != float64(receiver.uid) || one["thread_id"] != float64(bob.uid) || one["msg_type"] != 0.0 || one["status"] != 2.0 {
				t.Fatalf("number %v is %v", last, one)
			}
		}
		if more = o["load_more"].(bool); o["last_message_id"] != last || o["thread_id"] != float64(bob.uid) {
			t.Fatalf("the page ends at %v: %v", last, o["last_message_id"])
		}
	}
	if last != many || pages < 2 {
		t.Errorf("%v messages on %d pages", last, pages)
	}
	o := c.Ask(1029, object{"thread_id": bob.uid, "message_id": many + 5}, 1030)
	if len(chats(o, "chat_datas")) != 0 || o["load_more"] != false {
		t.Errorf("behind the end: %v", o)
	}
}

func TestLongHistoryFitsIntoFrames(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	const many = 8
	for range many {
		h.write(chat.Draft{Sender: ann.id, To: bob.id, Body: quoted(strings.Repeat("界", 5000))})
	}
	h.waitStored(many)
	c := h.enter(ann)
	last := 0.0
	for range many {
		o := c.Ask(1029, object{"thread_id": bob.uid, "message_id": last}, 1030)
		if list := chats(o, "chat_datas"); len(list) != 1 || list[0]["msg_id"] != last+1 {
			t.Fatalf("behind %v: %d messages", last, len(list))
		}
		last++
		if o["load_more"] != (last < many) {
			t.Fatalf("at %v: load_more is %v", last, o["load_more"])
		}
	}
}

func TestARecalledMessageSaysSo(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	h.write(chat.Draft{Sender: ann.id, To: bob.id, Body: []byte(`"a secret"`)})
	h.waitStored(1)
	if _, err := h.messages.Recall(context.Background(), ann.id, chat.DirectConv(ann.id, bob.id), 1, func(*chat.Message) {}); err != nil {
		t.Fatal(err)
	}
	o := h.enter(bob).Ask(1029, object{"thread_id": ann.uid}, 1030)
	if list := chats(o, "chat_datas"); len(list) != 1 || list[0]["msg_content"] != "[消息已撤回]" {
		t.Errorf("%v", list)
	}
}

func TestNobodyReadsWhatIsNotHers(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.join("Ann"), h.join("Bob"), h.join("Carl")
	group := h.enter(ann).Ask(1101, object{"other_member": []uint64{bob.uid}}, 1102)["thread_id"]
	c := h.enter(carl)
	c.Send(1029, object{"thread_id": group})
	stranger := c.Hears(1030)
	c.Send(1029, object{"thread_id": 2147483647})
	missing := c.Hears(1030)
	if stranger["error"] != 1011.0 || fmt.Sprint(stranger) != fmt.Sprint(missing) {
		t.Errorf("a group that she is not in: %v; one that is not: %v", stranger, missing)
	}
	c.Refused(1017, object{"thread_id": group, "text_array": texts(text("hi", "1"))}, 1018, 1011)
	// A thread with Bob is Carl's own thread with Bob, and not Ann's.
	h.write(chat.Draft{Sender: ann.id, To: bob.id, Body: []byte(`"for Bob"`)})
	h.waitStored(2) // behind what tells of the group
	if list := chats(c.Ask(1029, object{"thread_id": bob.uid}, 1030), "chat_datas"); len(list) != 0 {
		t.Errorf("Carl reads %v", list)
	}
}
