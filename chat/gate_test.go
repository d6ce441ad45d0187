package chat_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

// gated are messages whose gate counts how often it is asked, on an engine with two people.
func gated(t *testing.T) (s *chat.Messages, now *clock, asked *atomic.Int32, engine *embedded.Store, people []chat.UserID) {
	t.Helper()
	engine, now, asked = newEngine(t), &clock{now: noon()}, new(atomic.Int32)
	people = settle(t, engine, "Ann", "Bob")
	friends := &chat.Friends{Store: engine, Accounts: engine, Now: now.Now}
	s = chat.NewMessages(engine, engine, now.Now)
	s.Gate = func(ctx context.Context, from, to chat.UserID) error {
		asked.Add(1)
		return friends.MayWrite(ctx, from, to)
	}
	return s, now, asked, engine, people
}

// The engine is asked once for many messages, in each direction, and again after a while: another process may have
// changed what it says.
func TestTheGateIsAskedNowAndThen(t *testing.T) {
	s, now, asked, engine, p := gated(t)
	ann, bob := p[0], p[1]
	ask := func(from, to chat.UserID, code chat.Code, times int32) {
		t.Helper()
		for range 10 {
			wantCode(t, "writing", s.MayWrite(t.Context(), from, to), code)
		}
		if n := asked.Swap(0); n != times {
			t.Errorf("the gate was asked %d times, want %d", n, times)
		}
	}
	ask(ann, bob, "", 1)
	ask(bob, ann, "", 1)
	if _, err := engine.Block(t.Context(), bob, ann, noon()); err != nil { // as another process does it
		t.Fatal(err)
	}
	now.pass(29 * time.Second)
	ask(ann, bob, "", 0)
	now.pass(time.Second)
	ask(ann, bob, chat.Forbidden, 1)
	ask(bob, ann, chat.Forbidden, 1)
	if _, err := engine.Unblock(t.Context(), bob, ann); err != nil {
		t.Fatal(err)
	}
	s.Forget(ann, bob)
	ask(bob, ann, "", 1)
	ask(ann, bob, "", 1)
	now.pass(-time.Hour)
	ask(ann, bob, "", 1)
	// Carl leaves for good, and whoever wrote to him a moment ago is told so.
	carl := settle(t, engine, "Carl")[0]
	ask(ann, carl, "", 1)
	for range 2 {
		if err := s.LeaveAll(t.Context(), carl); err != nil {
			t.Error(err)
		}
		ask(ann, carl, "", 1)
	}
	ask(ann, bob, "", 0)
	if err := engine.EraseAccount(t.Context(), carl, noon()); err != nil {
		t.Fatal(err)
	}
	_ = s.LeaveAll(t.Context(), carl)
	ask(ann, carl, chat.NotFound, 0)
	nobody := chat.NewUserID(noon())
	wantCode(t, "nobody", s.MayWrite(t.Context(), ann, nobody), chat.NotFound)
	if _, err := s.Recall(t.Context(), ann, chat.DirectConv(ann, nobody), 1, nil); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("recalling: %v", err)
	}
}

// Something changes while the gate is being asked: its answer counts for the message that asked, and for no later one.
func TestWhatWasTrueBeforeIsNotRemembered(t *testing.T) {
	s, _, _, _, p := gated(t)
	ann, bob := p[0], p[1]
	inside, goOn := make(chan struct{}), make(chan struct{})
	var blocked atomic.Bool
	s.Gate = func(context.Context, chat.UserID, chat.UserID) error {
		if blocked.Load() {
			return chat.Errorf(chat.Forbidden, "blocked")
		}
		close(inside)
		<-goOn
		return nil
	}
	var first sync.WaitGroup
	first.Go(func() { wantCode(t, "the message under way", s.MayWrite(t.Context(), ann, bob), "") })
	<-inside
	blocked.Store(true)
	s.Forget(bob, ann)
	close(goOn)
	first.Wait()
	wantCode(t, "the next one", s.MayWrite(t.Context(), ann, bob), chat.Forbidden)
}

// Ann sends all the time while Bob blocks her and lets her in again. Nothing that she begins to send after he is told that
// it is done passes the block.
func TestNothingPassesABlock(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob")
	ann, bob := people[0], people[1]
	s := chat.NewMessages(engine, engine, time.Now)
	friends := &chat.Friends{Store: engine, Accounts: engine, Now: time.Now, Changed: s.Forget}
	s.Gate = friends.MayWrite
	var senders sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		senders.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					_ = s.MayWrite(t.Context(), ann, bob) // so that what was true before is about to be remembered
				}
			}
		})
	}
	for range 50 {
		wantCode(t, "blocking", friends.Block(t.Context(), bob, ann), "")
		wantCode(t, "behind the block", s.MayWrite(t.Context(), ann, bob), chat.Forbidden)
		wantCode(t, "unblocking", friends.Unblock(t.Context(), bob, ann), "")
		wantCode(t, "let in again", s.MayWrite(t.Context(), ann, bob), "")
	}
	close(done)
	senders.Wait()
}

// A refused message reaches neither the engine nor a door, and an edit is refused too. Taking back is not.
func TestARefusedMessageIsNotStored(t *testing.T) {
	engine := newEngine(t)
	people := settle(t, engine, "Ann", "Bob")
	ann, bob := people[0], people[1]
	door := newDoor()
	s := open(t, engine, engine, door)
	s.ChangeTime = time.Hour
	friends := &chat.Friends{Store: engine, Accounts: engine, Now: time.Now, Changed: s.Forget}
	s.Gate = friends.MayWrite
	submit(t, s, draft(ann, bob, `"one"`), draft(bob, ann, `"two"`))
	door.wait(2)
	wantCode(t, "blocking", friends.Block(t.Context(), bob, ann), "")
	conv := chat.DirectConv(ann, bob)
	none := func(*chat.Message) {}
	wantCode(t, "Ann", s.Submit(t.Context(), draft(ann, bob, `"three"`), nil), chat.Forbidden)
	wantCode(t, "Bob", s.Submit(t.Context(), draft(bob, ann, `"four"`), nil), chat.Forbidden)
	_, err := s.Edit(t.Context(), ann, conv, 1, []byte(`"five"`), none)
	wantCode(t, "editing", err, chat.Forbidden)
	_, err = s.Recall(t.Context(), ann, conv, 1, none)
	wantCode(t, "recalling", err, "")
	page, _, err := s.Since(t.Context(), bob, conv, 0, 0)
	if err != nil || len(page) != 2 || page[0].State != chat.Recalled || string(page[1].Body) != `"two"` {
		t.Errorf("stored are %+v, %v", page, err)
	}
}
