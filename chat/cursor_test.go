package chat_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/chat"
)

// shelf keeps cursors in memory, and fails as often as a story wants.
type shelf struct {
	mu       sync.Mutex
	failures int
	stores   bool          // what it fails to say that it stored
	hold     chan struct{} // when set, AdvanceCursors waits for it
	calls    int
	kept     map[chat.Cursor]uint64 // by cursor without its number
}

func (s *shelf) AdvanceCursors(_ context.Context, cursors []chat.Cursor) error {
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	err := error(nil)
	if s.failures > 0 {
		s.failures--
		if err = errAway; !s.stores {
			return err
		}
	}
	if s.kept == nil {
		s.kept = make(map[chat.Cursor]uint64)
	}
	for _, c := range cursors {
		key := c
		key.Seq = 0
		s.kept[key] = max(s.kept[key], c.Seq)
	}
	return err
}

func (s *shelf) Cursors(_ context.Context, user chat.UserID, device chat.DeviceID) (map[chat.ConvID]uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := make(map[chat.ConvID]uint64)
	for c, seq := range s.kept {
		if c.User == user && c.Device == device {
			found[c.Conv] = seq
		}
	}
	return found, nil
}

func (s *shelf) CursorsAt(_ context.Context, cursors []chat.Cursor) ([]uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := make([]uint64, len(cursors))
	for i, c := range cursors {
		c.Seq = 0
		at[i] = s.kept[c]
	}
	return at, nil
}

func (s *shelf) stored(user chat.UserID, device chat.DeviceID) map[chat.ConvID]uint64 {
	found, _ := s.Cursors(context.Background(), user, device)
	return found
}

type seqs = map[chat.ConvID]uint64

func wantLoaded(t *testing.T, c *chat.Cursors, user chat.UserID, device chat.DeviceID, want seqs) {
	t.Helper()
	got, err := c.Load(t.Context(), user, device)
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("cursors of %q are %v, error %v, want %v", device, got, err, want)
	}
}

// run runs the cursors until the story stops them.
func run(c *chat.Cursors) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { c.Run(ctx) })
	return func() {
		cancel()
		done.Wait()
	}
}

const conv, other = chat.ConvID("conv"), chat.ConvID("other")

func TestCursorsGoForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ann := &shelf{}, person(1)
		c := chat.NewCursors(s, quiet())
		stop := run(c)
		c.Advance(ann, "phone", seqs{conv: 5, other: 2}, nil)
		c.Advance(ann, "phone", seqs{conv: 3}, nil)
		c.Advance(ann, "laptop", seqs{conv: 4}, nil)
		// What is not stored yet counts already.
		if len(s.stored(ann, "phone")) != 0 {
			t.Error("it was stored at once: each move is a write")
		}
		wantLoaded(t, c, ann, "phone", seqs{conv: 5, other: 2})
		wantLoaded(t, c, ann, "laptop", seqs{conv: 4})
		wantLoaded(t, c, ann, "", seqs{conv: 5, other: 2}) // the furthest of all her devices
		wantLoaded(t, c, person(2), "phone", seqs{})

		time.Sleep(time.Second) // in the bubble's time
		synctest.Wait()
		if got := s.stored(ann, "phone"); !maps.Equal(got, seqs{conv: 5, other: 2}) {
			t.Errorf("a second later %v is stored", got)
		}
		if s.calls != 1 {
			t.Errorf("%d calls to the engine, want one for all", s.calls)
		}
		c.Advance(ann, "phone", seqs{conv: 4}, nil)
		wantLoaded(t, c, ann, "phone", seqs{conv: 5, other: 2})
		c.Advance(ann, "phone", seqs{conv: 6}, nil)
		wantLoaded(t, c, ann, "phone", seqs{conv: 6, other: 2})
		stop() // the end writes what waits
		if got := s.stored(ann, "phone"); !maps.Equal(got, seqs{conv: 6, other: 2}) {
			t.Errorf("after the end %v is stored", got)
		}
		if got := s.stored(ann, ""); !maps.Equal(got, seqs{conv: 6, other: 2}) {
			t.Errorf("after the end %v is stored for any device", got)
		}
	})
}

func TestCursorsOutlastAnEngineThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ann := &shelf{failures: 3}, person(1)
		c := chat.NewCursors(s, quiet())
		stop := run(c)
		defer stop()
		c.Advance(ann, "phone", seqs{conv: 5, other: 9}, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if s.calls == 0 || len(s.kept) != 0 {
			t.Fatalf("%d calls, %v kept: the engine was to fail", s.calls, s.kept)
		}
		wantLoaded(t, c, ann, "phone", seqs{conv: 5, other: 9})
		c.Advance(ann, "phone", seqs{conv: 7, other: 8}, nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := s.stored(ann, "phone"); !maps.Equal(got, seqs{conv: 7, other: 9}) {
			t.Errorf("when the engine was back %v is stored", got)
		}
	})
}

// What the engine has been given and not answered counts, and what comes meanwhile too.
func TestCursorsOnTheirWayCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ann := &shelf{hold: make(chan struct{})}, person(1)
		c := chat.NewCursors(s, quiet())
		stop := run(c)
		defer stop()
		c.Advance(ann, "phone", seqs{conv: 5, other: 2}, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		c.Advance(ann, "phone", seqs{other: 3}, nil)
		wantLoaded(t, c, ann, "phone", seqs{conv: 5, other: 3})
		close(s.hold)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := s.stored(ann, "phone"); !maps.Equal(got, seqs{conv: 5, other: 3}) {
			t.Errorf("stored is %v", got)
		}
	})
}

func TestCursorsOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		c := chat.NewCursors(s, quiet())
		stop := run(c)
		const people = 3000
		var all sync.WaitGroup
		for i := range people {
			all.Go(func() {
				for seq := range uint64(5) {
					c.Advance(person(i), "phone", seqs{conv: seq + 1, other: seq + 2}, nil)
				}
			})
		}
		all.Wait()
		stop()
		if len(s.kept) != 4*people { // two conversations, the phone's and any device's
			t.Errorf("%d cursors kept, want %d", len(s.kept), 4*people)
		}
		for cursor, seq := range s.kept {
			if cursor.Conv == conv && seq != 5 || cursor.Conv == other && seq != 6 {
				t.Fatalf("%+v is at %d", cursor, seq)
			}
		}
		if s.calls > 10 {
			t.Errorf("%d calls to the engine for %d cursors", s.calls, 4*people)
		}
	})
}
