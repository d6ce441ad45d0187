package embedded

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

// oracle knows what was promised.
type oracle struct {
	t     *testing.T
	store *Store
	done  atomic.Bool
	all   sync.WaitGroup

	mu       sync.Mutex // guards what follows
	acked    map[uint64]string
	refused  map[string]bool
	edited   map[uint64]string // the last answered edit, or …
	unedited map[string]bool   // … texts of refused ones
	accounts []chat.UserID
	seen     map[uint64]string // the texts that readers saw first
	answers  int
	away     int // answers that the engine is away
}

func newOracle(t *testing.T, s *Store) *oracle {
	return &oracle{
		t: t, store: s, acked: make(map[uint64]string), refused: make(map[string]bool), edited: make(map[uint64]string),
		unedited: make(map[string]bool), seen: make(map[uint64]string),
	}
}

// people begin to use the engine.
func (o *oracle) people() {
	o.all.Go(o.editor)
	o.all.Go(o.reader)
	o.all.Go(o.newcomers)
	for w := range 4 {
		o.all.Go(func() { o.writer(w) })
	}
}

func (o *oracle) stop() {
	o.done.Store(true)
	o.all.Wait()
}

// heard notes an answer; false is a refusal. The caller holds o.mu.
func (o *oracle) heard(err error) bool {
	switch chat.CodeOf(err) {
	case "":
		return true
	case chat.Unavailable:
		o.away++
		o.mu.Unlock()
		<-time.After(time.Millisecond) // whoever is refused comes back later
		o.mu.Lock()
	default:
		o.t.Errorf("refused with %v", err)
	}
	return false
}

func (o *oracle) writer(w int) {
	for i := 0; !o.done.Load(); i++ {
		var batch []chat.Message
		for j := range 1 + i%3 {
			name := fmt.Sprintf("%d-%d-%d", w, i, j)
			m := hello(name)
			if j > 0 {
				m.Ref = ""
			}
			if i%2 == 0 { // some name files
				m.Files = []chat.FileID{chat.FileID(strings.Repeat("f", 24))}
			}
			batch = append(batch, m)
		}
		receipts, err := o.store.Append(o.t.Context(), batch)
		o.mu.Lock()
		if o.heard(err) {
			o.answers++
			for j, r := range receipts {
				o.acked[r.Seq] = string(batch[j].Body)
			}
		} else {
			for _, m := range batch {
				o.refused[string(m.Body)] = true
			}
		}
		o.mu.Unlock()
	}
}

// editor corrects messages, one after the other.
func (o *oracle) editor() {
	was := make(map[uint64]uint64)
	for i := 0; !o.done.Load(); i++ {
		runtime.Gosched()
		seq := uint64(i%20 + 1)
		o.mu.Lock()
		_, there := o.acked[seq]
		o.mu.Unlock()
		if !there {
			continue
		}
		m := hello("")
		m.Seq, m.State, m.Body = seq, chat.Edited, fmt.Appendf(nil, `"edit %d"`, i)
		changed, err := o.store.ChangeMessage(o.t.Context(), m, was[seq])
		o.mu.Lock()
		if o.heard(err) {
			was[seq], o.edited[seq] = changed.Change, string(m.Body)
		} else {
			o.unedited[string(m.Body)] = true
		}
		o.mu.Unlock()
	}
}

// newcomers register. Whoever was refused may be there or not, and tries again under another name.
func (o *oracle) newcomers() {
	for i := 0; !o.done.Load(); i++ {
		id := chat.NewUserID(time.Now())
		name := fmt.Sprint("newcomer ", i)
		err := o.store.CreateAccount(o.t.Context(), chat.Account{ID: id, Username: name, Email: name, Phone: name})
		o.mu.Lock()
		if o.heard(err) {
			o.accounts = append(o.accounts, id)
		}
		o.mu.Unlock()
		runtime.Gosched()
	}
}

// reader holds the engine to what it shows.
func (o *oracle) reader() {
	var shown uint64
	for !o.done.Load() {
		page, err := o.store.Before(o.t.Context(), annBo, 0, 30)
		o.mu.Lock()
		if o.heard(err) && len(page) > 0 {
			if last := page[len(page)-1].Seq; last < shown {
				o.t.Errorf("number %d was shown, and then %d is the last", shown, last)
			} else {
				shown = last
			}
			for i, m := range page {
				if m.Seq != page[0].Seq+uint64(i) {
					o.t.Errorf("number %d is shown behind %d", m.Seq, page[i-1].Seq)
				}
				if m.State == chat.Edited {
					continue
				}
				if first, known := o.seen[m.Seq]; known && first != string(m.Body) {
					o.t.Errorf("number %d is shown as %s and %s", m.Seq, first, m.Body)
				}
				o.seen[m.Seq] = string(m.Body)
			}
		}
		o.mu.Unlock()
		runtime.Gosched()
	}
}

func (o *oracle) count() (answers, away int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.answers, o.away
}

func (o *oracle) untilAcked(more int) {
	for from, _ := o.count(); ; runtime.Gosched() {
		if now, _ := o.count(); now >= from+more {
			return
		}
	}
}

func (o *oracle) untilRefused(times int) {
	for ; ; runtime.Gosched() {
		if _, now := o.count(); now >= times {
			return
		}
	}
}

// flush has the database write out what is in memory, for faults that need it.
func (o *oracle) flush() {
	if o.store.enter(o.t.Context()) == nil {
		defer o.store.leave()
		o.store.db.AsyncFlush()
	}
}

func (o *oracle) check(s *Store) {
	o.t.Helper()
	found := read(o.t, s) // without gap
	for seq, body := range o.acked {
		if seq > uint64(len(found)) {
			o.t.Fatalf("number %d was answered, and %d messages are there", seq, len(found))
		}
		m := found[seq-1]
		if want, edited := o.edited[seq]; edited {
			body = want
		}
		if string(m.Body) != body {
			o.t.Errorf("number %d is %s, and was answered as %s", seq, m.Body, body)
		}
	}
	for seq, body := range o.seen {
		if o.acked[seq] != body {
			o.t.Errorf("number %d was shown as %s, and answered as %q", seq, body, o.acked[seq])
		}
	}
	for _, m := range found {
		if o.refused[string(m.Body)] || o.unedited[string(m.Body)] {
			o.t.Errorf("number %d, %s, was refused", m.Seq, m.Body)
		}
	}
	if len(found) != len(o.acked) {
		o.t.Errorf("%d messages are there, %d were answered", len(found), len(o.acked))
	}
	for _, id := range o.accounts {
		if _, err := s.Account(o.t.Context(), id); err != nil {
			o.t.Errorf("account %s was made: %v", id, err)
		}
	}
	changed, err := s.Changed(o.t.Context(), annBo, 0, 1000)
	if err != nil || len(changed) != len(o.edited) {
		o.t.Errorf("%d messages are listed as changed, %d were; error %v", len(changed), len(o.edited), err)
	}
	uses := 0
	if err := s.each([]byte{kindUse}, func(rest, _ []byte) error {
		if seq := seqOf(rest); seq > uint64(len(found)) || len(found[seq-1].Files) == 0 {
			o.t.Errorf("a file is used by number %d, which does not name it", seq)
		}
		uses++
		return nil
	}); err != nil || uses == 0 {
		o.t.Errorf("%d uses of files, error %v", uses, err)
	}
}
