package storetest

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func fileStories() []story {
	return []story{
		{name: "every field comes back", tell: fileRoundTrip},
		{name: "a quota is filled and not passed", tell: fileQuota},
		{name: "twenty upload at once", tell: fileQuotaRace},
		{name: "pages go by id", tell: filePages},
		{name: "a state is left once", tell: fileStates},
		{name: "twenty change the same state", tell: fileStateRace, updateRace: true},
		{name: "a message uses what it names", tell: fileUses},
		{name: "files outlast a restart", tell: fileReopen},
	}
}

// noQuota is room for everything.
const noQuota = math.MaxInt64

func newFile(owner chat.UserID, size int64) chat.File {
	return chat.File{
		ID: chat.NewFileID(), Owner: owner, Name: "a.bin", Size: size, Mime: "application/octet-stream",
		Created: noon(), Since: noon(),
	}
}

func putFile(t testing.TB, p *place, f chat.File) {
	t.Helper()
	noError(t, p.PutFile(t.Context(), f, noQuota))
}

func wantFile(t testing.TB, p *place, want chat.File) {
	t.Helper()
	got, err := p.File(t.Context(), want.ID)
	noError(t, err)
	if !got.Created.Equal(want.Created) || !got.Since.Equal(want.Since) {
		t.Errorf("the file is of %v and so since %v, want %v and %v", got.Created, got.Since, want.Created, want.Since)
	}
	got.Created, got.Since = want.Created, want.Since
	if got != want {
		t.Errorf("the file is\n%+v, want\n%+v", got, want)
	}
}

func wantWeight(t testing.TB, p *place, owner chat.UserID, want int64) {
	t.Helper()
	got, err := p.FilesWeight(t.Context(), owner)
	noError(t, err)
	if got != want {
		t.Errorf("the files weigh %d, want %d", got, want)
	}
}

func fileRoundTrip(t *testing.T, p *place) {
	ann := newUser()
	full := chat.File{
		ID: chat.NewFileID(), Owner: ann, Name: "猫.png", Size: 1 << 40, Mime: "image/png", Width: 4000, Height: 3000, Thumb: true,
		Created: noon(), State: chat.FileKept, Since: noon().Add(time.Hour),
	}
	all := []chat.File{full, newFile(ann, 0)}
	for _, name := range hostileNames() {
		f := newFile(ann, 7)
		f.Name = name
		all = append(all, f)
	}
	for _, f := range all {
		putFile(t, p, f)
	}
	for _, f := range all {
		wantFile(t, p, f)
	}
	wantCode(t, "the same id again", p.PutFile(t.Context(), full, noQuota), chat.Conflict)
	for _, id := range []chat.FileID{chat.NewFileID(), "", "short", chat.FileID(ann)} {
		_, err := p.File(t.Context(), id)
		wantCode(t, fmt.Sprintf("File %q", id), err, chat.NotFound)
		noError(t, p.DeleteFile(t.Context(), id))
		err = p.SetFileState(t.Context(), id, chat.FileNew, chat.FileKept, noon())
		wantCode(t, fmt.Sprintf("SetFileState %q", id), err, chat.NotFound)
	}
	noError(t, p.DeleteFile(t.Context(), full.ID))
	_, err := p.File(t.Context(), full.ID)
	wantCode(t, "File after DeleteFile", err, chat.NotFound)
}

func fileQuota(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	const quota = 100_000
	large, tiny := newFile(ann, 90_000), newFile(ann, 1)
	wantWeight(t, p, ann, 0)
	noError(t, p.PutFile(t.Context(), large, quota))
	noError(t, p.PutFile(t.Context(), tiny, quota))
	weight := large.Weight() + tiny.Weight()
	if tiny.Weight() <= tiny.Size {
		t.Errorf("a byte weighs %d: many of them would fill a disk", tiny.Weight())
	}
	wantWeight(t, p, ann, weight)

	over := newFile(ann, quota-weight+1)
	wantCode(t, "a byte over", p.PutFile(t.Context(), over, quota), chat.TooLarge)
	_, err := p.File(t.Context(), over.ID)
	wantCode(t, "what was refused", err, chat.NotFound)
	wantWeight(t, p, ann, weight)
	noError(t, p.PutFile(t.Context(), newFile(bob, quota), quota))
	wantWeight(t, p, bob, quota)

	over.Size--
	noError(t, p.PutFile(t.Context(), over, quota))
	wantWeight(t, p, ann, quota)
	noError(t, p.DeleteFile(t.Context(), over.ID))
	noError(t, p.DeleteFile(t.Context(), over.ID)) // gives nothing back twice
	noError(t, p.DeleteFile(t.Context(), large.ID))
	wantWeight(t, p, ann, tiny.Weight())
	noError(t, p.PutFile(t.Context(), newFile(ann, 90_000), quota))
}

func fileQuotaRace(t *testing.T, p *place) {
	ann := newUser()
	const room, size = 10, 10_000
	var stored atomic.Int64
	together(20, func(int) {
		switch err := p.PutFile(t.Context(), newFile(ann, size), room*size); chat.CodeOf(err) {
		case "":
			stored.Add(1)
		case chat.TooLarge:
		default:
			t.Errorf("PutFile: %v", err)
		}
	})
	if n := stored.Load(); n > room {
		t.Errorf("%d files stored, and there was room for %d", n, room)
	}
	wantWeight(t, p, ann, stored.Load()*size)
}

// listFiles reads a list to its end, in pages of limit.
func listFiles(t testing.TB, limit int, page func(after chat.FileID, limit int) ([]chat.File, error)) (ids []chat.FileID) {
	t.Helper()
	var after chat.FileID
	for {
		files, err := page(after, limit)
		noError(t, err)
		if len(files) > limit {
			t.Fatalf("%d files on a page of %d", len(files), limit)
		}
		for _, f := range files {
			ids = append(ids, f.ID)
			after = f.ID
		}
		if len(files) < limit {
			return ids
		}
	}
}

func filePages(t *testing.T, p *place) {
	ann := newUser()
	var all, loose []chat.FileID
	states := []chat.FileState{chat.FileNew, chat.FileKept, chat.FileCondemned}
	for i := range 24 {
		f := newFile(ann, 1)
		f.State = states[i%3]
		f.Created = noon().Add(time.Duration(i) * time.Minute)
		putFile(t, p, f)
		all = append(all, f.ID)
		if f.State != chat.FileKept && i < 18 {
			loose = append(loose, f.ID)
		}
	}
	slices.Sort(all)
	slices.Sort(loose)
	before := noon().Add(18 * time.Minute)
	for _, limit := range []int{1, 5, 100} {
		got := listFiles(t, limit, func(after chat.FileID, limit int) ([]chat.File, error) {
			return p.Files(t.Context(), after, limit)
		})
		if !slices.Equal(got, all) {
			t.Errorf("in pages of %d: %v, want %v", limit, got, all)
		}
		got = listFiles(t, limit, func(after chat.FileID, limit int) ([]chat.File, error) {
			return p.LooseFiles(t.Context(), before, after, limit)
		})
		if !slices.Equal(got, loose) {
			t.Errorf("loose in pages of %d: %v, want %v", limit, got, loose)
		}
	}
}

func fileStates(t *testing.T, p *place) {
	f := newFile(newUser(), 5000)
	putFile(t, p, f)
	set := func(was, is chat.FileState, code chat.Code) {
		t.Helper()
		at := f.Since.Add(time.Minute)
		wantCode(t, "SetFileState", p.SetFileState(t.Context(), f.ID, was, is, at), code)
		if code == "" {
			f.State, f.Since = is, at
		}
		wantFile(t, p, f)
		loose, err := p.LooseFiles(t.Context(), f.Created.Add(time.Millisecond), "", 10)
		noError(t, err)
		if (len(loose) == 1) != (f.State != chat.FileKept) {
			t.Errorf("in state %d the loose files are %+v", f.State, loose)
		}
	}
	set(chat.FileKept, chat.FileNew, chat.Conflict)
	set(chat.FileNew, chat.FileCondemned, "")
	set(chat.FileNew, chat.FileKept, chat.Conflict)
	set(chat.FileCondemned, chat.FileKept, "")
	set(chat.FileKept, chat.FileNew, "")
	noError(t, p.DeleteFile(t.Context(), f.ID))
	if loose, err := p.LooseFiles(t.Context(), noon().Add(time.Hour), "", 10); err != nil || len(loose) > 0 {
		t.Errorf("loose after its end: %+v, %v", loose, err)
	}
}

func fileStateRace(t *testing.T, p *place) {
	f := newFile(newUser(), 1)
	putFile(t, p, f)
	var won atomic.Int32
	together(20, func(i int) {
		is := []chat.FileState{chat.FileKept, chat.FileCondemned}[i%2]
		switch err := p.SetFileState(t.Context(), f.ID, chat.FileNew, is, noon()); chat.CodeOf(err) {
		case "":
			won.Add(1)
		case chat.Conflict:
		default:
			t.Errorf("SetFileState: %v", err)
		}
	})
	if n := won.Load(); n != 1 {
		t.Errorf("%d left the state, want one", n)
	}
}

func wantUsed(t testing.TB, p *place, id chat.FileID, want bool) {
	t.Helper()
	got, err := p.FileUsed(t.Context(), id)
	noError(t, err)
	if got != want {
		t.Errorf("used: %v, want %v", got, want)
	}
}

func fileUses(t *testing.T, p *place) {
	ann, bob, carl := newUser(), newUser(), newUser()
	one, two, three := chat.NewFileID(), chat.NewFileID(), chat.NewFileID()
	wantUsed(t, p, one, false)
	m := text(ann, bob, "ref", `"one and two"`)
	m.Files = []chat.FileID{one, two}
	forward := text(bob, carl, "", `"two"`)
	forward.Files = []chat.FileID{two}
	send(t, p, m, text(ann, bob, "", `"none"`), forward)
	wantUsed(t, p, one, true)
	wantUsed(t, p, two, true)
	wantUsed(t, p, three, false)
	m.Files = []chat.FileID{three} // a repeat stores nothing
	send(t, p, m)
	wantUsed(t, p, three, false)
	p.reopen(t)
	wantUsed(t, p, one, true)
	wantUsed(t, p, "", false)

	// With an edit a message uses other files, and with a recall none; another message goes on using its own.
	change := func(was uint64, files ...chat.FileID) uint64 {
		t.Helper()
		changed, err := p.ChangeMessage(t.Context(), chat.Message{
			Conv: m.Conv, Seq: 1, State: chat.Edited, Type: "text", Body: []byte(`"edited"`), Files: files, Changed: noon(),
		}, was)
		noError(t, err)
		return changed.Change
	}
	first := change(0, one, three)
	wantUsed(t, p, one, true)
	wantUsed(t, p, three, true)
	change(first)
	wantUsed(t, p, one, false)
	wantUsed(t, p, three, false)
	wantUsed(t, p, two, true)
}

func fileReopen(t *testing.T, p *place) {
	ann := newUser()
	kept, gone := newFile(ann, 9000), newFile(ann, 9000)
	putFile(t, p, kept)
	putFile(t, p, gone)
	noError(t, p.SetFileState(t.Context(), kept.ID, chat.FileNew, chat.FileKept, noon()))
	kept.State = chat.FileKept
	noError(t, p.DeleteFile(t.Context(), gone.ID))
	p.reopen(t)
	wantFile(t, p, kept)
	wantWeight(t, p, ann, 9000)
	_, err := p.File(t.Context(), gone.ID)
	wantCode(t, "a deleted file", err, chat.NotFound)
}
