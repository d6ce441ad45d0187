package realtime_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime"
)

// appearance is a user as a client sees her come and go.
type appearance struct {
	User   chat.UserID
	Online bool
	At     int64
}

func (h *house) befriend(owner, friend user) {
	h.t.Helper()
	if _, err := h.engine.AddFriend(h.t.Context(), owner.id, friend.id, time.Now()); err != nil {
		h.t.Fatal(err)
	}
}

// hearsOf waits for news of a user.
func (p *person) hearsOf(who user, online bool) appearance {
	p.t.Helper()
	var a appearance
	if p.hear("presence", &a); a.User != who.id || a.Online != online || time.Since(time.UnixMilli(a.At)).Abs() > answerWait {
		p.t.Errorf("%s heard %+v, want %s online: %v", p.name, a, who.name, online)
	}
	return a
}

// presence asks after users.
func (p *person) presence(users ...user) (found []appearance) {
	p.t.Helper()
	ids := []chat.UserID{}
	for _, u := range users {
		ids = append(ids, u.id)
	}
	for _, v := range p.ask("presence", object{"users": ids})["users"].([]any) {
		v := v.(object)
		found = append(found, appearance{chat.UserID(v["user"].(string)), v["online"].(bool), int64(v["at"].(float64))})
	}
	return found
}

// Ann counts Bob as a friend, so he hears when she comes and goes, at every socket that has logged in. Mallory, who
// counts Ann as one, hears and sees nothing; Ann sees Mallory.
func TestFriendsHearPresence(t *testing.T) {
	h := open(t)
	ann, bob, mallory := h.register("ann"), h.register("bob"), h.register("mallory")
	h.befriend(ann, bob)
	h.befriend(mallory, ann)
	b, b2, m := h.join(bob, "phone"), h.join(bob, "laptop"), h.join(mallory, "phone")
	onlyConnected := h.connect(bob, object{"token": bob.token})
	a := h.join(ann, "phone")
	came := b.hearsOf(ann, true)
	if other := b2.hearsOf(ann, true); other != came {
		t.Errorf("his devices heard %+v and %+v", came, other)
	}
	if got := b.presence(ann, bob, mallory); len(got) != 2 || got[0] != came || got[1].User != bob.id || !got[1].Online {
		t.Errorf("Bob sees %+v", got)
	}
	if got := m.presence(ann); len(got) != 0 {
		t.Errorf("Mallory sees %+v", got)
	}
	if got := a.presence(mallory); len(got) != 1 || !got[0].Online {
		t.Errorf("Ann sees %+v", got)
	}

	// She reconnects within the grace, then leaves for good.
	h.leave(a)
	a = h.join(ann, "phone")
	h.leave(a)
	left := b.hearsOf(ann, false)
	if left.At < came.At {
		t.Errorf("she came at %d and left at %d", came.At, left.At)
	}
	b.heardNothingElse("presence")
	m.heardNothingElse("presence")
	onlyConnected.heardNothingElse("presence")
	h.until("the engine knows when she was seen last", func() bool {
		got := b.presence(ann)
		return len(got) == 1 && got[0] == left
	})
}

func TestPresenceAsksForFew(t *testing.T) {
	h := open(t)
	ann := h.register("ann")
	p := h.join(ann, "phone")
	if got := p.presence(); len(got) != 0 {
		t.Errorf("nobody is %+v", got)
	}
	for name, request := range map[string]any{
		"too many": object{"users": slices.Repeat([]chat.UserID{ann.id}, chat.MaxPresence+1)},
		"no id":    object{"users": []string{"ann"}}, "no list": object{"users": ann.id}, "nothing": nil,
	} {
		if _, f := p.try("presence", request); f == nil || f.Code != "invalid" {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if _, f := h.connect(ann, object{}).try("presence", object{"users": []chat.UserID{}}); f == nil || f.Code != "unauthenticated" {
		t.Errorf("unproven: %+v", f)
	}
}

// Another login on the same socket is one more coming and going: the one whom it was leaves.
func TestSocketChangesHands(t *testing.T) {
	h := open(t)
	ann, bob, carl := h.register("ann"), h.register("bob"), h.register("carl")
	h.befriend(ann, carl)
	h.befriend(bob, carl)
	c := h.join(carl, "phone")
	p := h.join(ann, "phone")
	c.hearsOf(ann, true)
	p.ask("login", object{"token": ann.token, "device": "renamed"}) // still she
	p.ask("login", object{"token": bob.token})
	c.hearsOf(bob, true)
	c.hearsOf(ann, false)
	h.leave(p)
	c.hearsOf(bob, false)
	c.heardNothingElse("presence")
}

// slowFriends is an engine that takes its time to list friends.
type slowFriends struct {
	chat.FriendStore
	asked, answer chan struct{}
}

func (s slowFriends) Friends(ctx context.Context, owner chat.UserID) ([]chat.UserID, error) {
	s.asked <- struct{}{}
	select {
	case <-s.answer:
	case <-ctx.Done():
	}
	return s.FriendStore.Friends(ctx, owner)
}

// Telling everybody of one login may take as long as it likes: others log in and chat meanwhile.
func TestNewsHoldNobodyUp(t *testing.T) {
	slow := slowFriends{asked: make(chan struct{}, 1), answer: make(chan struct{})}
	h := open(t, func(c *realtime.Config) {
		slow.FriendStore = c.Accounts.Store.(chat.FriendStore)
		c.Presence = chat.NewPresence(chat.PresenceConfig{
			Friends: slow, Devices: c.Devices.Store, Sockets: c.Devices.Sockets, Node: "here", Grace: testGrace, Now: time.Now, Log: c.Log,
		})
	})
	ann, bob := h.register("ann"), h.register("bob")
	h.befriend(ann, bob)
	a := h.join(ann, "phone")
	<-slow.asked
	b := h.join(bob, "phone")
	b.say(ann, "hello")
	if m := a.hearMessage("newMessage"); m.Message != "hello" {
		t.Errorf("Ann heard %+v", m)
	}
	close(slow.answer)
	b.hearsOf(ann, true)
}
