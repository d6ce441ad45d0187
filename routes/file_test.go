package routes_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"image/color"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/routes"
)

// send posts a form to /upload.
func (h *house) send(who person, parts ...part) answer {
	h.t.Helper()
	body, kind := multipartForm(h.t, parts...)
	return h.ask("POST", "/upload", body, append(who.bearer(), "Content-Type", kind)...)
}

// path is where a link of an answer leads on this server.
func (h *house) path(a answer, name string) string {
	h.t.Helper()
	path, ok := strings.CutPrefix(a.text(name), h.url)
	if !ok || !strings.HasPrefix(path, "/files/") {
		h.t.Fatalf("%s is %q", name, a.text(name))
	}
	return path
}

// wantNoUpload waits until nothing is kept and nothing is under way.
func (h *house) wantNoUpload() {
	h.t.Helper()
	h.until("no upload leaves anything", func() bool {
		left := 0
		err := filepath.WalkDir(h.dir, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				left++
			}
			return err
		})
		return err == nil && left == 0
	})
}

// until waits for what the server does not announce.
func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	end := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			h.t.Fatal("in vain: ", what)
		}
	}
}

func TestAnnUploadsAFile(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	for _, field := range []string{"file", "img", "image", "voice", "upload"} {
		a := h.send(ann, part{"note", "", "x"}, part{field, "../说明 1.txt", "read me"}).says(200, `{
			"err_code":200,"message":"上传成功","url":"*","name":"说明 1.txt","size":7,"mime":"text/plain"}`)
		path := h.path(a, "url")
		if !strings.HasSuffix(path, "/%E8%AF%B4%E6%98%8E%201.txt") {
			t.Errorf("url %q", path)
		}
		got := h.get(path) // whoever has the link
		if got.status != 200 || got.body != "read me" || got.header.Get("Content-Length") != "7" {
			t.Errorf("%d %q %v", got.status, got.body, got.header)
		}
		if d := got.header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment;") {
			t.Errorf("Content-Disposition %q", d)
		}
		if part := h.ask("GET", path, nil, "Range", "bytes=5-"); part.status != 206 || part.body != "me" {
			t.Errorf("range: %d %q", part.status, part.body)
		}
		if head := h.ask("HEAD", path, nil); head.status != 200 || head.body != "" || head.header.Get("Content-Length") != "7" {
			t.Errorf("HEAD: %d %q %v", head.status, head.body, head.header)
		}
	}
}

func TestAPictureComesWithAThumbnail(t *testing.T) {
	h := open(t)
	a := h.send(h.join("ann"), part{"file", "red.png", square(t, color.RGBA{255, 0, 0, 255})})
	a.says(200, `{"err_code":200,"message":"上传成功","url":"*","name":"red.png","size":`+strconv.Itoa(int(a.value().(map[string]any)["size"].(float64)))+
		`,"mime":"image/png","width":8,"height":8,"thumb":"*"}`)
	for _, link := range []string{"url", "thumb"} {
		got := h.get(h.path(a, link))
		if got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "image/") || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", link, got.status, got.header)
		}
	}
	if a, b := h.get(h.path(a, "url")), h.get(h.path(a, "thumb")); a.header.Get("ETag") == b.header.Get("ETag") {
		t.Error("a cache takes the thumbnail for the picture")
	}
}

func TestWhereFilesAreFound(t *testing.T) {
	h := open(t, func(c *routes.Config) { c.PublicURL = "https://chat.example/base/" })
	a := h.send(h.join("ann"), part{"file", "a.txt", "x"})
	path, ok := strings.CutPrefix(a.text("url"), "https://chat.example/base")
	if !ok {
		t.Fatalf("url %q", a.text("url"))
	}
	upper := "/FILES/" + strings.TrimPrefix(path, "/files/")
	for _, path := range []string{path, upper, path + "?x=1", strings.TrimSuffix(path, "a.txt") + "another%20name"} {
		if got := h.get(path); got.body != "x" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{
		"/files/", "/files/x", "/files/x/y", strings.TrimSuffix(path, "/a.txt"), strings.ToLower(path) + "1", "/files/../../secret/x",
		"/files/..%2f..%2fsecret/x", "/files/AAAAAAAAAAAAAAAAAAAAAAAA/x", path + "?thumb=1",
	} {
		h.get(path).says(404, `{"err_code":404,"message":"*"}`)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	h.ask("POST", "/upload", strings.NewReader("x")).says(401, `{"err_code":401,"message":"Token失效"}`)
	noise := make([]byte, 1<<20+1)
	rand.Read(noise)
	noise[0] = 0 // no picture, whatever chance says
	for what, c := range map[string]struct {
		parts  []part
		status int
	}{
		"no part":           {nil, 400},
		"under no name":     {[]part{{"picture", "a", "x"}}, 400},
		"0 bytes":           {[]part{{"file", "a", ""}}, 400},
		"a damaged picture": {[]part{{"file", "a", "\x89PNG\r\n\x1a\n"}}, 400},
		"a byte too many":   {[]part{{"file", "a", string(noise)}}, 413},
	} {
		a := h.send(ann, c.parts...)
		t.Log(what)
		a.says(c.status, `{"err_code":`+strconv.Itoa(c.status)+`,"message":"*"}`)
	}
	h.wantNoUpload()

	// Four megabytes are hers.
	noise = noise[:1<<20]
	for range 4 {
		if a := h.send(ann, part{"file", "a", string(noise)}); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	h.send(ann, part{"file", "a", "x"}).says(413, `{"err_code":413,"message":"*"}`)
	h.send(h.join("bob"), part{"file", "a", "x"}).says(200,
		`{"err_code":200,"message":"上传成功","url":"*","name":"a","size":1,"mime":"text/plain"}`)
}

// Whoever uploads side by side does not get past her quota.
func TestUploadsSideBySideShareAQuota(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	body := "\x00" + strings.Repeat("x", 900_000)
	var all sync.WaitGroup
	var statuses [8]int
	for i := range statuses {
		form, kind := multipartForm(t, part{"file", "a", body})
		all.Go(func() {
			statuses[i] = h.ask("POST", "/upload", form, append(ann.bearer(), "Content-Type", kind)...).status
		})
	}
	all.Wait()
	kept := 0
	for _, status := range statuses {
		switch status {
		case 200:
			kept++
		case 413:
		default:
			t.Errorf("status %d", status)
		}
	}
	if kept != 4 {
		t.Errorf("%d kept, and there is room for 4", kept)
	}
}

// begin sends the head of an upload over a connection of its own.
func (h *house) begin(who person, headers string) net.Conn {
	h.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: multipart/form-data; boundary=b\r\n%s\r\n", who.token, headers)
	return conn
}

const formHead = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\x00"

func TestOneWhoVanishesLeavesNothing(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	conn := h.begin(ann, "Content-Length: 1000000\r\n")
	fmt.Fprint(conn, formHead)
	if _, err := conn.Write(make([]byte, 300_000)); err != nil {
		t.Fatal(err)
	}
	h.until("the upload is under way", func() bool {
		begun, _ := filepath.Glob(filepath.Join(h.dir, "tmp", "*"))
		return len(begun) == 1
	})
	conn.Close()
	h.wantNoUpload()
}

func TestAnUploadTooLargeByItsOwnWordIsNotRead(t *testing.T) {
	h := open(t)
	conn := h.begin(h.join("ann"), "Content-Length: 1000000000\r\nExpect: 100-continue\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 413 ")) {
		t.Errorf("%v: %.200s", err, answer)
	}
	h.wantNoUpload()
}

func TestAnUploadWithoutEndIsCutOff(t *testing.T) {
	h := open(t)
	conn := h.begin(h.join("ann"), "Transfer-Encoding: chunked\r\n")
	fmt.Fprintf(conn, "%x\r\n%s\r\n", len(formHead), formHead)
	answered := make(chan []byte)
	go func() {
		answer, _ := io.ReadAll(conn)
		answered <- answer
	}()
	chunk := append(fmt.Appendf(nil, "%x\r\n", 1<<16), make([]byte, 1<<16+2)...)
	copy(chunk[len(chunk)-2:], "\r\n")
	sent := 0
	for sent < 1<<30 {
		if _, err := conn.Write(chunk); err != nil {
			break // the server has hung up
		}
		sent += 1 << 16
	}
	if sent > 64<<20 {
		t.Errorf("the server took %d MB", sent>>20)
	}
	if answer := <-answered; len(answer) > 0 && !bytes.HasPrefix(answer, []byte("HTTP/1.1 413 ")) {
		t.Errorf("answered %.200s", answer)
	}
	h.wantNoUpload()
}
