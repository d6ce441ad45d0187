package ferrettest

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/chat"
	parley "github.com/parley-chat/parley/store/mongo"
)

func text(from, to chat.UserID, ref string) chat.Message {
	return chat.Message{
		Conv: chat.DirectConv(from, to), Sender: from, To: to, Ref: ref, Type: "text", Body: []byte(`"` + ref + `"`), At: noon(),
	}
}

// texts are n messages with the refs prefix0, prefix1, …
func texts(from, to chat.UserID, prefix string, n int) []chat.Message {
	batch := make([]chat.Message, n)
	for i := range batch {
		batch[i] = text(from, to, fmt.Sprint(prefix, i))
	}
	return batch
}

// wantRefs checks that a conversation holds these refs under 1, 2, 3, …
func wantRefs(t *testing.T, s *parley.Store, conv chat.ConvID, refs []string) {
	t.Helper()
	page, err := s.Since(t.Context(), conv, 0, len(refs)+10)
	noError(t, err)
	if len(page) != len(refs) {
		t.Errorf("%d messages, want %d", len(page), len(refs))
	}
	for i, m := range page {
		if m.Seq != uint64(i+1) || i < len(refs) && refs[i] != "" && m.Ref != refs[i] {
			t.Fatalf("message %d is number %d, ref %s", i+1, m.Seq, m.Ref)
		}
	}
}

// What a batch costs, in the commands that the engine sends. FerretDB takes 100 inserts in one, MongoDB 1000.
func TestCommandsOfABatch(t *testing.T) {
	p := newProxy(t)
	s := opened(t, p.uri)
	ann, bob, carl := newUser(), newUser(), newUser()
	for _, step := range []struct {
		what  string
		batch []chat.Message
		want  map[string]int
	}{
		{"the first message of two", texts(ann, bob, "a", 1),
			map[string]int{"find": 2, "insert": 2}}, // last number, refs; lists, message
		{"the next", texts(bob, ann, "b", 1), map[string]int{"insert": 1}},
		{"250 more", texts(ann, bob, "c", 250), map[string]int{"insert": 3}},
		{"100 of which the first was sent before", append(texts(ann, bob, "c", 1), texts(ann, bob, "d", 99)...),
			map[string]int{"insert": 2, "find": 2}}, // refused; refs, last number; the rest
		{"a hundred with one new conversation", append(texts(ann, bob, "e", 99), texts(ann, carl, "f", 1)...),
			map[string]int{"find": 2, "insert": 2}},
	} {
		p.counted()
		before := s.Commands()
		_, err := s.Append(t.Context(), step.batch)
		noError(t, err)
		got := p.counted()
		if !maps.Equal(got, step.want) {
			t.Errorf("%s: %v, want %v", step.what, got, step.want)
		}
		for name, c := range s.Commands() { // what operators are told is what went over the wire
			if n := c.Count - before[name].Count; int(n) != got[name] || n > 0 && c.Spent <= before[name].Spent {
				t.Errorf("%s: %d of %s counted, %d sent", step.what, n, name, got[name])
			}
		}
	}
}

func TestAnAnswerIsLost(t *testing.T) {
	p := newProxy(t)
	s := opened(t, p.uri)
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	_, err := s.Append(t.Context(), texts(ann, bob, "hello", 1)) // so that the lists are written
	noError(t, err)

	// Of three inserts the second is done and its answer is lost.
	p.loseAnswer("insert", 1)
	batch := texts(ann, bob, "m", 250)
	certain, err := s.Append(t.Context(), batch)
	if chat.CodeOf(err) != chat.Unavailable || len(certain) != 100 {
		t.Fatalf("%d receipts and error %v, want the first 100 and Unavailable", len(certain), err)
	}
	// Bob writes before she tries again: his message comes behind the 200.
	receipts, err := s.Append(t.Context(), texts(bob, ann, "b", 1))
	noError(t, err)
	if receipts[0].Seq != 202 {
		t.Errorf("Bob's number is %d, want 202", receipts[0].Seq)
	}
	again, err := s.Append(t.Context(), batch)
	noError(t, err)
	refs := []string{"hello0"}
	for i, r := range again {
		want := chat.Receipt{Conv: conv, Seq: uint64(i + 2), At: noon(), Repeat: i < 200}
		if !want.Repeat {
			want.Seq++ // behind Bob's
		}
		if i == 200 {
			refs = append(refs, "b0")
		}
		refs = append(refs, batch[i].Ref)
		if r != want {
			t.Errorf("receipt %d is %+v, want %+v", i, r, want)
		}
	}
	wantRefs(t, s, conv, refs)
}

// A batch in doubt is appended again with its nonces. What the first try stored is not stored twice, with a ref or
// without, and its receipts are those of new messages: only a ref that was there before is a repeat.
func TestABatchInDoubtIsAppendedAgain(t *testing.T) {
	p := newProxy(t)
	s := opened(t, p.uri)
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	_, err := s.Append(t.Context(), texts(ann, bob, "old", 1))
	noError(t, err)

	refs := []string{"new", "", "old0", "new", "", ""}
	batch := make([]chat.Message, len(refs))
	for i, ref := range refs {
		batch[i] = text(ann, bob, ref)
		batch[i].Nonce = fmt.Sprint("nonce ", i)
	}
	want := []chat.Receipt{{Seq: 2}, {Seq: 3}, {Seq: 1, Repeat: true}, {Seq: 2, Repeat: true}, {Seq: 4}, {Seq: 5}}
	for tries, lost := 0, []int{0, 1, -1}; tries < len(lost); tries++ {
		if lost[tries] >= 0 {
			p.loseAnswer("insert", lost[tries])
		}
		receipts, err := s.Append(t.Context(), batch)
		if lost[tries] >= 0 {
			if chat.CodeOf(err) != chat.Unavailable || len(receipts) > 0 {
				t.Fatalf("try %d: %d receipts, error %v", tries, len(receipts), err)
			}
			continue
		}
		noError(t, err)
		for i, r := range receipts {
			want[i].Conv, want[i].At = conv, noon()
			if r != want[i] {
				t.Errorf("receipt %d is %+v, want %+v", i, r, want[i])
			}
		}
	}
	wantRefs(t, s, conv, []string{"old0", "new", "", "", ""})
	page, err := s.Since(t.Context(), conv, 0, 10)
	noError(t, err)
	for _, m := range page {
		if m.Nonce != "" {
			t.Errorf("number %d shows its nonce", m.Seq)
		}
	}
}

func TestTheAnswerOfTheListsIsLost(t *testing.T) {
	p := newProxy(t)
	s := opened(t, p.uri)
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	p.loseAnswer("insert", 0)
	if certain, err := s.Append(t.Context(), texts(ann, bob, "m", 3)); chat.CodeOf(err) != chat.Unavailable || len(certain) > 0 {
		t.Fatalf("%d receipts, error %v", len(certain), err)
	}
	// The list has an entry of an empty conversation: harmless.
	last, err := s.Last(t.Context(), []chat.ConvID{conv})
	noError(t, err)
	convs, err := s.Conversations(t.Context(), bob)
	noError(t, err)
	if last[0] != 0 || len(convs) != 1 {
		t.Errorf("last %v, conversations %v", last, convs)
	}
	receipts, err := s.Append(t.Context(), texts(ann, bob, "m", 3))
	noError(t, err)
	if receipts[0].Seq != 1 || receipts[2].Seq != 3 || receipts[0].Repeat {
		t.Errorf("%+v", receipts)
	}
}

// Two nodes, each with an engine of its own, write to one conversation. Neither knows of the other's numbers, and some
// refs reach both.
func TestTwoNodesInOneConversation(t *testing.T) {
	uri := fresh(t, server(t))
	east, west := opened(t, uri), opened(t, uri)
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	const rounds, size = 20, 5
	told := make([]map[string]chat.Receipt, 2)
	var nodes sync.WaitGroup
	for node, s := range []*parley.Store{east, west} {
		told[node] = make(map[string]chat.Receipt)
		nodes.Go(func() {
			for round := range rounds {
				batch := texts(ann, bob, fmt.Sprint("node ", node, " round ", round, " "), size)
				batch[size/2] = text(ann, bob, fmt.Sprint("both, round ", round))
				receipts, err := s.Append(t.Context(), batch)
				if err != nil {
					t.Errorf("node %d: %v", node, err)
					return
				}
				for i, r := range receipts {
					told[node][batch[i].Ref] = r
				}
			}
		})
	}
	nodes.Wait()
	const most = 2 * rounds * size
	page, err := east.Since(t.Context(), conv, 0, most)
	noError(t, err)
	if want := most - rounds; len(page) != want { // each shared ref once
		t.Errorf("%d messages, want %d", len(page), want)
	}
	for i, m := range page {
		if m.Seq != uint64(i+1) {
			t.Fatalf("number %d stands where %d belongs", m.Seq, i+1)
		}
		news := 0
		for node := range told {
			r, ok := told[node][m.Ref]
			if !ok {
				continue
			}
			if r.Seq != m.Seq || r.Conv != conv {
				t.Errorf("node %d was told %d for %q, which is %d", node, r.Seq, m.Ref, m.Seq)
			}
			if !r.Repeat {
				news++
			}
		}
		if news != 1 {
			t.Errorf("%q was new %d times", m.Ref, news)
		}
	}
	for _, user := range []chat.UserID{ann, bob} {
		convs, err := west.Conversations(t.Context(), user)
		noError(t, err)
		if len(convs) != 1 {
			t.Errorf("conversations %v", convs)
		}
	}
}

func TestTheServerGoesAndComesBack(t *testing.T) {
	folder := t.TempDir()
	server, stop := startFerret(t, folder, "127.0.0.1:0")
	uri := strings.TrimSuffix(server, "/") + "/chat"
	s := opened(t, uri)
	ann, bob := newUser(), newUser()
	_, err := s.Append(t.Context(), texts(ann, bob, "before", 2))
	noError(t, err)

	stop()
	if err := s.Ping(t.Context()); chat.CodeOf(err) != chat.Unavailable {
		t.Errorf("Ping: %v", err)
	}
	if certain, err := s.Append(t.Context(), texts(ann, bob, "during", 2)); chat.CodeOf(err) != chat.Unavailable || len(certain) > 0 {
		t.Errorf("Append: %d receipts, error %v", len(certain), err)
	}

	host := strings.Trim(strings.TrimPrefix(server, "mongodb://"), "/")
	startFerret(t, folder, host)
	receipts, err := s.Append(t.Context(), texts(ann, bob, "during", 2))
	noError(t, err)
	if receipts[1].Seq != 4 {
		t.Errorf("%+v", receipts)
	}
	wantRefs(t, s, chat.DirectConv(ann, bob), []string{"before0", "before1", "during0", "during1"})
}
