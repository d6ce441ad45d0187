package chat_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
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

// street is the rules of friendship, and what is heard of them.
type street struct {
	*chat.Friends
	t      *testing.T
	engine *embedded.Store
	names  map[chat.UserID]string

	ticks atomic.Int64
	mu    sync.Mutex
	heard []string
}

// tick is a clock that goes on by a second whenever it is looked at, so that lists have an order.
func (s *street) tick() time.Time { return noon().Add(time.Duration(s.ticks.Add(1)) * time.Second) }

// newStreet settles people on an engine.
func newStreet(t *testing.T, names ...string) (s *street, people []chat.UserID) {
	t.Helper()
	engine := newEngine(t)
	people = settle(t, engine, names...)
	s = &street{t: t, engine: engine, names: make(map[chat.UserID]string)}
	for i, id := range people {
		s.names[id] = names[i]
	}
	s.Friends = &chat.Friends{Store: engine, Accounts: engine, Now: s.tick, Tell: []chat.FriendAudience{s}}
	return s, people
}

func (s *street) hear(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, fmt.Sprintf(format, args...))
}

func (s *street) FriendAsked(r chat.FriendRequest, from chat.Account) {
	s.hear("%s is asked by %s: %q", s.names[r.To], from.Username, r.Note)
}

func (s *street) FriendAnswered(to chat.UserID, by chat.Account, accepted bool) {
	s.hear("%s is answered by %s: %v", s.names[to], by.Username, accepted)
}

func (s *street) FriendRemoved(to, by chat.UserID) {
	s.hear("%s is removed by %s", s.names[to], s.names[by])
}

// wantHeard compares what was heard since it was asked last.
func (s *street) wantHeard(want ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.heard, want) {
		s.t.Errorf("heard %q, want %q", s.heard, want)
	}
	s.heard = nil
}

func (s *street) wantBond(from, to chat.UserID, note string, want chat.Bond) {
	s.t.Helper()
	bond, err := s.Ask(s.t.Context(), from, to, note)
	if err != nil || bond != want {
		s.t.Errorf("%s asks %s: %q, %v, want %q", s.names[from], s.names[to], bond, err, want)
	}
}

// listOf is a user's list as "friends/requests/asked/blocked", each the names in it.
func (s *street) listOf(user chat.UserID) string {
	s.t.Helper()
	list, err := s.List(s.t.Context(), user)
	if err != nil {
		s.t.Fatal(err)
	}
	var parts [4][]string
	for _, f := range list.Friends {
		name := f.Account.Username
		if f.Friendship.Remark != "" {
			name += " called " + f.Friendship.Remark
		}
		parts[0] = append(parts[0], name)
	}
	for _, r := range list.Requests {
		parts[1] = append(parts[1], r.Account.Username)
	}
	for _, r := range list.Asked {
		parts[2] = append(parts[2], r.Account.Username)
	}
	for _, a := range list.Blocked {
		parts[3] = append(parts[3], a.Username)
	}
	var all []string
	for _, part := range parts {
		all = append(all, strings.Join(part, " "))
	}
	return strings.Join(all, "/")
}

func (s *street) wantList(user chat.UserID, want string) {
	s.t.Helper()
	if got := s.listOf(user); got != want {
		s.t.Errorf("the list of %s is %q, want %q", s.names[user], got, want)
	}
}

// Where friends are asked first, to add is to ask.
func TestAddingAsks(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob")
	s.AskFirst = true
	for _, c := range []struct {
		owner, friend chat.UserID
		want          chat.Bond
	}{
		{p[0], p[1], chat.NowAsked}, {p[0], p[1], chat.NowAsked}, {p[1], p[0], chat.NowFriends}, {p[0], p[1], chat.AlreadyFriends},
	} {
		if bond, err := s.Add(t.Context(), c.owner, c.friend); err != nil || bond != c.want {
			t.Errorf("%s adds %s: %q, %v, want %q", s.names[c.owner], s.names[c.friend], bond, err, c.want)
		}
	}
	s.wantHeard(`Bob is asked by Ann: ""`, "Ann is answered by Bob: true")
	s.wantList(p[0], "Bob///")
	s.wantList(p[1], "Ann///")
}

// What Ann added by herself she ends by herself. What both agreed on ends for both, and the other is told.
func TestFriendshipsEnd(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob", "Carl")
	ann, bob, carl := p[0], p[1], p[2]
	for _, pair := range [][2]chat.UserID{{ann, carl}, {carl, ann}} {
		if _, err := s.Add(t.Context(), pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	s.wantBond(ann, bob, "", chat.NowAsked)
	wantCode(t, "answering", s.Answer(t.Context(), bob, ann, true), "")
	wantCode(t, "remark", s.Remark(t.Context(), ann, bob, "Bobby"), "")
	s.wantHeard(`Bob is asked by Ann: ""`, "Ann is answered by Bob: true")
	s.wantList(ann, "Carl Bob called Bobby///")

	wantCode(t, "removing Carl", s.Remove(t.Context(), ann, carl), "")
	s.wantList(carl, "Ann///")
	s.wantHeard()
	wantCode(t, "removing Bob", s.Remove(t.Context(), ann, bob), "")
	s.wantList(ann, "///")
	s.wantList(bob, "///")
	s.wantHeard("Bob is removed by Ann")
	wantCode(t, "removing Bob again", s.Remove(t.Context(), ann, bob), chat.NotFound)
	wantCode(t, "a remark for nobody's friend", s.Remark(t.Context(), ann, bob, "x"), chat.NotFound)

	// A request is taken back the same way, and nobody hears of that.
	s.wantBond(ann, bob, "", chat.NowAsked)
	s.wantHeard(`Bob is asked by Ann: ""`)
	wantCode(t, "taking it back", s.Remove(t.Context(), ann, bob), "")
	s.wantList(ann, "///")
	s.wantList(bob, "///")
	s.wantHeard()
}

// A list says who is there, of those who let the asker see that.
func TestListsSayWhoIsThere(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob", "Carl", "Dora")
	ann, bob, carl, dora := p[0], p[1], p[2], p[3]
	s.Presence = chat.NewPresence(chat.PresenceConfig{
		Friends: s.engine, Devices: s.engine, Sockets: s.engine, Node: "here", Grace: time.Second, Now: noon, Log: quiet(),
	})
	for _, user := range []chat.UserID{bob, dora} {
		s.Presence.Enter(user, "phone", "192.0.2.1")
	}
	for _, pair := range [][2]chat.UserID{{ann, dora}, {ann, carl}, {ann, bob}, {bob, ann}, {carl, ann}} {
		if _, err := s.engine.AddFriend(t.Context(), pair[0], pair[1], noon()); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.List(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	online := make(map[string]bool)
	for _, f := range list.Friends {
		online[f.Account.Username] = f.Seen.Online
		if f.Seen.User != f.Account.ID || f.Seen.Online != !f.Seen.At.IsZero() {
			t.Errorf("%s is seen as %+v", f.Account.Username, f.Seen)
		}
	}
	if want := map[string]bool{"Bob": true, "Carl": false, "Dora": false}; !maps.Equal(online, want) {
		t.Errorf("online are %v, want %v", online, want)
	}
}

// Ann leaves for good: nobody has her in a list, and those who agreed to be her friends are told.
func TestAnnLeavesEverybody(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob", "Carl", "Dora")
	ann, bob, carl, dora := p[0], p[1], p[2], p[3]
	s.wantBond(ann, bob, "", chat.NowAsked)
	s.wantBond(bob, ann, "", chat.NowFriends)
	s.wantBond(ann, carl, "", chat.NowAsked)
	s.wantBond(dora, ann, "", chat.NowAsked)
	s.wantHeard(`Bob is asked by Ann: ""`, "Ann is answered by Bob: true", `Carl is asked by Ann: ""`, `Ann is asked by Dora: ""`)
	wantCode(t, "blocking", s.Block(t.Context(), dora, ann), "")
	for range 2 {
		wantCode(t, "leaving", s.LeaveAll(t.Context(), ann), "")
	}
	s.wantHeard("Bob is removed by Ann")
	s.wantList(ann, "///")
	s.wantList(bob, "///")
	s.wantList(carl, "///")
	s.wantList(dora, "///Ann")
	if err := s.engine.EraseAccount(t.Context(), ann, noon()); err != nil {
		t.Fatal(err)
	}
	s.wantList(dora, "///")
	_, err := s.Ask(t.Context(), bob, ann, "")
	wantCode(t, "asking who is gone", err, chat.NotFound)
}
