package embedded

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/chat"
)

func edited(seq uint64, body string) chat.Message {
	return chat.Message{Conv: annBo, Seq: seq, State: chat.Edited, Type: "text", Body: []byte(body)}
}

func changeOrEnd(t *testing.T, s *Store, m chat.Message, was uint64) uint64 {
	t.Helper()
	changed, err := s.ChangeMessage(t.Context(), m, was)
	if err != nil {
		t.Fatal(err)
	}
	return changed.Change
}

// While the disk takes its time with a change, everyone reads what was there before.
func TestReadersOfChangesWaitForTheDisk(t *testing.T) {
	d := newDisk()
	s := d.open(t, nil)
	defer s.Close()
	if _, err := s.Append(t.Context(), []chat.Message{hello("1"), hello("2"), hello("3")}); err != nil {
		t.Fatal(err)
	}
	first := changeOrEnd(t, s, edited(1, `"first"`), 0)
	last := changeOrEnd(t, s, edited(2, `"second"`), 0)

	// see checks what every way of reading shows, at every limit.
	see := func(bodies []string, order []uint64, lastChange uint64) {
		t.Helper()
		since := read(t, s)
		before, err := s.Before(t.Context(), annBo, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range bodies {
			if string(since[i].Body) != want || string(before[i].Body) != want {
				t.Errorf("message %d: Since shows %s, Before %s, want %s", i+1, since[i].Body, before[i].Body, want)
			}
		}
		for limit := range 4 {
			page, err := s.Changed(t.Context(), annBo, 0, limit)
			if err != nil {
				t.Fatal(err)
			}
			var seqs []uint64
			for _, m := range page {
				if seqs = append(seqs, m.Seq); string(m.Body) != bodies[m.Seq-1] {
					t.Errorf("Changed shows %s of message %d, want %s", m.Body, m.Seq, bodies[m.Seq-1])
				}
			}
			if want := order[:min(limit, len(order))]; !slices.Equal(seqs, want) {
				t.Errorf("Changed, at most %d: %v, want %v", limit, seqs, want)
			}
		}
		if got, err := s.LastChanges(t.Context(), []chat.ConvID{annBo}); err != nil || got[0] != lastChange {
			t.Errorf("LastChanges is %v, error %v, want %d", got, err, lastChange)
		}
	}
	before := []string{`"first"`, `"second"`, `"3"`}
	order := []uint64{1, 2}
	see(before, order, last)
	for _, step := range []struct {
		seq, was uint64
		order    []uint64
	}{{3, 0, []uint64{1, 2, 3}}, {1, first, []uint64{2, 3, 1}}, {1, last + 2, []uint64{2, 3, 1}}} {
		body := fmt.Sprintf(`"again, not %d"`, step.was)
		syncing, finish := d.hold()
		answered := make(chan error)
		go func() {
			changed, err := s.ChangeMessage(t.Context(), edited(step.seq, body), step.was)
			last = changed.Change
			answered <- err
		}()
		<-syncing // by then the change is in Pebble's memory
		see(before, order, last)
		finish()
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		before[step.seq-1], order = body, step.order
		see(before, order, last)
	}
}

// Ann edits while the power is cut again and again. What she was answered is there after the cut, and so is what Bob
// merely read.
func TestPowerCutWhileEditing(t *testing.T) {
	d := newDisk()
	s := d.open(t, nil)
	defer s.Close()
	const writers = 3
	for range writers {
		if _, err := s.Append(t.Context(), []chat.Message{hello("")}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	seen := make(map[uint64]chat.Message) // the latest that anybody saw of each message
	note := func(m chat.Message) {
		mu.Lock()
		defer mu.Unlock()
		if m.Change > seen[m.Seq].Change {
			seen[m.Seq] = m
		}
	}
	var stop atomic.Bool
	var rounds atomic.Int64
	var all sync.WaitGroup
	defer all.Wait()
	defer stop.Store(true)
	for w := range writers {
		all.Go(func() {
			m := edited(uint64(w+1), "")
			for i := 0; !stop.Load(); i++ {
				m.Body = fmt.Appendf(nil, `"%d"`, i)
				changed, err := s.ChangeMessage(t.Context(), m, m.Change)
				if err != nil {
					t.Error(err)
					return
				}
				note(changed)
				m = changed
				rounds.Add(1)
			}
		})
	}
	all.Go(func() {
		for !stop.Load() {
			page, err := s.Changed(t.Context(), annBo, 0, 10)
			if err != nil {
				t.Error(err)
				return
			}
			for _, m := range page {
				note(m)
			}
		}
	})
	for range 8 {
		for before := rounds.Load(); rounds.Load() < before+10; {
			runtime.Gosched()
		}
		mu.Lock()
		promised := make(map[uint64]chat.Message, len(seen))
		var last uint64
		for seq, m := range seen {
			promised[seq], last = m, max(last, m.Change)
		}
		mu.Unlock()
		after := d.cut().open(t, nil)
		for _, m := range read(t, after) {
			want := promised[m.Seq]
			if m.Change < want.Change || m.Change == want.Change && want.Change > 0 && string(m.Body) != string(want.Body) {
				t.Fatalf("message %d has change %d, %s, though %d, %s, was seen", m.Seq, m.Change, m.Body, want.Change, want.Body)
			}
		}
		page, err := after.Changed(t.Context(), annBo, 0, 10)
		if err != nil || len(page) < len(promised) {
			t.Fatalf("%d messages are changed, error %v, though %d were seen", len(page), err, len(promised))
		}
		if next := changeOrEnd(t, after, edited(1, `"after the cut"`), read(t, after)[0].Change); next <= last {
			t.Fatalf("change %d is given after %d", next, last)
		}
		after.Close()
	}
}
