package chat_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/chat"
)

// ear remembers what moved.
type ear struct {
	mu    sync.Mutex
	heard []chat.Moved
}

func (e *ear) Moved(batch []chat.Moved) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, batch...)
}

// take returns what was heard since it was called last.
func (e *ear) take() []chat.Moved {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	heard := e.heard
	e.heard = nil
	return heard
}

// numbers is an engine that knows nothing but the last number of every conversation.
type numbers struct {
	chat.MessageStore
	last  uint64
	asked atomic.Int32
}

func (n *numbers) Last(context.Context, []chat.ConvID) ([]uint64, error) {
	n.asked.Add(1)
	return []uint64{n.last}, nil
}

func wantMoved(t *testing.T, got chat.Moved, m chat.Member, marks chat.Marks, advanced bool, origins ...any) {
	t.Helper()
	if got.Member != m || got.Marks != marks || got.Advanced != advanced || got.Err != nil || !slices.Equal(got.Origins, origins) {
		t.Errorf("moved is %+v, want %+v of %+v, advanced %v, for %v", got, marks, m, advanced, origins)
	}
}

func wantMarks(t *testing.T, c *chat.Cursors, m chat.Member, want chat.Marks) {
	t.Helper()
	got, err := c.Marks(t.Context(), []chat.Member{m})
	if err != nil || got[0] != want {
		t.Errorf("marks are %+v, error %v, want %+v", got, err, want)
	}
}

func TestBobReceivesAndReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, bob := person(1), person(2)
		conv := chat.DirectConv(ann, bob)
		b := chat.Member{User: bob, Conv: conv}
		e, s, n := &ear{}, &shelf{}, &numbers{last: 9}
		c := chat.NewCursors(s, quiet())
		c.Moved = e.Moved
		r := &chat.Receipts{Messages: n, Cursors: c}
		stop := run(c)
		defer stop()
		mark := func(to chat.Marks, origin any) chat.Moved {
			t.Helper()
			if err := r.Mark(t.Context(), b, to, 0, origin); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			time.Sleep(20 * time.Millisecond) // in the bubble's time: far less than the half second of what nobody waits for
			heard := e.take()
			if len(heard) != 1 {
				t.Fatalf("%v later %d moves were told, want one", time.Since(began), len(heard))
			}
			return heard[0]
		}
		wantMoved(t, mark(chat.Marks{Received: 4}, "phone"), b, chat.Marks{Received: 4}, true, "phone")
		wantMoved(t, mark(chat.Marks{Read: 3}, "phone"), b, chat.Marks{Received: 4, Read: 3}, true, "phone")
		// Never back; and the same again is not news.
		wantMoved(t, mark(chat.Marks{Received: 2}, "old"), b, chat.Marks{Received: 4, Read: 3}, false, "old")
		wantMoved(t, mark(chat.Marks{Read: 3}, "again"), b, chat.Marks{Received: 4, Read: 3}, false, "again")
		// What is read is received.
		wantMoved(t, mark(chat.Marks{Read: 9}, "phone"), b, chat.Marks{Received: 9, Read: 9}, true, "phone")
		wantMarks(t, c, b, chat.Marks{Received: 9, Read: 9})
		wantMarks(t, c, chat.Member{User: ann, Conv: conv}, chat.Marks{})
		// It says nothing of what a device has: that is for the transport to prove.
		wantLoaded(t, c, bob, "phone", seqs{})

		// What a device proves is told without anybody waiting, once for many moves.
		for seq := range uint64(3) {
			c.Advance(ann, "phone", seqs{conv: seq + 1}, seqs{conv: seq})
		}
		time.Sleep(time.Second)
		if heard := e.take(); len(heard) != 1 {
			t.Errorf("heard %+v", heard)
		} else {
			wantMoved(t, heard[0], chat.Member{User: ann, Conv: conv}, chat.Marks{Received: 3, Read: 2}, true)
		}
		c.Advance(ann, "laptop", seqs{conv: 3}, nil)
		time.Sleep(time.Second)
		if heard := e.take(); len(heard) != 0 {
			t.Errorf("her second device was news: %+v", heard)
		}

		asked := n.asked.Load()
		if err := r.Mark(t.Context(), b, chat.Marks{Read: 7}, 7, nil); err != nil || n.asked.Load() != asked {
			t.Errorf("the engine was asked for what is known; error %v", err)
		}
	})
}

func TestMarksAreChecked(t *testing.T) {
	ann, bob, carl := person(1), person(2), person(3)
	conv := chat.DirectConv(ann, bob)
	c := chat.NewCursors(&shelf{}, quiet())
	r := &chat.Receipts{Messages: &numbers{last: 9}, Cursors: c}
	for _, wrong := range []struct {
		what string
		m    chat.Member
		to   chat.Marks
		code chat.Code
	}{
		{"no conversation", chat.Member{User: ann, Conv: "lobby"}, chat.Marks{Read: 1}, chat.Invalid},
		{"somebody else's", chat.Member{User: carl, Conv: conv}, chat.Marks{Read: 1}, chat.Forbidden},
		{"a room", chat.Member{User: ann, Conv: chat.RoomConv(chat.RoomID(bob))}, chat.Marks{Read: 1}, chat.NotFound},
		{"nothing", chat.Member{User: ann, Conv: conv}, chat.Marks{}, chat.Invalid},
		{"what is not there yet", chat.Member{User: ann, Conv: conv}, chat.Marks{Received: 10}, chat.Invalid},
		{"what will never be", chat.Member{User: ann, Conv: conv}, chat.Marks{Read: 1 << 63}, chat.Invalid},
	} {
		wantCode(t, wrong.what, r.Mark(t.Context(), wrong.m, wrong.to, 0, nil), wrong.code)
	}
	wantCode(t, "the last one", r.Mark(t.Context(), chat.Member{User: ann, Conv: conv}, chat.Marks{Read: 9}, 0, nil), "")
}

// Many who wait at the same moment wait for few writes, and each hears its own end.
func TestMarksOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const people, moves = 300, 5
		s, e := &shelf{}, &ear{}
		c := chat.NewCursors(s, quiet())
		c.Moved = e.Moved
		r := &chat.Receipts{Messages: &numbers{last: 100}, Cursors: c}
		stop := run(c)
		defer stop()
		var all sync.WaitGroup
		for i := range people {
			all.Go(func() {
				m := chat.Member{User: person(i), Conv: chat.DirectConv(person(i), person(people))}
				for seq := range uint64(moves) {
					if err := r.Mark(t.Context(), m, chat.Marks{Read: seq + 1}, 0, [2]int{i, int(seq)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		time.Sleep(100 * time.Millisecond)
		ends := make(map[any]int)
		for _, m := range e.take() {
			for _, origin := range m.Origins {
				ends[origin]++
				if m.Err != nil || m.Read < uint64(origin.([2]int)[1]+1) || m.Received < m.Read {
					t.Errorf("%v was told %+v", origin, m)
				}
			}
		}
		for origin, n := range ends {
			if n != 1 {
				t.Errorf("%v was told %d times", origin, n)
			}
		}
		if len(ends) != people*moves || s.calls > 12 {
			t.Errorf("%d of %d were told, after %d writes", len(ends), people*moves, s.calls)
		}
	})
}

// While the engine is away who waits is refused, not kept waiting; when it is back the other side hears of the move.
func TestMarksOutlastAnEngineThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e, ann := &shelf{failures: 3}, &ear{}, person(1)
		m := chat.Member{User: ann, Conv: chat.DirectConv(ann, person(2))}
		c := chat.NewCursors(s, quiet())
		c.Moved = e.Moved
		r := &chat.Receipts{Messages: &numbers{last: 100}, Cursors: c}
		stop := run(c)
		defer stop()
		for i := range 2 {
			if err := r.Mark(t.Context(), m, chat.Marks{Read: uint64(i + 1)}, 0, i); err != nil {
				t.Fatal(err)
			}
			time.Sleep(600 * time.Millisecond)
			heard := e.take()
			if len(heard) == 0 || !slices.Equal(heard[0].Origins, []any{i}) || heard[0].Err == nil || heard[0].Err.Code != chat.Unavailable {
				t.Fatalf("while the engine was away: %+v", heard)
			}
			if heard[0].Err.Cause != nil {
				t.Errorf("the cause goes with each refusal into the log: %v", heard[0].Err)
			}
			if i == 0 {
				if _, err := c.Marks(t.Context(), []chat.Member{m}); chat.CodeOf(err) != chat.Unavailable {
					t.Errorf("marks in doubt were shown: %v", err)
				}
			}
		}
		time.Sleep(time.Second)
		heard := e.take()
		if len(heard) != 1 {
			t.Fatalf("when it was back: %+v", heard)
		}
		wantMoved(t, heard[0], m, chat.Marks{Received: 2, Read: 2}, true)
		wantMarks(t, c, m, chat.Marks{Received: 2, Read: 2})
	})
}

// A write of which nobody knows whether it was one may have moved a mark. It is told when it is known.
func TestMarksInDoubtAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e, ann := &shelf{failures: 2, stores: true}, &ear{}, person(1)
		m := chat.Member{User: ann, Conv: chat.DirectConv(ann, person(2))}
		c := chat.NewCursors(s, quiet())
		c.Moved = e.Moved
		stop := run(c)
		defer stop()
		c.Advance(ann, "phone", seqs{m.Conv: 3}, seqs{m.Conv: 2})
		time.Sleep(1200 * time.Millisecond)
		if heard := e.take(); len(heard) != 0 {
			t.Fatalf("in doubt: %+v", heard)
		}
		time.Sleep(time.Second)
		heard := e.take()
		if len(heard) != 1 {
			t.Fatalf("when it was known: %+v", heard)
		}
		wantMoved(t, heard[0], m, chat.Marks{Received: 3, Read: 2}, true)
		c.Advance(ann, "phone", seqs{m.Conv: 3}, nil)
		time.Sleep(time.Second)
		if heard := e.take(); len(heard) != 0 {
			t.Errorf("it was told twice: %+v", heard)
		}
	})
}

// What the engine has not made durable is not shown: a crash could take it back.
func TestMarksAreShownWhenDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		s, ann := &early{hold: hold}, person(1)
		m := chat.Member{User: ann, Conv: chat.DirectConv(ann, person(2))}
		c := chat.NewCursors(s, quiet())
		r := &chat.Receipts{Messages: &numbers{last: 100}, Cursors: c}
		stop := run(c)
		defer stop()
		if err := r.Mark(t.Context(), m, chat.Marks{Read: 5}, 0, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the engine has it, and waits for the disk
		shown := make(chan []chat.Marks, 1)
		go func() {
			marks, err := c.Marks(t.Context(), []chat.Member{m})
			if err != nil {
				t.Error(err)
			}
			shown <- marks
		}()
		synctest.Wait()
		select {
		case marks := <-shown:
			t.Fatalf("%+v was shown before it was durable", marks)
		default:
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.Marks(gone, []chat.Member{m})
		wantCode(t, "who does not wait", err, chat.Unavailable)
		close(hold)
		if marks := <-shown; marks[0] != (chat.Marks{Received: 5, Read: 5}) {
			t.Errorf("shown is %+v", marks)
		}
	})
}

// early is a shelf whose readers see what is not durable yet.
type early struct {
	shelf
	hold chan struct{} // the first move waits for it, and is seen meanwhile
}

func (s *early) AdvanceCursors(ctx context.Context, cursors []chat.Cursor) error {
	hold := s.hold
	s.hold = nil
	err := s.shelf.AdvanceCursors(ctx, cursors)
	if hold != nil {
		<-hold
	}
	return err
}
