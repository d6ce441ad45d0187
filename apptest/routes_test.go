package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/routes"
)

// routeRow is one request, and the statuses of its answers for each column. At UsChat's routes it is the error in them.
type routeRow struct {
	route, case_ string
	ask          func(s *knock) (path string, body any)
	want         string
}

const routeColumns = "nobody expired stranger friend blocked herself"

// knock is who asks, and who there is to ask about.
type knock struct {
	*company
	who *Person
}

const (
	open    = "200 200 200 200 200 200"
	members = "401 401 200 200 200 200"
	denied  = "401 401 403 403 403 403"
	unknown = "404 404 404 404 404 404"
)

func routeRows() []routeRow {
	path := func(path string) func(*knock) (string, any) { return func(*knock) (string, any) { return path, nil } }
	body := func(path string, body object) func(*knock) (string, any) {
		return func(*knock) (string, any) { return path, body }
	}
	about := func(path, field string) func(*knock) (string, any) {
		return func(k *knock) (string, any) { return path, object{field: k.ann.ID} }
	}
	return []routeRow{
		{"POST /toregister", "with Ann's name", func(k *knock) (string, any) {
			return "/toregister", object{"username": k.ann.Name, "password": "secret", "email": "another@mail.example", "phoneNum": "5550001"}
		}, "402 402 402 402 402 402"},
		{"POST /toregister", "with Ann's email", func(k *knock) (string, any) {
			return "/toregister", object{"username": "another", "password": "secret", "email": k.ann.Email, "phoneNum": "5550001"}
		}, "402 402 402 402 402 402"},
		{"POST /login", "as Ann, by a guess", func(k *knock) (string, any) {
			return "/login", object{"username": k.ann.Name, "password": "a guess"}
		}, "407 407 407 407 407 407"},
		{"POST /changePassword", "by a guess", body("/changePassword", object{"password": "a guess", "newPassword": "another one"}), denied},
		{"GET /serach/user", "Ann", func(k *knock) (string, any) { return "/serach/user?username=" + k.ann.Name, nil }, members},
		{"GET /serach/user", "Ann, by her phone number", func(k *knock) (string, any) { return "/serach/user?phoneNum=" + k.ann.Phone, nil }, members},
		{"GET /search/user", "Ann, by her number", func(k *knock) (string, any) { return fmt.Sprint("/search/user?num=", k.ann.Number), nil }, members},
		{"POST /sendCode", "for nobody", body("/sendCode", object{"email": "nobody@mail.example", "purpose": "reset"}), open},
		{"POST /resetPassword", "of Ann, by a guess", func(k *knock) (string, any) {
			return "/resetPassword", object{"email": k.ann.Email, "code": "123456", "password": "another one"}
		}, "410 410 410 410 410 410"},
		{"POST /changeEmail", "by a guess", body("/changeEmail", object{"email": "another@mail.example", "code": "123456", "password": "a guess"}), denied},
		{"GET /profile", "of Ann", func(k *knock) (string, any) { return "/profile?userID=" + k.ann.ID, nil }, members},
		{"GET /profile", "her own", path("/profile"), members},
		{"POST /profile", "her own, whatever id is in it", func(k *knock) (string, any) {
			return "/profile", object{"userID": k.ann.ID, "nickname": "nick of " + k.who.Name}
		}, members},
		{"POST /deleteAccount", "by a guess", body("/deleteAccount", object{"password": "a guess"}), denied},
		{"POST /account/register", "with Ann's name", func(k *knock) (string, any) {
			return "/account/register", object{"account": k.ann.Name, "password": "secret", "email": "another@mail.example", "username": "A"}
		}, "400 400 400 400 400 400"},
		{"POST /account/login", "as Ann, by a guess", func(k *knock) (string, any) {
			return "/account/login", object{"account": k.ann.Name, "password": "a guess"}
		}, "401 401 401 401 401 401"},
		{"POST /account/member/profile", "her own", path("/account/member/profile"), members},
		{"POST /Addfriends", "Ann", about("/Addfriends", "userID"), "401 401 200 200 200 400"},
		{"GET /friendList", "her own", path("/friendList"), members},
		{"POST /updateImg", "of what is no picture", path("/updateImg"), "401 401 400 400 400 400"},
		{"GET /mongo/img/:name", "that nobody has", path("/mongo/img/0123456789abcdef.png"), unknown},
		{"POST /upload", "a text", path("/upload"), members},
		{"GET /files/:id/:name", "by a guess", path("/files/AAAAAAAAAAAAAAAAAAAAAAAA/note.txt"), unknown},
		{"GET /healthz", "", path("/healthz"), open},
		{"GET /readyz", "", path("/readyz"), open},
		{"POST /get_varifycode", "for nobody", body("/get_varifycode", object{"email": "nobody@mail.example"}), "0 0 0 0 0 0"},
		{"POST /user_register", "with Ann's email, by a guess", func(k *knock) (string, any) {
			return "/user_register", object{"email": k.ann.Email, "user": "another", "passwd": "secret", "confirm": "secret", "varifycode": "123456"}
		}, "1003 1003 1003 1003 1003 1003"},
		{"POST /reset_pwd", "of Ann, by a guess", func(k *knock) (string, any) {
			return "/reset_pwd", object{"email": k.ann.Email, "user": k.ann.Name, "passwd": "another one", "varifycode": "123456"}
		}, "1003 1003 1003 1003 1003 1003"},
		{"POST /user_login", "as Ann, by a guess", func(k *knock) (string, any) {
			return "/user_login", object{"email": k.ann.Email, "passwd": "a guess"}
		}, "1009 1009 1009 1009 1009 1009"},
		{"GET /status/assign", "", path("/status/assign"), "1010 1010 0 0 0 0"},
		{"GET /ws/:Sender", "as Ann", func(k *knock) (string, any) { return "/ws/" + k.ann.Name, nil }, "401 401 403 403 403 400"}, // 400: it is no WebSocket
	}
}

// Every route is asked as everybody, and as nobody: without a token, and with one whose time is over.
func TestWhoMayUseWhichRoute(t *testing.T) {
	h := Open(t)
	c := newCompany(h)
	nobody, late := h.nobody("nobody"), h.nobody("expired")
	late.Token = c.ann.expired()
	rows := routeRows()
	registered := append(routes.Config{Uploads: new(chat.Files)}.Routes(), "GET /ws/:Sender")
	for _, name := range registered {
		if !slices.ContainsFunc(rows, func(r routeRow) bool { return r.route == name }) {
			t.Errorf("%s has no row: who may use it?", name)
		}
	}
	names := strings.Fields(routeColumns)
	for _, r := range rows {
		if !slices.Contains(registered, r.route) {
			t.Errorf("%s is no route", r.route)
		}
		want := strings.Fields(r.want)
		if len(want) != len(names) {
			t.Fatalf("%s %s: %d columns", r.route, r.case_, len(want))
		}
		for i, who := range []*Person{nobody, late, c.sam, c.fay, c.bob, c.ann} {
			method, _, _ := strings.Cut(r.route, " ")
			path, question := r.ask(&knock{c, who})
			kind, sent := "application/json", []byte(nil)
			switch {
			case question != nil:
				sent = marshal(t, question)
			case r.route == "POST /upload" || r.route == "POST /updateImg":
				kind, sent = form(t, "a note")
			}
			status, answer := who.request(method, path, who.Token, kind, sent)
			got := fmt.Sprint(status)
			if len(want[i]) != 3 { // an error of UsChat's
				got = uschatError(t, status, answer)
			}
			if got != want[i] {
				t.Errorf("%s %s, %s: got %d %s, want %s", r.route, r.case_, names[i], status, answer, want[i])
			}
		}
	}
	if said := c.ann.said(); !strings.Contains(said, c.ann.Email) || !strings.Contains(said, c.ann.Phone) {
		t.Error("Ann's own profile tells her neither email nor phone number: then the search below finds nothing")
	}
	c.hearAll()
	h.noLeak()
}

func uschatError(t *testing.T, status int, answer []byte) string {
	t.Helper()
	var a struct{ Error *int }
	if err := json.Unmarshal(answer, &a); err != nil || a.Error == nil || status != http.StatusOK {
		t.Fatalf("UsChat is answered %d %s", status, answer)
	}
	return fmt.Sprint(*a.Error)
}

// form is an upload of a text.
func form(t *testing.T, text string) (kind string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", "note.txt")
	if err == nil {
		_, err = part.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}
