package e2e_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/bench/sio"
)

const (
	crashes      = 5
	crashWriters = 8    // in pairs
	crashWindow  = 16   // messages that a writer has under way
	crashAcks    = 2000 // of all writers, before the power goes
)

// writer sends her partner messages whose body is their ref, and keeps what the server acknowledged.
type writer struct {
	account
	partner account
	sent    int
	acked   map[string]uint64   // ref -> seq
	open    map[string]struct{} // refs sent, but not acked
}

// What was acked before a power cut is there after it. What was not is sent again, and is there once.
func TestNothingAckedIsLostInACrash(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	writers := make([]*writer, crashWriters)
	for i := range writers {
		writers[i] = &writer{account: s.register("Writer"), acked: make(map[string]uint64), open: make(map[string]struct{})}
	}
	for i, w := range writers {
		w.partner = writers[i^1].account
	}
	for range crashes {
		crashUnderLoad(t, s, writers)
		s = start(t, dir)
		for i := 0; i < len(writers); i += 2 {
			checkHistory(t, s, writers[i], writers[i+1])
		}
	}
}

// crashUnderLoad has all writers write, kills the server in the midst of it, and returns when all have noticed.
func crashUnderLoad(t *testing.T, s *server, writers []*writer) {
	t.Helper()
	var acks atomic.Int64
	enough := make(chan struct{})
	var writing sync.WaitGroup
	for _, w := range writers {
		p := s.join(w.account, "desk")
		writing.Go(func() {
			w.write(t, p.conn, func() {
				if acks.Add(1) == crashAcks {
					close(enough)
				}
			})
		})
	}
	gone := make(chan struct{})
	go func() { writing.Wait(); close(gone) }()
	select {
	case <-enough:
	case <-gone:
		t.Fatal("the connections broke before the power did\n" + s.Stderr())
	}
	s.kill()
	<-gone
}

// write sends again what is open, then ever more, until the connection breaks.
func (w *writer) write(t *testing.T, conn *sio.Conn, onAck func()) {
	again := slices.Collect(maps.Keys(w.open))
	refs := make(map[string]string) // by ack id
	say := func() {
		var ref string
		if len(again) > 0 {
			ref, again = again[0], again[1:]
		} else {
			w.sent++
			ref = strconv.Itoa(w.sent)
			w.open[ref] = struct{}{}
		}
		id := strconv.Itoa(len(refs) + 1)
		refs[id] = ref
		chat := map[string]string{"form_id": w.id, "toUserid": w.partner.id, "message": ref, "ref": ref}
		conn.Write([]byte(eventPacket(id, "chat", chat)))
	}
	for range crashWindow {
		say()
	}
	for conn.Flush() == nil {
		packet, err := conn.Read()
		if err != nil {
			return
		}
		if packet[0] != '3' {
			continue
		}
		id, args, _ := strings.Cut(string(packet[1:]), "[")
		var ack struct {
			OK  bool
			Seq uint64
		}
		if err := json.Unmarshal([]byte(strings.TrimSuffix(args, "]")), &ack); err != nil || !ack.OK || refs[id] == "" {
			t.Errorf("%s: ack %s (%v)", w.name, packet, err)
			return
		}
		ref := refs[id]
		delete(w.open, ref)
		w.acked[ref] = ack.Seq
		onAck()
		say()
	}
}

// checkHistory reads a conversation: numbers without gap, no ref twice, all that was acked at the place of its ack.
func checkHistory(t *testing.T, s *server, a, b *writer) {
	t.Helper()
	history := s.join(a.account, "desk").history(a.id, b.id)
	type origin struct{ user, ref string }
	first := make(map[origin]uint64)
	for i, m := range history {
		if m.Seq != uint64(i+1) {
			t.Fatalf("number %d stands at place %d", m.Seq, i+1)
		}
		o := origin{m.From, string(m.Message)}
		if first[o] != 0 {
			t.Errorf("%s has ref %s as number %d and again as %d", m.From, m.Message, first[o], m.Seq)
		}
		first[o] = m.Seq
	}
	for _, w := range []*writer{a, b} {
		lost := 0
		for ref, seq := range w.acked {
			if first[origin{w.id, ref}] != seq {
				lost++
			}
		}
		if lost > 0 {
			t.Errorf("%s: %d of %d acked messages are not in history where the ack said", w.name, lost, len(w.acked))
		}
	}
}
