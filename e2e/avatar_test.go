package e2e_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// picture makes a PNG of size by size pixels; each size looks different.
func picture(t *testing.T, size int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for i := range size {
		img.Set(i, i, color.RGBA{R: 200, G: uint8(size), B: 40, A: 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb returns the picture with 50,000 by 50,000 pixels written into its header (PNG section 11.2.1), checksum included.
func bomb(small []byte) []byte {
	b := bytes.Clone(small)
	binary.BigEndian.PutUint32(b[16:], 50_000)
	binary.BigEndian.PutUint32(b[20:], 50_000)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

// Ann shows her face, Bob sees it, and with the next one the first is gone.
func TestAvatar(t *testing.T) {
	s := start(t, t.TempDir())
	ann, bob := s.register("Ann"), s.register("Bob")

	first := s.setAvatar(ann, picture(t, 600))
	shown := s.see(first)
	if side := shown.Bounds().Dx(); side > 512 {
		t.Errorf("the picture is %d pixels wide, want at most 512", side)
	}
	if seen := s.search(bob, ann.name); seen != first {
		t.Errorf("Bob sees %q, want %q", seen, first)
	}

	second := s.setAvatar(ann, picture(t, 40))
	if second == first {
		t.Fatal("two pictures have one name")
	}
	if side := s.see(second).Bounds().Dx(); side != 40 {
		t.Errorf("the second picture is %d pixels wide, want 40", side)
	}
	if status, _ := s.get(first, ""); status != http.StatusNotFound {
		t.Errorf("the first picture: %d, want 404", status)
	}
	if seen := s.search(bob, ann.name); seen != second {
		t.Errorf("Bob sees %q, want %q", seen, second)
	}
}

func (s *server) setAvatar(a account, content []byte) (imgURL string) {
	s.t.Helper()
	status, body := s.upload(a.token, "img", "face.png", content)
	var answer struct {
		Status  bool
		Message string
		ImgURL  string
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != 200 || !answer.Status || answer.Message != "上传成功" {
		s.t.Fatalf("/updateImg answered %d: %s", status, body)
	}
	if !strings.HasPrefix(answer.ImgURL, s.URL+"/mongo/img/") {
		s.t.Fatalf("imgUrl %q, want one under %s/mongo/img/", answer.ImgURL, s.URL)
	}
	return answer.ImgURL
}

func (s *server) see(imgURL string) image.Image {
	s.t.Helper()
	res := s.request(http.MethodGet, imgURL, "", "", nil)
	defer res.Body.Close()
	if h := res.Header; res.StatusCode != 200 || !strings.HasPrefix(h.Get("Content-Type"), "image/") ||
		h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Cache-Control"), "immutable") {
		s.t.Fatalf("%s: %d %v", imgURL, res.StatusCode, h)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		s.t.Fatalf("%s: %v", imgURL, err)
	}
	return img
}

// search returns the picture that one user sees of another.
func (s *server) search(as account, username string) (imgURL string) {
	s.t.Helper()
	status, body := s.get("/serach/user?username="+url.QueryEscape(username), as.token)
	var answer struct {
		UserInfo struct{ UserName, UserImg string }
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != 200 || answer.UserInfo.UserName != username {
		s.t.Fatalf("/serach/user answered %d: %s", status, body)
	}
	return answer.UserInfo.UserImg
}
