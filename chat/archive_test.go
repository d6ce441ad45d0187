package chat

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fillFields gives every field of a record a value of its own, so that one which an archive leaves out is seen.
func fillFields(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMilli(1772625600000 + int64(*n)).UTC()))
		return
	case []byte:
		v.SetBytes(fmt.Append(nil, *n))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fillFields(t, v.Index(i), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fillFields(t, v.Field(i), n)
		}
	default:
		t.Fatalf("the test does not know what to put into a %s", v.Type())
	}
}

// Whoever adds a field to what engines keep hears of it here: without a place in the archive it would be lost by a move.
func TestArchiveHasEveryField(t *testing.T) {
	var b Batch
	n := 0
	fillFields(t, reflect.ValueOf(&b).Elem(), &n)
	people := [2]UserID{"65e5c0800000000000000001", "65e5c0800000000000000002"}
	room := RoomID("65e5c0800000000000000003")
	for i := range 2 {
		b.Accounts[i].ID = people[i]
		b.Friends[i].Owner, b.Friends[i].Friend = people[0], people[1]
		b.Blocks[i].Owner, b.Blocks[i].Other = people[0], people[1]
		b.Requests[i].From, b.Requests[i].To = people[0], people[1]
		b.Rooms[i].ID, b.Rooms[i].Owner, b.Rooms[i].AnnouncedBy, b.Rooms[i].History = room, people[0], people[1], HistoryStart
		b.Members[i].Room, b.Members[i].User, b.Members[i].Role = room, people[1], RoleAdmin
		b.Files[i].ID, b.Files[i].Owner, b.Seen[i].User = NewFileID(), people[0], people[0]
		b.Erased[i].User = people[0]
		b.Devices[i].User, b.Cursors[i].User, b.Cursors[i].Conv = people[0], people[0], RoomConv(room)
		b.Messages[i].Sender, b.Messages[i].Nonce = people[1], "" // engines do not return a nonce
	}
	direct, inRoom := &b.Messages[0], &b.Messages[1]
	direct.Conv, direct.To, direct.Room = DirectConv(people[0], people[1]), people[0], ""
	inRoom.Conv, inRoom.To, inRoom.Room = RoomConv(room), "", room

	var text bytes.Buffer
	w := newLineWriter(&text)
	for _, err := range []error{w.header(time.UnixMilli(1)), w.batch(&b), w.end(b.Counts())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r := newLineReader(&text)
	if err := r.header(); err != nil {
		t.Fatal(err)
	}
	got, end, err := r.batch(1000, 1<<20)
	if err != nil || end == nil || *end != b.Counts() {
		t.Fatalf("end %+v, error %v", end, err)
	}
	if !reflect.DeepEqual(*got, b) {
		t.Errorf("\ngot  %+v\nwant %+v", *got, b)
	}
}

func TestArchiveKeepsBodiesToTheByte(t *testing.T) {
	for _, body := range []string{
		`"<b>&amp;</b>"`, `null`, `{"a": 1}`, "[1,\n2]", "\"\u2028\"", "\"\xff\"", `1.0e3`, `{"a":1,"a":2}`, ` ""`, `"\u003c"`,
	} {
		m := Message{Conv: "r:65e5c0800000000000000003", Seq: 1, Body: []byte(body), Time: []byte(body)}
		var text bytes.Buffer
		w := newLineWriter(&text)
		if err := w.line(lineOfMessage(&m)); err != nil {
			t.Fatal(err)
		}
		w.out.Flush()
		if strings.Count(text.String(), "\n") != 1 {
			t.Errorf("%q takes several lines: %s", body, &text)
		}
		l, _, err := newLineReader(&text).next()
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Message.message(); string(got.Body) != body || string(got.Time) != body {
			t.Errorf("%q came back as %q and %q", body, got.Body, got.Time)
		}
	}
}

// archiveSink is an engine that must not be given anything.
type archiveSink struct{ took int }

func (s *archiveSink) Export(context.Context, func(*Batch) error) error { return nil }
func (s *archiveSink) Import(_ context.Context, b *Batch) (int, error) {
	s.took += b.Counts().Total()
	return 0, nil
}
func (s *archiveSink) Last(_ context.Context, convs []ConvID) ([]uint64, error) {
	return make([]uint64, len(convs)), nil
}

func TestWhatIsNoArchiveIsRefused(t *testing.T) {
	const (
		header = `{"parley":{"format":1,"made":1}}` + "\n"
		end    = `{"end":{"accounts":0,"friends":0,"messages":0,"devices":0,"cursors":0}}` + "\n"
		ann    = "65e5c0800000000000000001"
	)
	for name, text := range map[string]string{
		"nothing":                 "",
		"a picture":               "\x89PNG\r\n",
		"another program's lines": `{"level":"info"}` + "\n",
		"no header":               end,
		"a format of the future":  `{"parley":{"format":2,"made":1}}` + "\n" + end,
		"cut off":                 header,
		"cut off in a line":       header + `{"cursor":{"user":"` + ann,
		"a field of the future":   header + `{"account":{"id":"` + ann + `","username":"ann","iris":"blue"}}` + "\n" + end,
		"a kind of the future":    header + `{"robot":{}}` + "\n" + end,
		"an empty line":           header + "\n" + end,
		"two in a line":           header + `{} {}` + "\n" + end,
		"a line without end":      header + strings.Repeat(" ", maxLine+1),
		"no user id":              header + `{"account":{"id":"ann","username":"ann"}}` + "\n" + end,
		"a stranger's message":    header + `{"message":{"conv":"` + ann + "|" + ann + `","seq":1,"sender":"65e5c0800000000000000002","body":1}}` + "\n" + end,
		"number 0":                header + `{"message":{"conv":"r:` + ann + `","seq":0,"sender":"` + ann + `","body":1}}` + "\n" + end,
		"a number past all":       header + `{"message":{"conv":"r:` + ann + `","seq":18446744073709551615,"sender":"` + ann + `","body":1}}` + "\n" + end,
		"a state of the future":   header + `{"message":{"conv":"r:` + ann + `","seq":1,"sender":"` + ann + `","body":1,"state":200}}` + "\n" + end,
		"a body over the bound":   header + `{"message":{"conv":"r:` + ann + `","seq":1,"sender":"` + ann + `","body":"` + strings.Repeat("x", MaxBody) + `"}}` + "\n" + end,
		"a cursor of no place":    header + `{"cursor":{"user":"` + ann + `","conv":"x","seq":1}}` + "\n" + end,
	} {
		engine := new(archiveSink)
		a := Archives{Store: engine, Now: time.Now}
		if _, err := a.Import(t.Context(), strings.NewReader(text)); CodeOf(err) != Invalid || engine.took > 0 {
			t.Errorf("%s: %v, and the engine was given %d records", name, err, engine.took)
		}
	}
	engine := new(archiveSink)
	a := Archives{Store: engine, Now: time.Now}
	few := header + `{"friend":{"owner":"` + ann + `","friend":"` + ann + `"}}` + "\n" + end
	if _, err := a.Import(t.Context(), strings.NewReader(few)); CodeOf(err) != Invalid {
		t.Errorf("a count that is wrong: %v", err)
	}
	right := strings.Replace(few, `"friends":0`, `"friends":1`, 1)
	if _, err := a.Import(t.Context(), strings.NewReader(right)); CodeOf(err) != Internal {
		t.Errorf("an engine that has less than it took: %v", err)
	}
	if _, err := a.Import(t.Context(), strings.NewReader(header+end)); err != nil {
		t.Errorf("an empty archive: %v", err)
	}
}

// What is no archive is refused as such, whatever it is, and what is one comes back as it was.
func FuzzArchive(f *testing.F) {
	const header = `{"parley":{"format":1,"made":1}}` + "\n"
	f.Add([]byte(`{"message":{"conv":"r:65e5c0800000000000000003","seq":1,"sender":"65e5c0800000000000000001","body":1}}`))
	f.Add([]byte(`{"account":{"id":"65e5c0800000000000000001","username":"a","revoked":[{"id":"b","until":2}]}}`))
	f.Add([]byte(`{"cursor":{"user":"65e5c0800000000000000001","device":"\u0001","conv":"r:65e5c0800000000000000003","seq":1}}`))
	f.Fuzz(func(t *testing.T, lines []byte) {
		r := newLineReader(bytes.NewReader(append([]byte(header), lines...)))
		if err := r.header(); err != nil {
			t.Fatal(err)
		}
		for {
			b, end, err := r.batch(3, 1000)
			if err != nil {
				if CodeOf(err) != Invalid {
					t.Fatalf("refused with %v", err)
				}
				return
			}
			var text bytes.Buffer
			w := newLineWriter(&text)
			if err := w.batch(b); err != nil {
				t.Fatal(err)
			}
			if err := w.end(b.Counts()); err != nil {
				t.Fatal(err)
			}
			again, _, err := newLineReader(&text).batch(1000, 1<<20)
			if err != nil {
				t.Fatalf("what was written cannot be read: %v", err)
			}
			for i := range b.Messages {
				if !SameMessage(&b.Messages[i], &again.Messages[i]) {
					t.Fatalf("%+v came back as %+v", b.Messages[i], again.Messages[i])
				}
			}
			if again.Counts() != b.Counts() {
				t.Fatalf("%+v came back as %+v", b.Counts(), again.Counts())
			}
			if end != nil {
				return
			}
		}
	})
}
