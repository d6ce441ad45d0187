package chat_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
)

// depot keeps the bytes of files in memory.
type depot struct {
	kept  map[chat.FileID]string
	facts chat.FileFacts // of the next upload, but for its size
	fail  error          // of the next Keep or Remove
}

func (s *depot) Receive(_ context.Context, r io.Reader, terms chat.FileTerms) (chat.FileBody, error) {
	b, err := io.ReadAll(io.LimitReader(r, terms.Most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > terms.Most {
		return nil, chat.Errorf(chat.TooLarge, "too large")
	}
	facts := s.facts
	facts.Size = int64(len(b))
	return &parcel{s, string(b), facts}, terms.Accept(facts.Mime)
}

func (s *depot) Remove(id chat.FileID) error {
	delete(s.kept, id)
	return s.fail
}

type parcel struct {
	depot *depot
	bytes string
	facts chat.FileFacts
}

func (p *parcel) Facts() chat.FileFacts { return p.facts }
func (p *parcel) Discard()              {}
func (p *parcel) Keep(id chat.FileID) error {
	if p.depot.fail != nil {
		return p.depot.fail
	}
	p.depot.kept[id] = p.bytes
	return nil
}

// archive is the rules of files over an engine, and messages that name them.
type archive struct {
	*chat.Files
	t        *testing.T
	clock    *clock
	depot    *depot
	engine   *embedded.Store
	messages *chat.Messages
	outcomes chan chat.Outcome
	ann, bob chat.UserID
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	engine := newEngine(t)
	ids := settle(t, engine, "ann", "bob")
	a := &archive{t: t, clock: &clock{now: noon()}, engine: engine, ann: ids[0], bob: ids[1], outcomes: make(chan chat.Outcome, 16)}
	a.depot = &depot{kept: make(map[chat.FileID]string), facts: chat.FileFacts{Mime: "text/plain", Extension: ".txt"}}
	a.Files = &chat.Files{
		Store: engine, Bodies: a.depot, Most: 1000, Quota: 20_000, Keep: 24 * time.Hour, Now: a.clock.Now, Log: quiet(),
	}
	a.messages = chat.NewMessages(engine, engine, a.clock.Now)
	a.messages.Files = engine
	a.messages.Start(a)
	t.Cleanup(func() { a.messages.Close(context.Background()) })
	return a
}

func (a *archive) Deliver(batch []chat.Outcome) {
	for _, o := range batch {
		a.outcomes <- o
	}
}

func (a *archive) upload(body string) chat.File {
	a.t.Helper()
	f, err := a.Save(a.t.Context(), chat.Upload{Owner: a.ann, Name: "notes.txt", Body: strings.NewReader(body)})
	if err != nil {
		a.t.Fatal(err)
	}
	return f
}

// send has Ann write a body to Bob.
func (a *archive) send(body string) (chat.Message, error) {
	a.t.Helper()
	err := a.messages.Submit(a.t.Context(), chat.Draft{Sender: a.ann, To: a.bob, Body: []byte(body)}, nil)
	if err != nil {
		return chat.Message{}, err
	}
	o := <-a.outcomes
	if o.Err != nil {
		a.t.Fatal(o.Err)
	}
	return *o.Message, nil
}

func (a *archive) collect() {
	a.t.Helper()
	if err := a.Collect(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

func (a *archive) wantState(f chat.File, want chat.FileState) {
	a.t.Helper()
	got, err := a.File(a.t.Context(), f.ID)
	if err != nil || got.State != want {
		a.t.Errorf("state %d, error %v, want %d", got.State, err, want)
	}
	if a.depot.kept[f.ID] == "" {
		a.t.Error("its bytes are gone")
	}
}

func (a *archive) wantGone(f chat.File) {
	a.t.Helper()
	_, err := a.File(a.t.Context(), f.ID)
	wantCode(a.t, "a collected file", err, chat.NotFound)
	if a.depot.kept[f.ID] != "" {
		a.t.Error("its bytes are still there")
	}
}

func TestUnusedFilesGoInTwoSteps(t *testing.T) {
	a := newArchive(t)
	unused, used := a.upload("nobody sends this"), a.upload("Bob gets this")
	if _, err := a.send(`{"url":"` + used.Link("https://chat.example").URL + `"}`); err != nil {
		t.Fatal(err)
	}
	a.clock.pass(23 * time.Hour)
	a.collect()
	a.wantState(unused, chat.FileNew)
	a.clock.pass(2 * time.Hour)
	a.collect()
	a.wantState(unused, chat.FileCondemned)
	a.wantState(used, chat.FileKept)
	a.collect() // another node's pass, a moment later
	a.wantState(unused, chat.FileCondemned)

	// Too late: nobody may name it any more.
	_, err := a.send(`"` + unused.Link("").URL + `"`)
	wantCode(t, "a condemned file", err, chat.NotFound)

	a.clock.pass(time.Hour)
	a.collect()
	a.wantGone(unused)
	a.wantState(used, chat.FileKept)
	if weight, err := a.Store.FilesWeight(t.Context(), a.ann); err != nil || weight != used.Weight() {
		t.Errorf("her files weigh %d, %v, want %d", weight, err, used.Weight())
	}
}

// A message that was taken just before its file was condemned is stored just after.
func TestAFileIsNotDeletedUnderAMessage(t *testing.T) {
	a := newArchive(t)
	f := a.upload("on its way")
	a.clock.pass(25 * time.Hour)
	a.collect()
	a.wantState(f, chat.FileCondemned)
	late := chat.Message{
		Conv: chat.DirectConv(a.ann, a.bob), Sender: a.ann, To: a.bob, Type: "file", Body: []byte(`"late"`), At: a.clock.Now(),
		Files: []chat.FileID{f.ID},
	}
	if _, err := a.engine.Append(t.Context(), []chat.Message{late}); err != nil {
		t.Fatal(err)
	}
	a.clock.pass(time.Hour)
	a.collect()
	a.wantState(f, chat.FileKept)
}

func TestRecalledAndReplacedFilesGoSoon(t *testing.T) {
	a := newArchive(t)
	a.messages.ChangeTime = 48 * time.Hour
	hushed := func(*chat.Message) {}
	one, two, three := a.upload("one"), a.upload("two"), a.upload("three")
	links := func(files ...chat.File) string {
		body := ""
		for _, f := range files {
			body += f.Link("").URL + " "
		}
		return `"` + body + `"`
	}
	first, err := a.send(links(one, two))
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.send(links(two))
	if err != nil {
		t.Fatal(err)
	}
	a.clock.pass(23 * time.Hour)
	edited, err := a.messages.Edit(t.Context(), a.ann, first.Conv, first.Seq, []byte(links(two, three)), hushed)
	if err != nil || len(edited.Files) != 2 {
		t.Fatalf("%+v, %v", edited, err)
	}
	a.clock.pass(2 * time.Hour)
	a.collect()
	a.wantState(one, chat.FileCondemned)
	a.wantState(two, chat.FileKept)
	a.wantState(three, chat.FileKept)
	_, err = a.messages.Edit(t.Context(), a.ann, first.Conv, first.Seq, []byte(links(one)), hushed)
	wantCode(t, "an edit that names a condemned file", err, chat.NotFound)

	if _, err := a.messages.Recall(t.Context(), a.ann, first.Conv, first.Seq, hushed); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		a.clock.pass(10 * time.Minute)
		a.collect()
	}
	a.wantGone(one)
	a.wantState(two, chat.FileKept) // the second message has it
	a.wantGone(three)
	if _, err := a.messages.Recall(t.Context(), a.ann, second.Conv, second.Seq, hushed); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		a.clock.pass(10 * time.Minute)
		a.collect()
	}
	a.wantGone(two)
}

// A message that goes without its rules, as at the end of its time.
func TestAFileThatIsNoLongerNamedIsFound(t *testing.T) {
	a := newArchive(t)
	f := a.upload("regretted")
	m, err := a.send(`"` + f.Link("").URL + `"`)
	if err != nil {
		t.Fatal(err)
	}
	a.clock.pass(25 * time.Hour)
	a.collect()
	a.wantState(f, chat.FileKept)
	m.State, m.Body, m.Files = chat.Recalled, []byte("null"), nil
	if _, err := a.engine.ChangeMessage(t.Context(), m, 0); err != nil {
		t.Fatal(err)
	}
	a.collect()
	a.wantState(f, chat.FileKept) // nobody has looked
	if err := a.Recheck(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.wantState(f, chat.FileNew)
	a.collect()
	a.clock.pass(time.Hour)
	a.collect()
	a.wantGone(f)
}

// What breaks off in the midst is done by the next pass.
func TestCollectionGoesOnAfterAFailure(t *testing.T) {
	a := newArchive(t)
	f := a.upload("stubborn")
	a.clock.pass(25 * time.Hour)
	a.collect()
	a.clock.pass(time.Hour)
	a.depot.fail = errors.New("the disk is busy")
	if err := a.Collect(t.Context()); !errors.Is(err, a.depot.fail) {
		t.Fatalf("got %v", err)
	}
	if _, err := a.File(t.Context(), f.ID); err != nil {
		t.Fatalf("its record is gone before its bytes: %v", err)
	}
	a.depot.fail = nil
	a.collect()
	a.wantGone(f)
}

// looks counts how often kept files are looked at; there are none.
type looks struct {
	chat.FileStore
	count atomic.Int32
}

func (*looks) LooseFiles(context.Context, time.Time, chat.FileID, int) ([]chat.File, error) {
	return nil, nil
}

func (l *looks) Files(context.Context, chat.FileID, int) ([]chat.File, error) {
	l.count.Add(1)
	return nil, nil
}

// The server is started anew every night. The files of recalled messages go all the same.
func TestKeptFilesAreLookedAtSoonAfterTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(looks)
		files := &chat.Files{Store: store, Now: time.Now, Keep: time.Hour, Log: quiet()}
		go files.Run(t.Context())
		for _, step := range []struct {
			later time.Duration
			want  int32
		}{{50 * time.Minute, 0}, {time.Hour, 1}, {20 * time.Hour, 1}, {5 * time.Hour, 2}} {
			time.Sleep(step.later) // of the bubble's clock
			synctest.Wait()
			if got := store.count.Load(); got != step.want {
				t.Errorf("after %v more: looked %d times, want %d", step.later, got, step.want)
			}
		}
	})
}
