package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/gateway"
	"github.com/parley-chat/parley/limit"
)

func TestAnnFindsBobByNumberAndByName(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	c := h.enter(ann)
	for _, uid := range []any{bob.uid, fmt.Sprint(bob.uid), "Bob"} {
		o := c.Ask(1007, object{"uid": uid}, 1008)
		if o["uid"] != float64(bob.uid) || o["name"] != "Bob" {
			t.Errorf("%v: %v", uid, o)
		}
		for _, secret := range []string{"email", "pwd", "phone"} {
			if _, ok := o[secret]; ok {
				t.Errorf("%s is told: %v", secret, o)
			}
		}
	}
	c.Refused(1007, object{"uid": "Nobody"}, 1008, 1011)
	c.Refused(1007, object{"uid": 10000001}, 1008, 1011)
	c.Refused(1007, object{}, 1008, 1011)
}

// Mallory tries numbers. When she is over the limit, she is not told of those either that the server knows by heart.
func TestNumbersAreNotToBeTriedOut(t *testing.T) {
	h := open(t, func(c *gateway.Config) { c.Accounts.Limits.SearchByUser = limit.New(1, time.Hour, time.Now) })
	bob, mallory := h.join("Bob"), h.join("Mallory")
	h.enter(bob)
	c := h.enter(mallory)
	c.Ask(1027, object{"other_id": bob.uid}, 1028)
	c.Refused(1027, object{"other_id": 10000001}, 1028, 1011)
	c.Refused(1027, object{"other_id": 10000002}, 1028, 1002)
	c.Refused(1027, object{"other_id": bob.uid}, 1028, 1002)
}

func TestAnnAsksAndBobAccepts(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	// The body says that somebody else asks: the session counts.
	hers.Ask(1009, object{"uid": bob.uid, "applyname": "It's me", "bakname": "B", "touid": bob.uid}, 1010)
	o := his.Hears(1011)
	if o["applyuid"] != float64(ann.uid) || o["name"] != "Ann" || o["desc"] != "It's me" || o["error"] != 0.0 {
		t.Errorf("Bob heard %v", o)
	}
	o = his.Ask(1013, object{"fromuid": ann.uid, "touid": ann.uid, "back": "Annie"}, 1014)
	if o["uid"] != float64(ann.uid) || o["name"] != "Ann" {
		t.Errorf("Bob's answer: %v", o)
	}
	if begun := chats(o, "chat_datas"); len(begun) == 0 || begun[0]["thread_id"] != float64(ann.uid) {
		t.Errorf("Bob's thread: %v", begun)
	}
	o = hers.Hears(1015)
	if o["fromuid"] != float64(bob.uid) || o["touid"] != float64(ann.uid) || o["name"] != "Bob" {
		t.Errorf("Ann heard %v", o)
	}
	if begun := chats(o, "chat_datas"); len(begun) == 0 || begun[0]["thread_id"] != float64(bob.uid) {
		t.Errorf("Ann's thread: %v", begun)
	}
	his.Refused(1013, object{"touid": ann.uid}, 1014, 1011) // once

	again := h.dial()
	o = again.Ask(1005, object{"uid": bob.uid, "token": bob.token}, 1006)
	list := chats(o, "friend_list")
	if len(list) != 1 || list[0]["uid"] != float64(ann.uid) || list[0]["back"] != "Annie" || list[0]["name"] != "Ann" {
		t.Errorf("Bob's friends: %v", list)
	}
	if list := chats(o, "apply_list"); len(list) != 0 {
		t.Errorf("what waits for Bob: %v", list)
	}
}

func TestARequestWaitsForBob(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	h.enter(ann).Ask(1009, object{"applyname": "Hi", "touid": bob.uid}, 1010)
	his := h.dial()
	o := his.Ask(1005, object{"uid": bob.uid, "token": bob.token}, 1006)
	list := chats(o, "apply_list")
	if len(list) != 1 || list[0]["uid"] != float64(ann.uid) || list[0]["desc"] != "Hi" || list[0]["status"] != 0.0 {
		t.Fatalf("what waits for Bob: %v", list)
	}
}

func TestARequestInTheMomentOfALoginIsToldOnce(t *testing.T) {
	h := open(t, func(c *gateway.Config) { c.Friends.Store = &moment{FriendStore: c.Friends.Store} })
	ann, bob, carl := h.join("Ann"), h.join("Bob"), h.join("Carl")
	ask := func(p person) {
		if _, err := h.cfg.Friends.Ask(context.Background(), p.id, ann.id, ""); err != nil {
			t.Error(err)
		}
	}
	m := h.cfg.Friends.Store.(*moment)
	m.before, m.after = func() { ask(bob) }, func() { ask(carl) }
	c := h.dial()
	o := c.Login(ann.uid, ann.token)
	if list := chats(o, "apply_list"); len(list) != 1 || list[0]["uid"] != float64(bob.uid) {
		t.Errorf("what waits for Ann: %v", list)
	}
	if n := c.Hears(1011); n["applyuid"] != float64(carl.uid) {
		t.Errorf("Ann heard %v", n)
	}
	c.Ask(1023, object{}, 1024)
}

// moment lets something happen before and after the first list of requests is read.
type moment struct {
	chat.FriendStore
	before, after func()
	once          sync.Once
}

func (m *moment) Requests(ctx context.Context, to chat.UserID) (all []chat.FriendRequest, err error) {
	first := false
	if m.before != nil {
		m.once.Do(func() { first = true })
	}
	if !first {
		return m.FriendStore.Requests(ctx, to)
	}
	m.before()
	all, err = m.FriendStore.Requests(ctx, to)
	m.after()
	return all, err
}

func TestBothAskAtOnceAndAreFriends(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	hers, his := h.enter(ann), h.enter(bob)
	hers.Ask(1009, object{"touid": bob.uid}, 1010)
	his.Hears(1011)
	his.Send(1009, object{"touid": ann.uid})
	if o := his.Hears(1015); o["fromuid"] != float64(ann.uid) {
		t.Errorf("Bob heard %v", o)
	}
	his.Hears(1010)
	if o := hers.Hears(1015); o["fromuid"] != float64(bob.uid) {
		t.Errorf("Ann heard %v", o)
	}
}

func TestWhatCannotBeAskedIsRefused(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	c := h.enter(ann)
	c.Refused(1009, object{"touid": 12345678}, 1010, 1011)
	c.Refused(1009, object{}, 1010, 1011)
	c.Refused(1009, object{"touid": ann.uid}, 1010, 1001)
	c.Refused(1009, object{"touid": bob.uid, "applyname": strings.Repeat("x", 201)}, 1010, 1001)
	c.Refused(1013, object{"touid": bob.uid}, 1014, 1011) // he never asked
}

func TestWhoIsBlockedIsNotTold(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	if err := h.cfg.Friends.Block(context.Background(), bob.id, ann.id); err != nil {
		t.Fatal(err)
	}
	hers, his := h.enter(ann), h.enter(bob)
	hers.Ask(1009, object{"touid": bob.uid}, 1010)
	hers.Refused(1017, object{"touid": bob.uid, "text_array": []object{{"content": "hi", "unique_id": "1"}}}, 1018, 1011)
	his.Ask(1023, object{}, 1024) // and nothing before it
	if len(h.stored()) != 0 {
		t.Error("it was stored")
	}
}

func TestManyFriendsComeInFramesOfTheirOwn(t *testing.T) {
	h := open(t)
	ann := h.join("Ann")
	const many = 300
	names := make(map[string]bool)
	for _, p := range h.crowd("Carl", many) {
		names[p.name] = true
		if _, err := h.cfg.Friends.Add(context.Background(), ann.id, p.id); err != nil {
			t.Fatal(err)
		}
	}
	c := h.dial()
	o := c.Ask(1005, object{"uid": ann.uid, "token": ann.token}, 1006)
	list := chats(o, "friend_list")
	for _, f := range list {
		delete(names, f["name"].(string))
	}
	if len(list) == 0 || len(names) == 0 {
		t.Fatalf("%d friends fit into a frame", len(list))
	}
	for range many - len(list) {
		delete(names, c.Hears(1015)["name"].(string))
	}
	if len(names) != 0 {
		t.Errorf("not told: %v", names)
	}
	c.Ask(1023, object{}, 1024)
}

func TestAProfileIsShown(t *testing.T) {
	h := open(t)
	ann, bob := h.join("Ann"), h.join("Bob")
	nick, about, sex, icon := "Bobby", "I'm Bob", 1, ":/res/head_1.jpg"
	if _, err := h.cfg.Accounts.SetProfile(context.Background(), bob.id, chat.ProfileChange{
		Nickname: &nick, Description: &about, Sex: &sex, Icon: &icon,
	}); err != nil {
		t.Fatal(err)
	}
	c := h.enter(ann)
	o := c.Ask(1007, object{"uid": bob.uid}, 1008)
	if o["nick"] != nick || o["desc"] != about || o["sex"] != 1.0 || o["icon"] != icon {
		t.Errorf("Bob is %v", o)
	}
	if _, err := h.cfg.Accounts.Store.SetPicture(context.Background(), bob.id, "abc.jpg"); err != nil {
		t.Fatal(err)
	}
	if o := c.Ask(1007, object{"uid": bob.uid}, 1008); o["icon"] != "https://chat.example/mongo/img/abc.jpg" {
		t.Errorf("Bob's picture is %v", o["icon"])
	}
}
