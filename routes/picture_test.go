package routes_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/routes"
)

// square is a picture of one colour.
func square(t *testing.T, c color.Color) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 8, 8))
	for i := range 64 {
		img.Set(i%8, i/8, c)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// part is one part of a multipart form; one with a file name is a file.
type part struct{ name, file, body string }

// upload posts a multipart form.
func (h *house) upload(who person, parts ...part) answer {
	h.t.Helper()
	body, kind := multipartForm(h.t, parts...)
	return h.ask("POST", "/updateImg", body, append(who.bearer(), "Content-Type", kind)...)
}

func multipartForm(t *testing.T, parts ...part) (io.Reader, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		head := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf("form-data; name=%q", p.name)}}
		if p.file != "" {
			head.Set("Content-Disposition", fmt.Sprintf("form-data; name=%q; filename=%q", p.name, p.file))
			head.Set("Content-Type", "text/html") // what the client says of a file counts for nothing
		}
		to, err := w.CreatePart(head)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(to, p.body)
	}
	w.Close()
	return &b, w.FormDataContentType()
}

func TestAnnShowsHerFace(t *testing.T) {
	h := open(t)
	ann, bob := h.join("ann"), h.join("bob")
	red, blue := square(t, color.RGBA{255, 0, 0, 255}), square(t, color.RGBA{0, 0, 255, 255})

	a := h.upload(ann, part{"img", "../../me.html", red}).says(200, `{"status":true,"message":"上传成功","imgUrl":"*"}`)
	first := a.text("imgUrl")
	if !strings.HasPrefix(first, h.url+"/mongo/img/") {
		t.Fatalf("imgUrl %q", first)
	}
	pic := h.get(strings.TrimPrefix(first, h.url)) // without a token, as an img element asks
	img, _, err := image.Decode(strings.NewReader(pic.body))
	if err != nil || img.Bounds().Dx() != 8 {
		t.Fatalf("not her picture: %v, %v", pic.header, err)
	}
	if cache := pic.header.Get("Cache-Control"); !strings.Contains(cache, "immutable") || pic.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", pic.header)
	}

	// Others see it, in every answer that shows a person, and she does.
	h.json("/Addfriends", `{"userID":"`+ann.id+`"}`, bob.bearer()...)
	shown := `{"userName":"ann","userID":"` + ann.id + `","userImg":"` + first + `"`
	h.get("/serach/user?num=ann", bob.bearer()...).says(200, `{"message":"查询成功","userInfo":`+shown+`,"number":-1}}`)
	h.get("/friendList", bob.bearer()...).says(200, `{"message":"获取成功","list":[`+shown+`}]}`)
	if got := h.json("/login", `{"username":"ann","password":"ann's password"}`).text("userInfo", "imgUrl"); got != first {
		t.Errorf("login shows %q", got)
	}

	// The next one takes its place, whatever oldfile says.
	h.upload(bob, part{"avatar", "b.png", red})
	bobs := h.json("/login", `{"username":"bob","password":"bob's password"}`).text("userInfo", "imgUrl")
	second := h.upload(ann, part{"oldfile", "", bobs}, part{"img", "a.png", blue}).text("imgUrl")
	if second == first {
		t.Error("another picture has the same name")
	}
	for url, want := range map[string]int{first: 404, second: 200, bobs: 200} {
		if got := h.get(strings.TrimPrefix(url, h.url)).status; got != want {
			t.Errorf("%s: %d, want %d", url, got, want)
		}
	}
}

func TestNamesOfTheFileField(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	red := square(t, color.RGBA{255, 0, 0, 255})
	for _, name := range []string{"img", "imgUrl", "avatar", "file"} {
		h.upload(ann, part{"note", "", "x"}, part{"note", "", ""}, part{name, "a", red}, part{"oldfile", "", "y"}).
			says(200, `{"status":true,"message":"上传成功","imgUrl":"*"}`)
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	red := square(t, color.RGBA{255, 0, 0, 255})
	noise := make([]byte, 9<<20)
	rand.Read(noise)
	var many []part
	for range 20 {
		many = append(many, part{"note", "", "x"})
	}
	for what, c := range map[string]struct {
		parts  []part
		status int
		hint   string
	}{
		"no part":              {nil, 400, ""},
		"no file":              {[]part{{"oldfile", "", "x"}}, 400, "img: no file"},
		"text in its place":    {[]part{{"img", "", "http://x/y.png"}}, 400, "img: no file"},
		"under another name":   {[]part{{"picture", "a.png", red}}, 400, "img: no file"},
		"too many parts":       {append(many, part{"img", "a.png", red}), 400, "img: no file"},
		"no image":             {[]part{{"img", "a.png", "<html>"}}, 400, ""},
		"0 bytes":              {[]part{{"img", "a.png", ""}}, 400, ""},
		"over 8 MB":            {[]part{{"img", "a.png", red + string(noise)}}, 413, ""},
		"over 8 MB of fields":  {[]part{{"oldfile", "", string(noise)}}, 413, ""},
		"a field over 64 KiB":  {[]part{{"oldfile", "", string(noise[:65<<10])}, {"img", "a.png", red}}, 413, "oldfile: "},
		"another file, 65 KiB": {[]part{{"x", "x", string(noise[:65<<10])}}, 413, "x: "},
	} {
		t.Run(what, func(t *testing.T) {
			a := h.upload(ann, c.parts...)
			a.t = t
			a.says(c.status, `{"err_code":`+strconv.Itoa(c.status)+`,"message":"*"}`)
			if m := a.text("message"); !strings.HasPrefix(m, c.hint) {
				t.Errorf("message %q, want it to begin with %q", m, c.hint)
			}
		})
	}
	whole, kind := multipartForm(t, part{"img", "a.png", red})
	b, _ := io.ReadAll(whole)
	for what, c := range map[string]struct{ kind, body string }{
		"JSON":        {"application/json", `{"img":"x"}`},
		"nothing":     {"", ""},
		"no boundary": {"multipart/form-data", string(b)},
		"cut off":     {kind, string(b[:len(b)-40])},
		"garbage":     {kind, "garbage"},
	} {
		a := h.ask("POST", "/updateImg", strings.NewReader(c.body), append(ann.bearer(), "Content-Type", c.kind)...)
		t.Log(what)
		a.says(400, `{"err_code":400,"message":"*"}`)
	}
	if a, err := h.accounts.Account(context.Background(), chat.UserID(ann.id)); err != nil || a.Picture != "" {
		t.Errorf("her picture is %q, %v; want none", a.Picture, err)
	}
}

// A client that sends its whole body before it reads, as browsers do, must still see why it was refused.
func TestRefusalReachesOneWhoIsStillSending(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	for _, c := range []struct {
		token  string
		status int
	}{{"old", 401}, {ann.token, 413}} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		head := "--b\r\nContent-Disposition: form-data; name=\"img\"; filename=\"a\"\r\n\r\n"
		const size = 20 << 20
		fmt.Fprintf(conn, "POST /updateImg HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n"+
			"Content-Type: multipart/form-data; boundary=b\r\n\r\n%s", c.token, size, head)
		if _, err := conn.Write(make([]byte, size-len(head))); err != nil {
			t.Fatalf("the connection closed while she was sending: %v", err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != c.status {
			t.Errorf("%v, %v; want %d", res, err, c.status)
		}
	}
}

func TestOneWhoAsksFirstNeedNotSend(t *testing.T) {
	h := open(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(conn, "POST /updateImg HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer old\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("%v, %v; want 401 at once", res, err)
	}
}

// names records what the picture server is asked for.
type names struct {
	routes.PictureServer
	asked []string
}

func (n *names) Serve(w http.ResponseWriter, _ *http.Request, name string) error {
	n.asked = append(n.asked, name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func TestPictureNamesKeepTheirBytes(t *testing.T) {
	var asked names
	h := open(t, func(c *routes.Config) { c.Files = &asked })
	for path, want := range map[string]string{
		"/mongo/img/Abc.PNG":              "Abc.PNG",
		"/MONGO/Img/Abc.PNG/":             "Abc.PNG",
		"/mongo/img/Abc.PNG?w=1":          "Abc.PNG",
		"/mongo/img/50%25.png":            "50%.png",
		"/Mongo/img/%E5%AE%89%20a.png":    "安 a.png",
		"/mongo/img/friendList":           "friendList",
		"/mongo/img/..":                   "..", // one segment: the picture server never gave such a name
		"/mongo/img/":                     "",
		"/mongo/img/../../secret":         "",
		"/mongo/img/../secret":            "",
		"/mongo/img/%2e%2e%2fsecret":      "",
		"/mongo/img/..%2f..%2fetc/passwd": "",
		"/mongo/img/%2E%2E%5Csecret":      "",
		"/mongo/img//etc/passwd":          "",
		"/mongo/img/%2fetc%2fpasswd":      "",
		"/mongo/img/a.png%00.html":        "",
		"/mongo%2fimg/a.png":              "",
	} {
		asked.asked = nil
		a := h.get(path)
		if want == "" {
			a.says(404, `{"err_code":404,"message":"*"}`)
			if asked.asked != nil {
				t.Errorf("%s: the picture server was asked for %q", path, asked.asked)
			}
		} else if len(asked.asked) != 1 || asked.asked[0] != want {
			t.Errorf("%s: asked for %q, want %q", path, asked.asked, want)
		}
	}
}

func TestWhereAPictureIsFound(t *testing.T) {
	public := func(c *routes.Config) { c.PublicURL = "https://chat.example/base/" }
	for _, c := range []struct {
		name, stored, want string
		change             func(*routes.Config)
		header             []string
	}{
		{"none", "", "", public, nil},
		{"a public URL", "a.png", "https://chat.example/base/mongo/img/a.png", public, []string{"Host", "x"}},
		{"the host that was asked", "a.png", "http://chat.local:3000/mongo/img/a.png", trust(), []string{"Host", "chat.local:3000"}},
		{"nobody names another host", "a.png", "http://chat.local/mongo/img/a.png", trust(),
			[]string{"Host", "chat.local", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "Forwarded", "host=evil"}},
		{"a trusted proxy names the scheme alone", "a.png", "https://chat.local/mongo/img/a.png", trust("127.0.0.1/32"),
			[]string{"Host", "chat.local", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https"}},
		{"the Node server's", "http://1.2.3.4/mongo/img/1.jpg", "http://1.2.3.4/mongo/img/1.jpg", public, nil},
		{"a strange name", "a/../b c?.png", "https://chat.example/base/mongo/img/a/../b%20c%3F.png", public, nil},
	} {
		h := open(t, c.change)
		ann := h.join("ann")
		if _, err := h.accounts.SetPicture(context.Background(), chat.UserID(ann.id), c.stored); err != nil {
			t.Fatal(err)
		}
		a := h.json("/login", `{"username":"ann","password":"ann's password"}`, c.header...)
		if got := a.text("userInfo", "imgUrl"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestHostCannotInject(t *testing.T) {
	h := open(t)
	for _, host := range []string{"a\"b", "a b", "a<script>", "a/b", "a\x00b"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != 400 {
			t.Errorf("Host %q: %v, %v; want 400", host, res, err)
		}
		conn.Close()
	}
}
