package storetest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

const (
	crashEnv    = "STORETEST_CRASH" // "<round> <url>" in the child
	crashRounds = 5
	crashGrace  = time.Minute // for a child to answer its first messages
)

// Crash kills a process in the midst of appending, five times on the same place, and checks each time that every
// message it was answered for is there under its number, that numbers have no gap, that refs are remembered, and that
// no cursor is behind where it was said to be.
//
// The process is a child: the test binary again, running the calling test alone. There Crash opens the URL and never
// returns, so the caller does nothing before Crash but make the Engine. New is called in the parent only.
func Crash(t *testing.T, e Engine) {
	if task := os.Getenv(crashEnv); task != "" {
		round, url, _ := strings.Cut(task, " ")
		crashChild(e, round, url)
	}
	url := e.New(t)
	said := crashSaid{acked: make(map[string]ack), cursors: make(map[chat.Cursor]uint64)}
	for round := range crashRounds {
		crashParent(t, url, round, max(2000/max(e.Scale, 1), 40), said)
		s, err := e.Open(t.Context(), url)
		noError(t, err)
		p := &place{Store: s, engine: e, url: url}
		crashCheck(t, p, said.acked)
		crashCursors(t, p, said.cursors)
		noError(t, p.Close())
	}
}

// ack is what the child was told of one message.
type ack struct {
	conv chat.ConvID
	seq  uint64
}

// crashSaid is what children were told, in all rounds.
type crashSaid struct {
	acked   map[string]ack         // by ref
	cursors map[chat.Cursor]uint64 // the furthest, by cursor without its number
}

func crashUser(i int) chat.UserID { return chat.UserID(fmt.Sprintf("65f000000000000000000c%02x", i%4)) }

// crashMessage is what writer w of a round sends as its i-th: four people, each pair with a conversation.
func crashMessage(round string, w, i int) chat.Message {
	from, to := crashUser(w), crashUser(w+1+i%2)
	ref := fmt.Sprintf("%s-%d-%d", round, w, i)
	return text(from, to, ref, `"`+ref+`"`)
}

// crashChild appends until it is killed. It ends also when its parent does: then its standard input ends.
func crashChild(e Engine, round, url string) {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(2)
	}()
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(3)
	}
	s, err := e.Open(context.Background(), url)
	if err != nil {
		fail(err)
	}
	var line sync.Mutex
	together(8, func(w int) {
		for i := 0; ; {
			var batch []chat.Message
			for range 1 + (w+i)%5 {
				batch = append(batch, crashMessage(round, w, i))
				i++
			}
			receipts, err := s.Append(context.Background(), batch)
			if err != nil {
				fail(err)
			}
			var acks bytes.Buffer
			for j, r := range receipts {
				fmt.Fprintf(&acks, "ack %s %s %d\n", batch[j].Ref, r.Conv, r.Seq)
			}
			if last := len(receipts) - 1; w < 2 {
				c := chat.Cursor{User: batch[last].Sender, Device: "phone", Conv: receipts[last].Conv, Seq: receipts[last].Seq}
				if err := s.AdvanceCursors(context.Background(), []chat.Cursor{c}); err != nil {
					fail(err)
				}
				fmt.Fprintf(&acks, "cursor %s %s %d\n", c.User, c.Conv, c.Seq)
			}
			line.Lock()
			os.Stdout.Write(acks.Bytes())
			line.Unlock()
		}
	})
}

// crashParent starts a child, kills it at a moment of chance after some acks, and adds to told all it has said.
func crashParent(t *testing.T, url string, round, least int, told crashSaid) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), crashGrace)
	defer cancel()
	only := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	child := exec.CommandContext(ctx, os.Args[0], "-test.run="+only, "-test.count=1")
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", crashEnv, round, url))
	var said bytes.Buffer
	child.Stderr = &said
	stdin, err := child.StdinPipe() // never written to; it ends with this process
	noError(t, err)
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	noError(t, err)
	noError(t, child.Start())

	kill, heard := least+rand.IntN(least), 0
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var ref string
		var a ack
		c := chat.Cursor{Device: "phone"}
		if n, _ := fmt.Sscanf(lines.Text(), "cursor %s %s %d", &c.User, &c.Conv, &a.seq); n == 3 {
			told.cursors[c] = max(told.cursors[c], a.seq)
			continue
		}
		if n, _ := fmt.Sscanf(lines.Text(), "ack %s %s %d", &ref, &a.conv, &a.seq); n != 3 {
			continue // the test binary's own words
		}
		told.acked[ref] = a
		if heard++; heard == kill {
			child.Process.Kill() // SIGKILL; what it said before is still in the pipe
		}
	}
	err = child.Wait()
	if heard < kill || child.ProcessState.ExitCode() != -1 {
		t.Fatalf("round %d: the child ended by itself after %d acks: %v\n%s", round, heard, err, said.Bytes())
	}
}

func crashCheck(t *testing.T, p *place, acked map[string]ack) {
	t.Helper()
	stored := make(map[chat.ConvID][]chat.Message)
	lost := 0
	for ref, a := range acked {
		all, known := stored[a.conv]
		if !known {
			all = readAll(t, p, a.conv) // without gap
			stored[a.conv] = all
		}
		if a.seq == 0 || a.seq > uint64(len(all)) || all[a.seq-1].Ref != ref || string(all[a.seq-1].Body) != `"`+ref+`"` {
			if lost++; lost < 10 {
				t.Errorf("%s was answered with %s/%d and is not there", ref, a.conv, a.seq)
			}
		}
	}
	for conv, all := range stored {
		refs := make(map[string]bool)
		var again []chat.Message
		for _, m := range all {
			if refs[m.Ref] {
				t.Errorf("%s: %s is stored twice", conv, m.Ref)
			}
			refs[m.Ref] = true
			if again = append(again, m); len(again) == 100 {
				crashRepeat(t, p, again)
				again = nil
			}
		}
		crashRepeat(t, p, again)
	}
	t.Logf("%d messages acknowledged, %d conversations", len(acked), len(stored))
}

func crashCursors(t *testing.T, p *place, said map[chat.Cursor]uint64) {
	t.Helper()
	asked := slices.Collect(maps.Keys(said))
	at, err := p.CursorsAt(t.Context(), asked)
	noError(t, err)
	for i, c := range asked {
		if at[i] < said[c] {
			t.Errorf("the cursor of %s in %s is at %d, and was said to be at %d", c.User, c.Conv, at[i], said[c])
		}
	}
	if len(said) == 0 {
		t.Error("no child moved a cursor")
	}
}

// crashRepeat sends again what is stored, acknowledged or not: each comes back as the one that is there.
func crashRepeat(t *testing.T, p *place, stored []chat.Message) {
	t.Helper()
	for i, r := range send(t, p, stored...) {
		wantReceipt(t, r, chat.Receipt{Conv: stored[i].Conv, Seq: stored[i].Seq, At: stored[i].At, Repeat: true})
	}
}
