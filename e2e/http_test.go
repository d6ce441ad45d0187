package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// upload posts a picture under a file name of the sender's choice.
func (s *server) upload(token, field, filename string, content []byte) (status int, answer []byte) {
	s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="%s"; filename="%s"`, field, filename)},
		"Content-Type":        {"image/png"},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	part.Write(content) // a bytes.Buffer takes all
	form.Close()
	return s.do(http.MethodPost, "/updateImg", token, form.FormDataContentType(), &body)
}

func TestBadBodies(t *testing.T) {
	s := start(t, t.TempDir())
	ann := s.register("Ann")
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/toregister", `[]`, 400},
		{"/toregister", `[{"username":"x"}]`, 400},
		{"/toregister", `null`, 400},
		{"/toregister", `{"username":["x"],"password":"x","email":"x@example.com","phoneNum":"12345"}`, 400},
		{"/toregister", `{"username":` + strings.Repeat(`[`, 10_000), 400},
		{"/toregister", `{"username":"` + strings.Repeat("x", 2<<20) + `"}`, 413},
		{"/login", `[]`, 400},
		{"/login", `{"username":{"$gt":""},"password":{"$gt":""}}`, 400},
		{"/Addfriends", `[]`, 400},
		{"/Addfriends", `{"userID":"../../etc/passwd"}`, 400},
		{"/updateImg", `[]`, 400},
	} {
		status, answer := s.post(c.path, ann.token, c.body)
		if status != c.status {
			t.Errorf("POST %s %.60s: %d %s, want %d", c.path, c.body, status, answer, c.status)
		}
	}
	if again := s.register("Ann"); again.id == ann.id {
		t.Error("two accounts have one id")
	}
}

// A client that does not clean paths finds nothing outside the pictures.
func TestPathsDoNotClimb(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	const secret = "nobody may read this"
	if err := os.WriteFile(filepath.Join(dir, "data", "canary"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/mongo/img/../canary", "/mongo/img/../../canary", "/mongo/img/..%2fcanary", "/mongo/img/%2e%2e/canary",
		"/mongo/img/..%5ccanary", "/mongo/img/....//canary", "/mongo/img//canary", "/mongo/img/%00", "/mongo/img/", "/mongo/img/.",
		"/mongo/img/..%252fcanary", "/../../../../etc/passwd",
	} {
		answer := s.rawGet(path)
		status, _, _ := strings.Cut(strings.TrimPrefix(answer, "HTTP/1.1 "), " ")
		if !slices.Contains([]string{"400", "401", "403", "404"}, status) {
			t.Errorf("GET %s: %.200s", path, answer)
		}
		if strings.Contains(answer, secret) || strings.Contains(answer, "root:") {
			t.Errorf("GET %s gave the file away: %.300s", path, answer)
		}
	}
}

// rawGet sends a path as it is, which Go's client would clean, and returns the whole answer.
func (s *server) rawGet(path string) string {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: parley\r\nConnection: close\r\n\r\n", path)
	answer, err := io.ReadAll(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(answer)
}

// What media's own tests look at closely is here seen from outside: the status, and a server that lives.
func TestBadPictures(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	ann := s.register("Ann")
	onPhone, onDesk := s.join(ann, "phone"), s.join(s.register("Bob"), "desk")
	small := picture(t, 8)
	for _, c := range []struct {
		name    string
		content []byte
		status  int
	}{
		{"0 bytes", nil, 400},
		{"a zip", append([]byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"), make([]byte, 500)...), 400},
		{"a bomb: a header of 50,000 by 50,000 pixels", bomb(small), 413},
		{"half a picture", small[:len(small)/2], 400},
		{"a script", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), 400},
		{"nine megabytes", append(small, make([]byte, 9<<20)...), 413},
	} {
		if status, answer := s.upload(ann.token, "img", "me.png", c.content); status != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, status, answer, c.status)
		}
		chats(t, onPhone, onDesk)
	}
	if status, answer := s.upload(ann.token, "img", "../../../climbed.png", small); status != 200 && status != 400 {
		t.Errorf("a name that climbs: %d %s", status, answer)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "data" && e.Name() != "tmp" {
			t.Errorf("the server left %s beside its data", e.Name())
		}
	}
}
