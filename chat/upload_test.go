package chat_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
)

func TestAnUploadBecomesAFile(t *testing.T) {
	a := newArchive(t)
	a.depot.facts = chat.FileFacts{Mime: "image/png", Extension: ".png", Width: 640, Height: 480, Thumb: true}
	f, err := a.Save(t.Context(), chat.Upload{Owner: a.ann, Name: "猫 1.png", Body: strings.NewReader("miau")})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := a.File(t.Context(), f.ID)
	if err != nil || stored != f {
		t.Errorf("stored %+v, %v, want %+v", stored, err, f)
	}
	if a.depot.kept[f.ID] != "miau" {
		t.Errorf("kept %q", a.depot.kept[f.ID])
	}
	at := "https://chat.example/files/" + string(f.ID) + "/%E7%8C%AB%201.png"
	want := chat.FileLink{URL: at, Name: "猫 1.png", Size: 4, Mime: "image/png", Width: 640, Height: 480, Thumb: at + "?thumb=1"}
	if got := f.Link("https://chat.example"); got != want {
		t.Errorf("link %+v, want %+v", got, want)
	}
}

func TestNamesOfFiles(t *testing.T) {
	a := newArchive(t)
	a.depot.facts = chat.FileFacts{Mime: "audio/ogg", Extension: ".oga"}
	long := strings.Repeat("長", 200)
	for given, want := range map[string]string{
		"notes.txt":                     "notes.txt",
		"":                              "voice.oga",
		"...":                           "voice.oga",
		"../../etc/passwd":              "passwd",
		`C:\Users\Ann\a b.doc`:          "a b.doc",
		"a\r\nSet-Cookie: x=1.txt":      "aSet-Cookie: x=1.txt",
		"invoice\u202Efdp.exe":          "invoicefdp.exe",
		"bad\xff.txt":                   "bad.txt",
		"  blank.txt ":                  "blank.txt",
		"\x00":                          "voice.oga",
		long + ".jpg":                   long[:116*len("長")] + ".jpg",
		"a." + strings.Repeat("x", 200): "a." + strings.Repeat("x", 29),
	} {
		f, err := a.Save(t.Context(), chat.Upload{Owner: a.ann, Name: given, Body: strings.NewReader("x")})
		if err != nil || f.Name != want {
			t.Errorf("%q became %q, %v, want %q", given, f.Name, err, want)
		}
		a.drop(f)
	}
}

// drop makes room for another upload.
func (a *archive) drop(f chat.File) {
	a.t.Helper()
	if err := a.engine.DeleteFile(a.t.Context(), f.ID); err != nil {
		a.t.Fatal(err)
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	a := newArchive(t)
	a.Types = []string{"text/plain", "image/*"}
	for what, c := range map[string]struct {
		mime   string
		upload chat.Upload
		code   chat.Code
	}{
		"taken":             {"text/plain", chat.Upload{Body: strings.NewReader("x")}, ""},
		"taken by its kind": {"image/webp", chat.Upload{Body: strings.NewReader("x")}, ""},
		"another type":      {"text/html", chat.Upload{Body: strings.NewReader("x")}, chat.Invalid},
		"another kind":      {"video/mp4", chat.Upload{Body: strings.NewReader("x")}, chat.Invalid},
		"too long":          {"text/plain", chat.Upload{Body: strings.NewReader(strings.Repeat("x", 1001))}, chat.TooLarge},
	} {
		a.depot.facts.Mime = c.mime
		c.upload.Owner = a.ann
		f, err := a.Save(t.Context(), c.upload)
		wantCode(t, what, err, c.code)
		if err == nil {
			a.drop(f)
		}
	}
	if weight, err := a.Store.FilesWeight(t.Context(), a.ann); weight != 0 || err != nil {
		t.Errorf("what was refused weighs %d, %v", weight, err)
	}
}

func TestAQuotaIsRefusedBeforeTheBytesCome(t *testing.T) {
	a := newArchive(t)
	for range 5 { // each counts for 4 KiB, and 20,000 is the quota
		_, err := a.Save(t.Context(), chat.Upload{Owner: a.ann, Body: strings.NewReader("x")})
		if err != nil {
			wantCode(t, "the fifth", err, chat.TooLarge)
		}
	}
	a.Quota = 4 * 4096
	_, err := a.Save(t.Context(), chat.Upload{Owner: a.ann, Body: never{t}})
	wantCode(t, "over the quota", err, chat.TooLarge)
	if _, err := a.Save(t.Context(), chat.Upload{Owner: a.bob, Body: strings.NewReader("x")}); err != nil {
		t.Errorf("Bob's: %v", err)
	}
}

// never is a body that must not be read.
type never struct{ t *testing.T }

func (n never) Read([]byte) (int, error) {
	n.t.Error("read")
	return 0, io.EOF
}

func TestUploadsOfOneUserAreCounted(t *testing.T) {
	a := newArchive(t)
	a.Quota = 1 << 20
	const most = 8
	begun, done := make(chan *io.PipeWriter, most), make(chan error, most)
	for range most {
		r, w := io.Pipe()
		go func() {
			_, err := a.Save(t.Context(), chat.Upload{Owner: a.ann, Body: r})
			done <- err
		}()
		go func() {
			w.Write([]byte("x")) // returns when it is being read
			begun <- w
		}()
	}
	var writers []*io.PipeWriter
	for range most {
		writers = append(writers, <-begun)
	}
	_, err := a.Save(t.Context(), chat.Upload{Owner: a.ann, Body: never{t}})
	wantCode(t, "one too many", err, chat.TooMany)
	if _, err := a.Save(t.Context(), chat.Upload{Owner: a.bob, Body: strings.NewReader("x")}); err != nil {
		t.Errorf("Bob's: %v", err)
	}
	for _, w := range writers {
		w.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	a.upload("there is room again")
}

func TestAnUploadThatCannotBeKeptLeavesNothing(t *testing.T) {
	a := newArchive(t)
	a.depot.fail = chat.Errorf(chat.Unavailable, "no room")
	_, err := a.Save(t.Context(), chat.Upload{Owner: a.ann, Body: strings.NewReader("x")})
	wantCode(t, "Save", err, chat.Unavailable)
	a.depot.fail = nil
	a.clock.pass(25 * 3600e9)
	a.collect()
	a.clock.pass(3600e9)
	a.collect()
	if weight, err := a.Store.FilesWeight(t.Context(), a.ann); weight != 0 || err != nil {
		t.Errorf("it weighs %d, %v", weight, err)
	}
}

func TestMessagesNameFiles(t *testing.T) {
	a := newArchive(t)
	a.Quota = 1 << 20
	var files []chat.File
	for i := range 17 {
		files = append(files, a.upload(fmt.Sprint("file ", i)))
	}
	id := func(i int) string { return string(files[i].ID) }
	list := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("/files/" + id(i) + " ")
		}
		return b.String()
	}
	unknown := string(chat.NewFileID())
	for body, want := range map[string][]int{
		`"hello"`:                              nil,
		`"/files"`:                             nil,
		`"/files/"`:                            nil,
		`"/files/` + id(0) + `"`:               {0},
		`"/files/` + id(0) + `/a.txt?thumb=1"`: {0},
		`{"a":[{"url":"https://x/files/` + id(1) + `/b"}]}`: {1},
		`"https:\/\/x\/files\/` + id(2) + `\/c.txt"`:        {2},
		`"/files/` + id(3) + ` /files/` + id(3) + `"`:       {3},
		`"/files/` + id(4) + `x"`:                           nil, // a longer name
		`"/files/` + id(4)[:23] + `"`:                       nil,
		`"see /files/` + unknown + ` elsewhere"`:            nil,
		`"/files/507f1f77bcf86cd799439011"`:                 nil,
		`"/files/files/` + id(5) + `"`:                      {5},
		`"` + list(16) + list(16) + `"`:                     {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	} {
		m, err := a.send(body)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		var got []chat.FileID
		stored, err := a.engine.Since(t.Context(), m.Conv, m.Seq-1, 1)
		if err != nil {
			t.Fatal(err)
		}
		got = stored[0].Files
		if len(got) != len(want) {
			t.Errorf("%s names %v, want %v", body, got, want)
			continue
		}
		for i := range want {
			if got[i] != files[want[i]].ID {
				t.Errorf("%s: %v, want %v", body, got, want)
			}
		}
	}
	_, err := a.send(`"` + list(17) + `"`)
	wantCode(t, "17 files", err, chat.Invalid)
}

func TestTypesOfTheServerAreReserved(t *testing.T) {
	a := newArchive(t)
	for _, kind := range []string{"system", "bot"} {
		err := a.messages.Submit(t.Context(), chat.Draft{Sender: a.ann, To: a.bob, Type: kind, Body: []byte(`"x"`)}, nil)
		wantCode(t, kind, err, chat.Invalid)
	}
}
