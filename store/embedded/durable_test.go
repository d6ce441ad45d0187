package embedded

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/parley-chat/parley/chat"
)

const (
	ann   = chat.UserID("65f00000000000000000000a")
	bob   = chat.UserID("65f00000000000000000000b")
	annBo = chat.ConvID(ann + "|" + bob)
)

func hello(ref string) chat.Message {
	return chat.Message{Conv: annBo, Sender: ann, To: bob, Ref: ref, Type: "text", Body: []byte(`"` + ref + `"`)}
}

// disk is a file system in memory whose power can be cut, and whose log can be made slow or broken.
type disk struct {
	*vfs.MemFS
	onSync atomic.Pointer[func() error] // called before each sync of the log
}

func newDisk() *disk { return &disk{MemFS: vfs.NewCrashableMem()} }

func (d *disk) open(t *testing.T, log *slog.Logger) *Store {
	t.Helper()
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
		if f := d.onSync.Load(); f != nil && sync && strings.HasSuffix(op.Path, ".log") {
			return (*f)()
		}
		return nil
	})
	s, err := open("data", errorfs.Wrap(d.MemFS, inject), log, patience)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hold makes syncs of the log wait. syncing hears of the first, and finish lets all of them go.
func (d *disk) hold() (syncing <-chan struct{}, finish func()) {
	begun, end := make(chan struct{}, 1), make(chan struct{})
	wait := func() error {
		select {
		case begun <- struct{}{}:
		default:
		}
		<-end
		return nil
	}
	d.onSync.Store(&wait)
	return begun, func() {
		d.onSync.Store(nil)
		close(end)
	}
}

// cut returns what the disk holds after the power was cut at this moment: what was synced.
func (d *disk) cut() *disk { return &disk{MemFS: d.CrashClone(vfs.CrashCloneCfg{})} }

func read(t *testing.T, s *Store) []chat.Message {
	t.Helper()
	page, err := s.Since(t.Context(), annBo, 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range page {
		if m.Seq != uint64(i+1) {
			t.Fatalf("number %d stands where %d belongs", m.Seq, i+1)
		}
	}
	return page
}

func last(t *testing.T, s *Store) uint64 {
	t.Helper()
	seqs, err := s.Last(t.Context(), []chat.ConvID{annBo})
	if err != nil {
		t.Fatal(err)
	}
	return seqs[0]
}

// Ann and others send while the power is cut again and again. Whoever was answered finds her message after the cut,
// and so does whoever merely read it.
func TestPowerCut(t *testing.T) {
	d := newDisk()
	s := d.open(t, nil)
	defer s.Close()
	var mu sync.Mutex
	acked := make(map[uint64]string)
	note := func(seq uint64, ref string) {
		mu.Lock()
		defer mu.Unlock()
		if other, known := acked[seq]; known && other != ref {
			t.Errorf("number %d is %s and %s", seq, other, ref)
		}
		acked[seq] = ref
	}
	var stop atomic.Bool
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := 0; !stop.Load(); i++ {
				ref := fmt.Sprint(w, " ", i)
				receipts, err := s.Append(t.Context(), []chat.Message{hello(ref)})
				if err != nil {
					t.Error(err)
					return
				}
				note(receipts[0].Seq, ref)
			}
		})
	}
	all.Go(func() {
		for !stop.Load() {
			page, err := s.Before(t.Context(), annBo, 0, 3)
			if err != nil {
				t.Error(err)
				return
			}
			for _, m := range page {
				note(m.Seq, m.Ref)
			}
		}
	})
	for range 8 {
		for before := last(t, s); last(t, s) < before+20; {
			runtime.Gosched()
		}
		mu.Lock()
		promised := make(map[uint64]string, len(acked))
		for seq, ref := range acked {
			promised[seq] = ref
		}
		mu.Unlock()
		after := d.cut().open(t, nil)
		found := read(t, after)
		for seq, ref := range promised {
			if seq > uint64(len(found)) || found[seq-1].Ref != ref {
				t.Fatalf("number %d, %s, is lost: %d messages are there", seq, ref, len(found))
			}
		}
		receipts, err := after.Append(t.Context(), []chat.Message{hello("after the cut")})
		if err != nil || receipts[0].Seq != uint64(len(found)+1) {
			t.Fatalf("after %d messages the next is %+v, error %v", len(found), receipts, err)
		}
		after.Close()
	}
	stop.Store(true)
	all.Wait()
}

// While the disk takes its time, nobody reads what it has not got yet.
func TestReadersWaitForTheDisk(t *testing.T) {
	d := newDisk()
	s := d.open(t, nil)
	defer s.Close()
	if _, err := s.Append(t.Context(), []chat.Message{hello("1"), hello("2")}); err != nil {
		t.Fatal(err)
	}
	syncing, finish := d.hold()
	answered := make(chan error)
	go func() {
		_, err := s.Append(t.Context(), []chat.Message{hello("3"), hello("4")})
		answered <- err
	}()
	<-syncing // by then the batch is in Pebble's memory

	see := func(want int) {
		t.Helper()
		if got := len(read(t, s)); got != want {
			t.Errorf("Since shows %d messages, want %d", got, want)
		}
		for before, most := range map[uint64]int{0: 100, 2: 1, 4: 3, 100: 99} {
			page, err := s.Before(t.Context(), annBo, before, 100)
			if err != nil || len(page) != min(want, most) {
				t.Errorf("Before %d shows %d messages, error %v", before, len(page), err)
			}
		}
		page, err := s.Since(t.Context(), annBo, 2, 10)
		if err != nil || len(page) != want-2 {
			t.Errorf("Since 2 shows %d messages, error %v", len(page), err)
		}
		if got := last(t, s); got != uint64(want) {
			t.Errorf("Last is %d, want %d", got, want)
		}
	}
	see(2)
	finish()
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	see(4)
}

// Ann adds Bob twice at once. The second time there is nothing to write, and yet the answer waits for the disk.
func TestWhatIsThereAlreadyWaitsForTheDisk(t *testing.T) {
	d := newDisk()
	s := d.open(t, nil)
	defer s.Close()
	syncing, finish := d.hold()
	answered := make(chan bool, 2)
	add := func() {
		added, err := s.AddFriend(t.Context(), ann, bob, time.Now())
		if err != nil {
			t.Error(err)
		}
		answered <- added
	}
	go add()
	<-syncing
	go add()
	select {
	case <-answered:
		finish()
		t.Fatal("answered before it was on the disk")
	case <-time.After(100 * time.Millisecond): // as long as it takes to see that nothing comes
	}
	finish()
	if first, second := <-answered, <-answered; first == second {
		t.Errorf("added %v and %v", first, second)
	}
	after := d.cut().open(t, nil)
	defer after.Close()
	if friends, err := after.Friends(t.Context(), ann); err != nil || len(friends) != 1 {
		t.Errorf("after the cut Ann has the friends %v, error %v", friends, err)
	}
}

// A cursor that was moved stays there, however soon the power goes.
func TestCursorsReachTheDisk(t *testing.T) {
	d := newDisk()
	s := d.open(t, nil)
	defer s.Close()
	advance := func(seq uint64) {
		t.Helper()
		if err := s.AdvanceCursors(t.Context(), []chat.Cursor{{User: ann, Device: "phone", Conv: annBo, Seq: seq}}); err != nil {
			t.Fatal(err)
		}
	}
	found := func() uint64 {
		t.Helper()
		after := d.cut().open(t, nil)
		defer after.Close()
		cursors, err := after.Cursors(t.Context(), ann, "phone")
		if err != nil {
			t.Fatal(err)
		}
		return cursors[annBo]
	}
	for seq := range uint64(3) {
		advance(seq + 1)
		if got := found(); got != seq+1 {
			t.Errorf("after the cut the cursor is %d, want %d", got, seq+1)
		}
	}
}

// What may be lost does not wait for the disk, and is there soon, though nobody asks.
func TestSightingsReachTheDisk(t *testing.T) {
	d := newDisk()
	s := d.open(t, nil)
	defer s.Close()
	found := func() bool {
		t.Helper()
		after := d.cut().open(t, nil)
		defer after.Close()
		last, err := after.LastSeen(t.Context(), []chat.UserID{ann})
		if err != nil {
			t.Fatal(err)
		}
		return !last[0].IsZero()
	}
	syncing := make(chan struct{})
	tell := func() error {
		syncing <- struct{}{}
		return nil
	}
	d.onSync.Store(&tell)
	if err := s.See(t.Context(), []chat.Sighting{{User: ann, Device: "phone", At: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	if found() {
		t.Error("the sighting waited for the disk")
	}
	<-syncing // nobody asked for it
	d.onSync.Store(nil)
	// That sync is only about to happen; after one more it has happened.
	if _, err := s.Append(t.Context(), []chat.Message{hello("")}); err != nil {
		t.Fatal(err)
	}
	if !found() {
		t.Error("after the cut the sighting is gone")
	}
}

// Close leaves nothing in memory.
func TestCloseSyncs(t *testing.T) {
	d := newDisk()
	s := d.open(t, nil)
	if err := s.AdvanceCursors(t.Context(), []chat.Cursor{{User: ann, Conv: annBo, Seq: 7}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	after := d.cut().open(t, nil)
	defer after.Close()
	if got, err := after.Cursors(t.Context(), ann, ""); err != nil || got[annBo] != 7 {
		t.Errorf("the cursors are %v, error %v", got, err)
	}
}
