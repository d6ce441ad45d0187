package storetest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
)

func archiveStories() []story {
	return []story{
		{name: "everything moves, to the byte", tell: archiveMoves},
		{name: "a second import changes nothing", tell: archiveTwice},
		{name: "numbers, refs and lists go on behind an import", tell: archiveGoesOn},
		{name: "what is another is a Conflict", tell: archiveConflict},
		{name: "an export beside a hundred writers has no gap", tell: archiveUnderLoad},
		{name: "what went on stays ahead of an import", tell: archiveAhead},
		{name: "no cursor passes the last message", tell: archiveYetToCome},
	}
}

// household fills every noun that an archive has.
func household(t testing.TB, p *place) (ann, bob chat.UserID) {
	t.Helper()
	a, b, c := newAccount("Ann"), newAccount("王小明"), newAccount("Carl")
	a.Picture = "https://old.example.org/mongo/img/安 %.png"
	c.Created = noon().Add(time.Hour)
	c.Profile = chat.Profile{Nickname: "<卡尔>", Description: "two\nlines", Sex: 1, Icon: ":/res/head_1.jpg"}
	d := newAccount("Dora")
	create(t, p, a, b, c, d)
	noError(t, p.EraseAccount(t.Context(), d.ID, noon()))
	noError(t, p.SetPassword(t.Context(), b.ID, b.Password, "14e1b600b1fd579f47433b88e8d85291"))
	for i, pair := range [][2]chat.UserID{{a.ID, b.ID}, {b.ID, a.ID}, {a.ID, c.ID}} {
		_, err := p.AddFriend(t.Context(), pair[0], pair[1], noon().Add(time.Duration(i)*time.Second))
		noError(t, err)
	}
	noError(t, p.Befriend(t.Context(), c.ID, b.ID, noon().Add(time.Minute)))
	noError(t, p.SetRemark(t.Context(), a.ID, c.ID, "卡尔 <&>"))
	block(t, p, c.ID, a.ID, true)
	block(t, p, b.ID, c.ID, true)
	ask(t, p, chat.FriendRequest{From: b.ID, To: c.ID, Note: "  好<>&\u2028", At: noon()}, true)
	ask(t, p, chat.FriendRequest{From: c.ID, To: a.ID, At: noon()}, true)
	room := chat.RoomID(newUser())
	noError(t, p.CreateRoom(t.Context(), chat.Room{
		ID: room, Number: chat.MaxRoomNumber, Name: "饭 </b>", Owner: a.ID, Created: noon(), Code: "open", Announcement: "two\nlines",
		AnnouncedBy: b.ID, AnnouncedAt: noon(), History: chat.HistoryStart, MutedUntil: noon().Add(time.Hour), Version: 3,
	}, []chat.RoomMember{
		{Room: room, User: a.ID, Role: chat.RoleAdmin, Joined: noon(), From: 7, MutedUntil: noon().Add(time.Minute)}, newMember(room, b.ID),
	}))
	found(t, p, firstNumber, b.ID, c.ID) // without a code, as most are
	full := text(a.ID, b.ID, "ref-1", `{"a":[1,2,null],"b":"好<>&"}`)
	full.Device, full.Time, full.Type = "phone", []byte(`"2020-02-02"`), "json"
	full.Files = []chat.FileID{chat.NewFileID(), chat.NewFileID()}
	spaced := text(b.ID, a.ID, "", "{ \"a\" : 1.0e3,\n \"u\u2028\": \"</script>\" }")
	spaced.Time = []byte(" 7")
	odd := text(c.ID, a.ID, "", "\"\xff\xfe\"") // not UTF-8
	batch := []chat.Message{
		full, spaced, odd, text(a.ID, a.ID, "to herself", `""`),
		{Conv: chat.RoomConv(room), Sender: a.ID, Room: room, Type: "text", Ref: "in the room", Body: []byte(`null`), At: noon()},
		{Conv: chat.RoomConv(room), Sender: a.ID, Room: room, Type: "text", Body: []byte(`1`), At: noon(), Mentions: []chat.UserID{b.ID, c.ID}, MentionsAll: true},
	}
	for i, name := range hostileNames() {
		m := text(b.ID, a.ID, name, fmt.Sprint(i))
		m.Device, m.At = chat.DeviceID(name), noon().Add(time.Duration(i)*time.Millisecond)
		batch = append(batch, m)
		_, err := p.PutDevice(t.Context(), chat.Device{User: b.ID, ID: chat.DeviceID(name), Address: "192.0.2.1", Seen: noon()})
		noError(t, err)
		advance(t, p, chat.Cursor{User: b.ID, Device: chat.DeviceID(name), Conv: full.Conv, Seq: uint64(i%2 + 1)})
	}
	send(t, p, batch...)
	tokens := []chat.Token{{ID: "z", Until: noon().Add(time.Hour)}, {ID: "a", Until: noon().Add(2 * time.Hour)}}
	_, err := p.PutDevice(t.Context(), chat.Device{User: a.ID, ID: "laptop", Seen: noon(), Tokens: tokens})
	noError(t, err)
	noError(t, p.RevokeTokens(t.Context(), c.ID, append(tokens, chat.Token{Until: noon()}), nil))
	noError(t, p.See(t.Context(), []chat.Sighting{{User: a.ID, Device: "laptop", Address: "192.0.2.7", At: noon().Add(time.Minute)}}))
	// One is edited, one recalled, one edited twice.
	for i, seq := range []uint64{1, 2, 1} {
		page, err := p.Since(t.Context(), full.Conv, seq-1, 1)
		noError(t, err)
		m := page[0]
		m.State, m.Body, m.Changed = chat.Edited, fmt.Append(nil, i), noon().Add(time.Duration(i)*time.Second)
		if seq == 2 {
			m.State, m.Body, m.Files = chat.Recalled, []byte(`null`), nil
		}
		_, err = p.ChangeMessage(t.Context(), m, page[0].Change)
		noError(t, err)
	}
	for i, id := range full.Files {
		noError(t, p.PutFile(t.Context(), chat.File{
			ID: id, Owner: a.ID, Name: "安 %/.png", Size: 1 << 33, Mime: "image/png", Width: 2, Height: 3, Thumb: i == 0,
			Created: noon(), Since: noon(),
		}, 1<<40))
	}
	noError(t, p.SetFileState(t.Context(), full.Files[0], chat.FileNew, chat.FileKept, noon().Add(time.Hour)))
	advance(t, p, chat.Cursor{User: a.ID, Conv: full.Conv, Seq: 2}, chat.Cursor{User: a.ID, Device: "\x01read", Conv: full.Conv, Seq: 1},
		chat.Cursor{User: a.ID, Device: "laptop", Conv: chat.RoomConv(room), Seq: 1},
		chat.Cursor{User: chat.UserID(room), Device: "\x00mention", Conv: chat.RoomConv(room), Seq: 2})
	return a.ID, b.ID
}

func archives(s chat.Store) *chat.Archives { return &chat.Archives{Store: s, Now: noon} }

// exported is the archive of an engine.
func exported(t testing.TB, s chat.Store) string {
	t.Helper()
	var b bytes.Buffer
	counts, err := archives(s).Export(t.Context(), &b)
	noError(t, err)
	if n := strings.Count(b.String(), "\n"); n != counts.Total()+2 {
		t.Errorf("%d lines for %+v", n, counts)
	}
	return b.String()
}

func imported(t testing.TB, s chat.Store, archive string) chat.Imported {
	t.Helper()
	done, err := archives(s).Import(t.Context(), strings.NewReader(archive))
	noError(t, err)
	return done
}

// wantSameArchive names the first line that differs.
func wantSameArchive(t testing.TB, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("line %d is\n%s, want\n%s", i+1, g[i], w[i])
		}
	}
	t.Fatalf("%d lines, want %d", len(g), len(w))
}

// Move fills one engine, moves everything to another and back to a third of the first kind, and compares the archives
// byte for byte.
func Move(t *testing.T, from, to Engine) {
	first, second, third := newPlace(t, from), newPlace(t, to), newPlace(t, from)
	household(t, first)
	want := exported(t, first)
	imported(t, second, want)
	second.reopen(t)
	wantSameArchive(t, exported(t, second), want)
	imported(t, third, exported(t, second))
	third.reopen(t)
	wantSameArchive(t, exported(t, third), want)
}

func archiveMoves(t *testing.T, p *place) { Move(t, p.engine, p.engine) }

func archiveTwice(t *testing.T, p *place) {
	household(t, p)
	archive := exported(t, p)
	if done := imported(t, p, archive); done.Added != 0 || done.Engine != done.Archive {
		t.Errorf("into the engine that it came from: %+v", done)
	}
	empty := newPlace(t, p.engine)
	first := imported(t, empty, archive)
	if first.Added != first.Archive.Total() || first.Engine != first.Archive {
		t.Errorf("into an empty engine: %+v", first)
	}
	if again := imported(t, empty, archive); again.Added != 0 || again.Engine != first.Engine {
		t.Errorf("again: %+v", again)
	}
	wantSameArchive(t, exported(t, empty), archive)
}

func archiveGoesOn(t *testing.T, p *place) {
	ann, bob := household(t, p)
	q := newPlace(t, p.engine)
	conv := chat.DirectConv(ann, bob)
	last, err := q.Last(t.Context(), []chat.ConvID{conv}) // an engine that remembers: 0
	noError(t, err)
	if last[0] != 0 {
		t.Fatalf("the last number of nothing is %d", last[0])
	}
	send(t, q, text(bob, newUser(), "other", `1`))
	imported(t, q, exported(t, p))
	n := uint64(len(readAll(t, p, conv)))
	receipts := send(t, q, text(bob, ann, "", `"next"`), text(ann, bob, "ref-1", `"repeated"`))
	wantReceipt(t, receipts[0], chat.Receipt{Conv: conv, Seq: n + 1, At: noon()})
	wantReceipt(t, receipts[1], chat.Receipt{Conv: conv, Seq: 1, At: noon(), Repeat: true})
	want, err := p.Conversations(t.Context(), ann)
	noError(t, err)
	wantConversations(t, q, ann, want...)

	changed, err := q.Changed(t.Context(), conv, 0, 10)
	noError(t, err)
	if len(changed) != 2 || changed[0].Seq != 2 || changed[1].Seq != 1 {
		t.Fatalf("changed are %+v, want numbers 2 and 1", changed)
	}
	wantChange := changed[1].Change + 1
	again, err := q.ChangeMessage(t.Context(), changed[0], changed[0].Change)
	noError(t, err)
	if again.Change != wantChange {
		t.Errorf("the next change is numbered %d, want %d", again.Change, wantChange)
	}
	for _, id := range changed[1].Files {
		if used, err := q.FileUsed(t.Context(), id); err != nil || !used {
			t.Errorf("FileUsed: %v, %v", used, err)
		}
	}
	for name, of := range map[string]func(*place) any{
		"weight": func(p *place) any { w, err := p.FilesWeight(t.Context(), ann); noError(t, err); return w },
		"loose": func(p *place) any {
			loose, err := p.LooseFiles(t.Context(), noon().Add(time.Hour), "", 10)
			noError(t, err)
			return len(loose)
		},
	} {
		if got, want := of(q), of(p); got != want {
			t.Errorf("%s of files: %v, want %v", name, got, want)
		}
	}
}

func archiveConflict(t *testing.T, p *place) {
	ann, bob := household(t, p)
	archive := exported(t, p)
	for what, prepare := range map[string]func(q *place){
		"account":        func(q *place) { a := newAccount("Another"); a.ID = ann; create(t, q, a) },
		"taken":          func(q *place) { create(t, q, newAccount("Ann")) },
		"message ":       func(q *place) { send(t, q, text(ann, bob, "", `"not hers"`)) },
		"is another's":   func(q *place) { r := newRoom(ann, chat.MaxRoomNumber); noError(t, q.CreateRoom(t.Context(), r, nil)) },
		"the ref ref-1 ": func(q *place) { send(t, q, text(ann, newUser(), "ref-1", `"elsewhere"`)) },
	} {
		q := newPlace(t, p.engine)
		prepare(q)
		before := exported(t, q)
		_, err := archives(q.Store).Import(t.Context(), strings.NewReader(archive))
		wantCode(t, what, err, chat.Conflict)
		// What was there is there still.
		after := exported(t, q)
		for line := range strings.Lines(before) {
			if !strings.HasPrefix(line, `{"end"`) && !strings.Contains(after, line) {
				t.Errorf("%s: gone is %s", what, line)
			}
		}
	}
}

func archiveUnderLoad(t *testing.T, p *place) {
	writers := p.scaled(100, 10)
	most := p.scaled(300, 6) // messages of each
	users := make([]chat.UserID, writers)
	for i := range users {
		users[i] = newUser()
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	acked := make([]int, writers) // by the time that the export began
	var archive string
	before := make(chan struct{})
	together(writers+1, func(i int) {
		if i == writers {
			<-before
			archive = exported(t, p)
			stop()
			return
		}
		for n := 1; n <= most && ctx.Err() == nil; n++ {
			if _, err := p.Append(context.Background(), []chat.Message{text(users[i], users[i%10], "", `"hi"`)}); err != nil {
				t.Errorf("Append: %v", err)
				return
			}
			select {
			case <-before:
			default:
				if acked[i] = n; i == 0 && n == 3 {
					close(before)
				}
			}
		}
	})
	q := newPlace(t, p.engine)
	imported(t, q, archive)
	total, want := 0, 0
	for i := range users {
		want += acked[i]
		if i%10 == i {
			continue // counted with those who write to her
		}
		total += len(readAll(t, q, chat.DirectConv(users[i], users[i%10]))) // fails at a gap
	}
	for i := range 10 {
		total += len(readAll(t, q, chat.DirectConv(users[i], users[i])))
	}
	if total < want {
		t.Errorf("%d messages in the archive, of %d acknowledged before it was begun", total, want)
	}
}

func archiveAhead(t *testing.T, p *place) {
	ann, bob := household(t, p)
	conv := chat.DirectConv(ann, bob)
	archive := exported(t, p)
	later := noon().Add(time.Hour)
	advance(t, p, chat.Cursor{User: ann, Device: "laptop", Conv: conv, Seq: 3})
	_, err := p.PutDevice(t.Context(), chat.Device{User: ann, ID: "laptop", Address: "192.0.2.9", Seen: later})
	noError(t, err)
	before := exported(t, p)
	imported(t, p, archive)
	wantSameArchive(t, exported(t, p), before)
}

func archiveYetToCome(t *testing.T, p *place) {
	ann, bob := newUser(), newUser()
	conv := chat.DirectConv(ann, bob)
	send(t, p, text(ann, bob, "", `1`), text(ann, bob, "", `2`))
	// A device must not count as having what is yet to come.
	done := imported(t, p, fmt.Sprintf(`{"parley":{"format":1,"made":1}}
{"cursor":{"user":"%s","device":"laptop","conv":"%s","seq":9000}}
{"end":{"accounts":0,"friends":0,"files":0,"messages":0,"devices":0,"seen":0,"cursors":1}}
`, bob, conv))
	if done.Added != 1 {
		t.Errorf("%+v", done)
	}
	wantCursors(t, p, bob, "laptop", map[chat.ConvID]uint64{conv: 2})
}
