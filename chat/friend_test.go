package chat_test

import (
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func TestFriendsGoOneWay(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl")
	ann, bob, carl := people[0], people[1], people[2]
	now := &clock{now: noon()}
	s := &chat.Friends{Store: engine, Accounts: engine, Now: now.Now}
	for _, step := range []struct {
		friend chat.UserID
		bond   chat.Bond
		code   chat.Code
	}{
		{carl, chat.NowFriends, ""}, {bob, chat.NowFriends, ""}, {carl, chat.AlreadyFriends, ""}, {ann, "", chat.Invalid},
		{"Bob", "", chat.Invalid}, {chat.NewUserID(noon()), "", chat.NotFound},
	} {
		now.pass(time.Second)
		bond, err := s.Add(t.Context(), ann, step.friend)
		wantCode(t, "adding "+string(step.friend), err, step.code)
		if bond != step.bond {
			t.Errorf("adding %s: %q", step.friend, bond)
		}
	}
	list := func(owner chat.UserID) (names string) {
		friends, err := s.Friends(t.Context(), owner)
		if err != nil {
			t.Error(err)
		}
		for _, f := range friends {
			names += f.Account.Username + " "
		}
		return names
	}
	if got := list(ann); got != "Carl Bob " {
		t.Errorf("Ann's friends are %q", got)
	}
	if got := list(bob); got != "" {
		t.Errorf("Bob's friends are %q", got)
	}
}

func TestFriendsAreBounded(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob", "Carl")
	ann, bob, carl := people[0], people[1], people[2]
	friends := make([]chat.Friendship, chat.MaxFriends-1)
	for i := range friends {
		friends[i] = chat.Friendship{Owner: ann, Friend: chat.NewUserID(noon()), Since: noon()}
	}
	if _, err := engine.Import(t.Context(), &chat.Batch{Friends: friends}); err != nil {
		t.Fatal(err)
	}
	s := &chat.Friends{Store: engine, Accounts: engine, Now: noon}
	for _, step := range []struct {
		owner, friend chat.UserID
		bond          chat.Bond
		code          chat.Code
	}{
		{ann, bob, chat.NowFriends, ""}, {ann, carl, "", chat.TooLarge}, {ann, bob, chat.AlreadyFriends, ""},
		{carl, ann, chat.NowFriends, ""},
	} {
		bond, err := s.Add(t.Context(), step.owner, step.friend)
		wantCode(t, "adding "+string(step.friend), err, step.code)
		if bond != step.bond {
			t.Errorf("%s adds %s: %q", step.owner, step.friend, bond)
		}
	}
}
