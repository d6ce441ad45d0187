package routes_test

import (
	"context"
	"encoding/json"
	"errors"
	"image/color"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/docs"
	"github.com/parley-chat/parley/routes"
)

// stage is where the examples of docs/openapi.yaml are played: a house, in which each request is as the document has it, and
// each answer has to fit what the document says of it.
type stage struct {
	*house
	mail *mailbox
	d    *docs.Document
	ann  string // her token, once she has registered
	bob  person
}

// request is one example, and what is other than there.
type request struct {
	route  string // "post /login"
	token  string
	query  string            // behind the path, or in place of its parameters
	change map[string]string // fields of the body
	file   *part
}

// plays sends a request, and checks the answer against the document, and its status; in JSON also UsChat's error.
func (s *stage) plays(q request, status int, gatewayError ...float64) answer {
	s.t.Helper()
	method, path, _ := strings.Cut(q.route, " ")
	way := []string{"paths", path, method}
	var header []string
	if q.token != "" {
		header = []string{"Authorization", "Bearer " + q.token}
	}
	address := path + q.query
	if i := strings.Index(path, "{"); i >= 0 {
		address = path[:i] + q.query
	}
	var a answer
	example, _ := s.d.At(append(way, "requestBody", "content", "application/json", "example")...).(map[string]any)
	switch {
	case q.file != nil:
		body, kind := multipartForm(s.t, *q.file)
		a = s.ask("POST", address, body, append(header, "Content-Type", kind)...)
	case example != nil:
		if err := s.d.Check(example, append(way, "requestBody", "content", "application/json", "schema")...); err != nil {
			s.t.Errorf("%s: the example does not fit: %v", q.route, err)
		}
		body, err := json.Marshal(s.fill(example, q.change))
		if err != nil {
			s.t.Fatal(err)
		}
		a = s.json(address, string(body), header...)
	default:
		a = s.ask(strings.ToUpper(method), address, nil, header...)
	}
	if a.status != status {
		s.t.Fatalf("%s: %d %s, want %d", q.route, a.status, a.body, status)
	}
	said := append(way, "responses", strconv.Itoa(status))
	if s.d.At(said...) == nil {
		s.t.Errorf("%s: the document does not say that it answers %d", q.route, status)
	}
	if schema := append(said, "content", "application/json", "schema"); s.d.At(schema...) != nil {
		if err := s.d.Check(a.value(), schema...); err != nil {
			s.t.Errorf("%s answers %d %s: %v", q.route, status, a.body, err)
		}
	}
	for _, want := range gatewayError {
		if got := a.value().(map[string]any)["error"]; got != want {
			s.t.Errorf("%s: error %v, want %v: %s", q.route, got, want, a.body)
		}
	}
	return a
}

// fill puts what the server gave where an example can only have something that looks like it.
func (s *stage) fill(example map[string]any, change map[string]string) map[string]any {
	body := maps.Clone(example)
	for name, value := range body {
		switch {
		case value == "65f0c0de0000000000000002":
			body[name] = s.bob.id
		case value == "123456":
			body[name] = codeFor(s.t, s.mail, body["email"].(string))
		}
	}
	for name, value := range change {
		body[name] = value
	}
	return body
}

// is has Ann register by the example.
func (s *stage) is() {
	s.t.Helper()
	s.ann = s.plays(request{route: "post /toregister"}, 200).text("token")
}

// examples are the plays, by route: each route's success and, but for those that refuse nothing, a refusal.
func examples() map[string]func(s *stage) {
	wrong := map[string]string{"password": "not hers"}
	return map[string]func(s *stage){
		"post /toregister": func(s *stage) {
			s.plays(request{route: "post /toregister", change: map[string]string{"email": "nothing"}}, 400)
			s.is()
			s.plays(request{route: "post /toregister"}, 402)
		},
		"post /login": func(s *stage) {
			s.is()
			s.plays(request{route: "post /login", change: wrong}, 407)
			s.plays(request{route: "post /login"}, 200)
		},
		"post /changePassword": func(s *stage) {
			s.is()
			s.plays(request{route: "post /changePassword", token: s.ann, change: wrong}, 403)
			s.plays(request{route: "post /changePassword", token: s.ann}, 200)
			s.plays(request{route: "post /changePassword", token: s.ann}, 401)
		},
		"get /serach/user": func(s *stage) { s.searches("get /serach/user") },
		"get /search/user": func(s *stage) { s.searches("get /search/user") },
		"get /profile": func(s *stage) {
			s.is()
			s.plays(request{route: "get /profile", token: s.ann}, 200)
			s.plays(request{route: "get /profile", token: s.ann, query: "?userID=" + s.bob.id}, 200)
			s.plays(request{route: "get /profile", token: s.ann, query: "?userID=" + strings.Repeat("0", 24)}, 404)
			s.json("/deleteAccount", `{"password":"bob's password"}`, s.bob.bearer()...)
			s.plays(request{route: "get /profile", token: s.ann, query: "?userID=" + s.bob.id}, 200)
		},
		"post /profile": func(s *stage) {
			s.is()
			s.plays(request{route: "post /profile", token: s.ann, change: map[string]string{"sex": "7"}}, 400)
			s.plays(request{route: "post /profile", token: s.ann}, 200)
		},
		"post /deleteAccount": func(s *stage) {
			s.is()
			s.plays(request{route: "post /deleteAccount", token: s.ann, change: wrong}, 403)
			s.plays(request{route: "post /deleteAccount", token: s.ann}, 200)
		},
		"post /sendCode": func(s *stage) {
			s.plays(request{route: "post /sendCode", change: map[string]string{"purpose": "fun"}}, 400)
			s.plays(request{route: "post /sendCode"}, 200)
		},
		"post /resetPassword": func(s *stage) {
			s.is()
			s.plays(request{route: "post /sendCode"}, 200)
			s.plays(request{route: "post /resetPassword", change: map[string]string{"code": otherThan(codeFor(s.t, s.mail, "ann@example.com"))}}, 403)
			s.plays(request{route: "post /resetPassword"}, 200)
			s.plays(request{route: "post /resetPassword"}, 410)
		},
		"post /changeEmail": func(s *stage) {
			s.is()
			s.plays(request{route: "post /sendCode", change: map[string]string{"email": "ann@example.org", "purpose": "email"}}, 200)
			s.plays(request{route: "post /changeEmail", token: s.ann, change: wrong}, 403)
			s.plays(request{route: "post /changeEmail", token: s.ann}, 200)
			s.plays(request{route: "post /changeEmail", token: s.ann}, 410)
		},
		"post /Addfriends": func(s *stage) {
			s.is()
			s.plays(request{route: "post /Addfriends", token: s.ann, change: map[string]string{"userID": strings.Repeat("0", 24)}}, 404)
			s.plays(request{route: "post /Addfriends", token: s.ann}, 200)
			s.plays(request{route: "post /Addfriends", token: s.ann}, 200)
		},
		"get /friendList": func(s *stage) {
			s.is()
			s.plays(request{route: "get /friendList"}, 401)
			s.plays(request{route: "get /friendList", token: s.ann}, 200)
			s.plays(request{route: "post /Addfriends", token: s.ann}, 200)
			s.plays(request{route: "get /friendList", token: s.ann}, 200)
		},
		"post /updateImg": func(s *stage) {
			s.plays(request{route: "post /updateImg", token: s.bob.token, file: &part{"img", "me.png", "no picture"}}, 400)
			s.plays(request{route: "post /updateImg", token: s.bob.token, file: s.picture("img")}, 200)
		},
		"get /mongo/img/{name}": func(s *stage) {
			s.plays(request{route: "get /mongo/img/{name}", query: "none.png"}, 404)
			found := s.plays(request{route: "post /updateImg", token: s.bob.token, file: s.picture("img")}, 200).text("imgUrl")
			_, name, _ := strings.Cut(found, "/mongo/img/")
			s.plays(request{route: "get /mongo/img/{name}", query: name}, 200)
		},
		"post /upload": func(s *stage) {
			s.plays(request{route: "post /upload", token: s.bob.token, file: &part{"file", "empty.txt", ""}}, 400)
			s.plays(request{route: "post /upload", token: s.bob.token, file: s.picture("file")}, 200)
		},
		"get /files/{id}/{name}": func(s *stage) {
			s.plays(request{route: "get /files/{id}/{name}", query: "none/none.png"}, 404)
			link, err := url.Parse(s.plays(request{route: "post /upload", token: s.bob.token, file: s.picture("file")}, 200).text("url"))
			if err != nil {
				s.t.Fatal(err)
			}
			s.plays(request{route: "get /files/{id}/{name}", query: strings.TrimPrefix(link.EscapedPath(), "/files/")}, 200)
		},
		"post /get_varifycode": func(s *stage) {
			s.plays(request{route: "post /get_varifycode", change: map[string]string{"email": ""}}, 200, 1001)
			s.plays(request{route: "post /get_varifycode"}, 200, 0)
		},
		"post /user_register": func(s *stage) {
			s.plays(request{route: "post /get_varifycode"}, 200, 0)
			s.plays(request{route: "post /user_register", change: map[string]string{"confirm": "secrets"}}, 200, 1006)
			s.plays(request{route: "post /user_register"}, 200, 0)
		},
		"post /reset_pwd": func(s *stage) {
			s.is()
			s.plays(request{route: "post /get_varifycode"}, 200, 0)
			s.plays(request{route: "post /reset_pwd", change: map[string]string{"varifycode": otherThan(codeFor(s.t, s.mail, "ann@example.com"))}}, 200, 1004)
			s.plays(request{route: "post /reset_pwd"}, 200, 0)
		},
		"post /user_login": func(s *stage) {
			s.is()
			s.plays(request{route: "post /user_login", change: map[string]string{"passwd": "not hers"}}, 200, 1009)
			s.plays(request{route: "post /user_login"}, 200, 0)
		},
		"get /status/assign": func(s *stage) {
			s.plays(request{route: "get /status/assign"}, 200, 1010)
			s.plays(request{route: "get /status/assign", token: s.bob.token}, 200, 0)
		},
		"post /account/register": func(s *stage) {
			s.plays(request{route: "post /account/register", change: map[string]string{"account": ""}}, 400)
			s.plays(request{route: "post /account/register"}, 202)
		},
		"post /account/login": func(s *stage) {
			s.plays(request{route: "post /account/login"}, 400)
			s.plays(request{route: "post /account/register"}, 202)
			s.plays(request{route: "post /account/login", change: wrong}, 401)
			s.plays(request{route: "post /account/login"}, 200)
		},
		"post /account/member/profile": func(s *stage) {
			s.plays(request{route: "post /account/member/profile"}, 401)
			s.plays(request{route: "post /account/member/profile", token: s.bob.token}, 200)
		},
		"get /healthz": func(s *stage) { s.plays(request{route: "get /healthz"}, 200) },
		"get /readyz": func(s *stage) {
			s.plays(request{route: "get /readyz"}, 200)
			s.house = open(s.t, func(c *routes.Config) { c.Ready = func(context.Context) error { return errors.New("away") } })
			s.plays(request{route: "get /readyz"}, 503)
		},
	}
}

// searches finds Bob, nobody, and out that something must be looked for.
func (s *stage) searches(route string) {
	s.t.Helper()
	s.is()
	s.plays(request{route: route, token: s.ann}, 400)
	s.plays(request{route: route, token: s.ann, query: "?num=bob"}, 200)
	s.plays(request{route: route, token: s.ann, query: "?username=carl"}, 200)
}

func (s *stage) picture(field string) *part {
	return &part{field, "me.png", square(s.t, color.White)}
}

func TestTheExamplesOfOpenAPI(t *testing.T) {
	plays, d := examples(), openAPI(t)
	for _, path := range d.Names("paths") {
		for _, method := range d.Names("paths", path) {
			route := method + " " + path
			play, ok := plays[route]
			if path == "/socket.io/" || path == "/ws/{Sender}" {
				continue // other doors, with tests of their own
			}
			if !ok {
				t.Errorf("nobody plays %s", route)
				continue
			}
			t.Run(route, func(t *testing.T) {
				h, mail := openGateway(t)
				h.t = t
				play(&stage{house: h, mail: mail, d: d, bob: h.join("bob")})
			})
		}
	}
}
