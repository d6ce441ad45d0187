package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sendFile uploads a file and returns the whole answer, which is what goes into a message.
func (s *server) sendFile(a account, name string, content []byte) (status int, answer []byte) {
	s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		s.t.Fatal(err)
	}
	part.Write(content) // a bytes.Buffer takes all
	form.Close()
	return s.do(http.MethodPost, "/upload", a.token, form.FormDataContentType(), &body)
}

// Ann sends Bob a picture; the power is cut; he comes later and sees it.
func TestAFileOutlastsAPowerCut(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	ann, bob := s.register("Ann"), s.register("Bob")
	status, answer := s.sendFile(ann, "猫.png", picture(t, 400))
	var link struct {
		URL, Thumb, Name, Mime string
		Size                   int64
		Width, Height          int
	}
	if err := json.Unmarshal(answer, &link); err != nil || status != 200 || link.Name != "猫.png" || link.Mime != "image/png" ||
		link.Width != 400 || link.Height != 400 || link.Thumb == "" {
		t.Fatalf("%d %s", status, answer)
	}
	s.join(ann, "phone").ask("chat", map[string]any{"toUserid": bob.id, "message": json.RawMessage(answer), "type": "image"}, &receipt{})
	s.kill()

	s = start(t, dir)
	var m message
	if s.join(bob, "phone").hear("newMessage", &m); m.Type != "image" || !strings.Contains(string(m.Message), "猫.png") {
		t.Errorf("Bob heard %+v", m)
	}
	for url, size := range map[string]int{link.URL: 400, link.Thumb: 320} {
		_, path, _ := strings.Cut(url, "/files/")
		if side := s.see(s.URL + "/files/" + path).Bounds().Dx(); side != size {
			t.Errorf("%s is %d pixels wide, want %d", url, side, size)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "tmp", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A page that someone uploads comes back as bytes to save, whatever it claims to be.
func TestAnUploadedPageIsNotRun(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, "UPLOAD_QUOTA=10000")
	ann := s.register("Ann")
	page := []byte("<!DOCTYPE html><script>alert(document.cookie)</script>")
	status, answer := s.sendFile(ann, "me.png", page)
	var link struct{ URL string }
	if err := json.Unmarshal(answer, &link); err != nil || status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	res := s.request(http.MethodGet, link.URL, "", "", nil)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if h := res.Header; err != nil || !bytes.Equal(body, page) || h.Get("Content-Type") != "application/octet-stream" ||
		h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment;") ||
		!strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%v: %q %v", err, body, h)
	}

	// Her files are 4 KiB and this; both are not 10,000 bytes.
	if status, answer := s.sendFile(ann, "a", bytes.Repeat([]byte("x"), 6000)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("over the quota: %d %s", status, answer)
	}
	kept, err := os.ReadDir(filepath.Join(dir, "data", "files"))
	if err != nil || len(kept) != 2 { // the page, and the folder of what is incoming
		t.Errorf("kept %v, %v", kept, err)
	}
}
