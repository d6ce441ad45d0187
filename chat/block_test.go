package chat_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func TestBobBlocksAnn(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob")
	ann, bob := p[0], p[1]
	s.wantBond(ann, bob, "", chat.NowAsked)
	s.wantBond(bob, ann, "", chat.NowFriends)
	s.heard = nil
	for range 2 {
		wantCode(t, "blocking", s.Block(t.Context(), bob, ann), "")
		s.wantList(bob, "///Ann")
		s.wantList(ann, "Bob///")
	}
	wantCode(t, "Ann writes", s.MayWrite(t.Context(), ann, bob), chat.Forbidden)
	wantCode(t, "Bob writes", s.MayWrite(t.Context(), bob, ann), chat.Forbidden)
	wantCode(t, "to herself", s.MayWrite(t.Context(), ann, ann), "")
	_, err := s.Add(t.Context(), bob, ann)
	wantCode(t, "adding whom he blocks", err, chat.Forbidden)
	_, err = s.Ask(t.Context(), bob, ann, "")
	wantCode(t, "asking whom he blocks", err, chat.Forbidden)
	// She learns nothing: what she asks seems to wait, and stays asked.
	s.wantBond(ann, bob, "", chat.NowAsked)
	s.wantBond(ann, bob, "", chat.NowAsked)
	s.wantList(ann, "Bob//Bob/")
	s.wantList(bob, "///Ann")
	waiting, err := s.Waiting(t.Context(), bob)
	if err != nil || len(waiting) != 0 {
		t.Errorf("waiting are %+v, %v", waiting, err)
	}
	wantCode(t, "accepting whom he blocks", s.Answer(t.Context(), bob, ann, true), chat.NotFound)
	s.wantHeard()

	wantCode(t, "unblocking", s.Unblock(t.Context(), bob, ann), "")
	wantCode(t, "unblocking again", s.Unblock(t.Context(), bob, ann), "")
	wantCode(t, "Ann writes", s.MayWrite(t.Context(), ann, bob), "")
	s.wantList(bob, "/Ann//")
	wantCode(t, "accepting", s.Answer(t.Context(), bob, ann, true), "")
	s.wantHeard("Ann is answered by Bob: true")
	s.wantList(bob, "Ann///")
}

// What Bob asked of Ann is taken back by blocking her, and what she asked of him stays hers.
func TestBlocksDropRequests(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob", "Carl")
	ann, bob, carl := p[0], p[1], p[2]
	s.wantBond(bob, ann, "", chat.NowAsked)
	s.wantBond(carl, bob, "", chat.NowAsked)
	wantCode(t, "blocking Ann", s.Block(t.Context(), bob, ann), "")
	wantCode(t, "blocking Carl", s.Block(t.Context(), bob, carl), "")
	s.wantList(ann, "///")
	s.wantList(bob, "///Ann Carl")
	s.wantList(carl, "//Bob/")
	wantCode(t, "accepting what was taken back", s.Answer(t.Context(), ann, bob, true), chat.NotFound)
	for what, other := range map[string]chat.UserID{"nobody": chat.NewUserID(noon()), "herself": bob, "no id": "x"} {
		code := chat.Invalid
		if what == "nobody" {
			code = chat.NotFound
		}
		wantCode(t, what, s.Block(t.Context(), bob, other), code)
	}
}

func TestBlocksAreBounded(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob", "Carl")
	var batch chat.Batch
	for range chat.MaxBlocks - 1 {
		batch.Blocks = append(batch.Blocks, chat.Block{Owner: p[0], Other: chat.NewUserID(noon()), At: noon()})
	}
	if _, err := s.engine.Import(t.Context(), &batch); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "the last", s.Block(t.Context(), p[0], p[1]), "")
	wantCode(t, "one more", s.Block(t.Context(), p[0], p[2]), chat.TooLarge)
	wantCode(t, "the last again", s.Block(t.Context(), p[0], p[1]), "")
	wantCode(t, "unblocking", s.Unblock(t.Context(), p[0], p[1]), "")
	wantCode(t, "one more", s.Block(t.Context(), p[0], p[2]), "")
}

// Where only friends write, it is the receiver who has to count the sender as one.
func TestWhoMayWrite(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob")
	ann, bob := p[0], p[1]
	wantCode(t, "anyone", s.MayWrite(t.Context(), ann, bob), "")
	s.FriendsOnly = true
	wantCode(t, "a stranger", s.MayWrite(t.Context(), ann, bob), chat.Forbidden)
	if _, err := s.Add(t.Context(), ann, bob); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "who added him by herself", s.MayWrite(t.Context(), ann, bob), chat.Forbidden)
	wantCode(t, "whom she added", s.MayWrite(t.Context(), bob, ann), "")
}

// interrupted is an engine that lets something happen in another process before it makes a friendship.
type interrupted struct {
	chat.FriendStore
	happens func()
}

func (s interrupted) AddFriend(ctx context.Context, owner, friend chat.UserID, at time.Time) (bool, error) {
	s.happens()
	return s.FriendStore.AddFriend(ctx, owner, friend, at)
}

func (s interrupted) Befriend(ctx context.Context, a, b chat.UserID, at time.Time) error {
	s.happens()
	return s.FriendStore.Befriend(ctx, a, b, at)
}

// Ann blocks Bob at one process while at another she is just about to become his friend. He does not stay in her list,
// for then he would see when she is there.
func TestABlockComesBetween(t *testing.T) {
	for what, befriend := range map[string]func(s *street, ann, bob chat.UserID) error{
		"adding":    func(s *street, ann, bob chat.UserID) error { _, err := s.Add(t.Context(), ann, bob); return err },
		"accepting": func(s *street, ann, bob chat.UserID) error { return s.Answer(t.Context(), ann, bob, true) },
	} {
		s, p := newStreet(t, "Ann", "Bob")
		ann, bob := p[0], p[1]
		elsewhere := &chat.Friends{Store: s.Store, Accounts: s.Accounts, Now: s.Now}
		s.wantBond(bob, ann, "", chat.NowAsked)
		s.Store = interrupted{s.Store, func() { wantCode(t, "blocking", elsewhere.Block(t.Context(), ann, bob), "") }}
		wantCode(t, what, befriend(s, ann, bob), chat.Forbidden)
		s.heard = s.heard[1:]
		s.wantHeard()
		if list := s.listOf(ann); strings.HasPrefix(list, "Bob") {
			t.Errorf("%s: the list of Ann is %q", what, list)
		}
	}
}

// Bob blocks Ann at one process while at another she accepts what he asked. It goes to her as it would any other time: that
// he blocks her is not told.
func TestTheOthersBlockIsNotTold(t *testing.T) {
	s, p := newStreet(t, "Ann", "Bob")
	ann, bob := p[0], p[1]
	elsewhere := &chat.Friends{Store: s.Store, Accounts: s.Accounts, Now: s.Now}
	s.wantBond(bob, ann, "", chat.NowAsked)
	s.Store = interrupted{s.Store, func() { wantCode(t, "blocking", elsewhere.Block(t.Context(), bob, ann), "") }}
	wantCode(t, "accepting", s.Answer(t.Context(), ann, bob, true), "")
	s.wantList(ann, "Bob///")
	s.wantList(bob, "///Ann")
}
