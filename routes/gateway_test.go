package routes_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/routes"
)

// codeFor is the code in the last letter to an address.
func codeFor(t *testing.T, m *mailbox, to string) string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.letters[to].Code == "" {
		t.Fatalf("no code for %s", to)
	}
	return m.letters[to].Code
}

// openGateway opens the door of UsChat, whose TCP door is said to be at port 8090.
func openGateway(t *testing.T, change ...func(*routes.Config)) (*house, *mailbox) {
	t.Helper()
	return openWithMail(t, append([]func(*routes.Config){func(c *routes.Config) {
		c.Gateway = routes.GatewayConfig{Port: 8090, Node: "n1", Connections: func() int { return 3 }}
	}}, change...)...)
}

// register makes an account as UsChat's client does, and returns the answer.
func (h *house) register(box *mailbox, user string) map[string]any {
	h.t.Helper()
	email := strings.ToLower(user) + "@example.com"
	h.says(`/get_varifycode`, map[string]any{"email": email}, map[string]any{"error": 0.0, "email": email})
	return h.gateway("/user_register", map[string]any{
		"email": email, "user": user, "passwd": "secret", "confirm": "secret", "icon": ":/res/head_1.jpg", "sex": 0, "nick": user,
		"varifycode": codeFor(h.t, box, email),
	})
}

// gateway posts as UsChat's client does. The status is always 200.
func (h *house) gateway(path string, body any) map[string]any {
	h.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := h.json(path, string(b))
	if a.status != 200 {
		h.t.Fatalf("%s: status %d: %s", path, a.status, a.body)
	}
	return a.value().(map[string]any)
}

// says posts, and checks the whole answer but for its message.
func (h *house) says(path string, body any, want map[string]any) {
	h.t.Helper()
	got := h.gateway(path, body)
	if got["error"] != 0.0 && got["message"] == nil {
		h.t.Errorf("%s: %v does not say why", path, got)
	}
	delete(got, "message")
	if fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("%s: %v, want %v", path, got, want)
	}
}

func fails(n float64) map[string]any { return map[string]any{"error": n} }

func TestUsChatRegistersAndLogsIn(t *testing.T) {
	h, box := openGateway(t)
	got := h.register(box, "Ann")
	uid, _ := got["uid"].(float64)
	want := map[string]any{"error": 0.0, "uid": uid, "email": "ann@example.com", "user": "Ann", "icon": ":/res/head_1.jpg"}
	if fmt.Sprint(got) != fmt.Sprint(want) || uid < 10_000_000 {
		t.Fatalf("%v, want %v", got, want)
	}
	got = h.gateway("/user_login", map[string]any{"email": "Ann@example.com", "passwd": "secret"})
	token, _ := got["token"].(string)
	want = map[string]any{
		"error": 0.0, "uid": uid, "email": "ann@example.com", "token": token, "chathost": "127.0.0.1", "chatport": "8090",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	// It is everybody's account, and everybody's token.
	h.get("/friendList", "Authorization", "Bearer "+token).says(200, `{"message":"暂无好友"}`)
	if a := h.json("/login", `{"username":"Ann","password":"secret"}`); a.status != 200 {
		t.Errorf("the native door: %d %s", a.status, a.body)
	}
	h.get("/status/assign", "Authorization", "Bearer "+token).says(200,
		`{"error":0,"host":"127.0.0.1","port":"8090","node":"n1","connections":3}`)
}

func TestUsChatSaysWhatIsWrongInItsNumbers(t *testing.T) {
	h, box := openGateway(t)
	h.register(box, "Ann")
	type body = map[string]any
	register := body{"email": "bob@example.com", "user": "Bob", "passwd": "x", "confirm": "x", "icon": "", "varifycode": "123456"}
	with := func(name string, value any) body {
		b := make(body)
		for k, v := range register {
			b[k] = v
		}
		if b[name] = value; value == nil {
			delete(b, name)
		}
		return b
	}
	h.says("/get_varifycode", body{}, fails(1001))
	h.says("/get_varifycode", body{"email": "nobody"}, fails(1001))
	for _, field := range []string{"email", "user", "passwd", "confirm", "varifycode"} {
		h.says("/user_register", with(field, nil), fails(1001))
	}
	h.says("/user_register", with("user", []int{1}), fails(1001))
	h.says("/user_register", with("confirm", "y"), fails(1006))
	h.says("/user_register", register, fails(1003)) // no code was sent
	h.gateway("/get_varifycode", body{"email": "bob@example.com"})
	wrong := otherThan(codeFor(t, box, "bob@example.com"))
	h.says("/user_register", with("varifycode", wrong), fails(1004))
	taken := with("user", "Ann")
	taken["varifycode"] = codeFor(t, box, "bob@example.com")
	h.says("/user_register", taken, fails(1005))
	h.says("/user_register", taken, fails(1003)) // a code is used once

	h.says("/user_login", body{"email": "ann@example.com", "passwd": "wrong"}, fails(1009))
	h.says("/user_login", body{"email": "nobody@example.com", "passwd": "secret"}, fails(1009))
	h.says("/user_login", body{"email": "ann@example.com"}, fails(1001))

	reset := body{"email": "ann@example.com", "user": "Ann", "passwd": "new", "varifycode": "123456"}
	h.says("/reset_pwd", reset, fails(1003))
	h.gateway("/get_varifycode", body{"email": "ann@example.com"})
	reset["varifycode"], reset["user"] = codeFor(t, box, "ann@example.com"), "Bob"
	h.says("/reset_pwd", reset, fails(1007))
	delete(reset, "user")
	h.says("/reset_pwd", reset, fails(1001))

	for _, path := range []string{"/get_varifycode", "/user_register", "/reset_pwd", "/user_login"} {
		for _, text := range []string{"", "{", "null", "[]", "\xff", `{"email":{}}`} {
			a := h.json(path, text)
			if got, _ := a.value().(map[string]any); a.status != 200 || got["error"] != 1001.0 {
				t.Errorf("%s %q: %d %s", path, text, a.status, a.body)
			}
		}
	}
	for _, header := range [][]string{nil, {"Authorization", "Bearer nonsense"}} {
		a := h.get("/status/assign", header...)
		if got, _ := a.value().(map[string]any); a.status != 200 || got["error"] != 1010.0 {
			t.Errorf("/status/assign with %v: %d %s", header, a.status, a.body)
		}
	}
}

func TestUsChatSetsANewPasswordByCode(t *testing.T) {
	h, box := openGateway(t)
	h.register(box, "Ann")
	email := "ann@example.com"
	old := h.gateway("/user_login", map[string]any{"email": email, "passwd": "secret"})["token"].(string)
	h.gateway("/get_varifycode", map[string]any{"email": email})
	h.says("/reset_pwd", map[string]any{"email": email, "user": "Ann", "passwd": "new", "varifycode": codeFor(t, box, email)},
		map[string]any{"error": 0.0, "email": email, "user": "Ann"})
	h.says("/user_login", map[string]any{"email": email, "passwd": "secret"}, fails(1009))
	if got := h.gateway("/user_login", map[string]any{"email": email, "passwd": "new"}); got["error"] != 0.0 {
		t.Errorf("%v", got)
	}
	if a := h.get("/friendList", "Authorization", "Bearer "+old); a.status != 401 {
		t.Errorf("the old token: %d", a.status)
	}
}

func TestACodeIsANumberToSomeClients(t *testing.T) {
	h, box := openGateway(t)
	email := "ann@example.com"
	for tries := 0; ; tries++ { // until it is a number of JSON, which begins with no 0
		h.gateway("/get_varifycode", map[string]any{"email": email})
		if codeFor(t, box, email)[0] != '0' {
			break
		} else if tries == 100 {
			t.Fatal("all codes begin with 0")
		}
	}
	code, err := strconv.Atoi(codeFor(t, box, email))
	if err != nil {
		t.Fatal(err)
	}
	got := h.gateway("/user_register", map[string]any{"email": email, "user": "Ann", "passwd": "x", "confirm": "x", "varifycode": code})
	if got["error"] != 0.0 {
		t.Errorf("%v", got)
	}
}

func TestWhatTheBodyIsCalledDoesNotMatter(t *testing.T) {
	h, _ := openGateway(t)
	for _, kind := range []string{"text/json", "text/plain", "application/x-www-form-urlencoded", ""} {
		a := h.ask("POST", "/user_login", strings.NewReader(`{"email":"ann@example.com","passwd":"x"}`), "Content-Type", kind)
		if got, _ := a.value().(map[string]any); got["error"] != 1009.0 {
			t.Errorf("%q: %s", kind, a.body)
		}
	}
}

func TestAMaskedPasswordIsGoodAtEveryDoor(t *testing.T) {
	h, box := openGateway(t, func(c *routes.Config) { c.Gateway.Masked = true })
	for plain, masked := range map[string]string{
		"secret":      "ucetcr",                   // 6 units, each with 6
		"密码12":        "\u5bc2\u7805\u0035\u0036", // 4 units, each with 4
		"a\U0001f511": "b\U0001f912",              // 3 units: the key is two of them
	} {
		user := fmt.Sprintf("Ann %d", len(plain))
		email := fmt.Sprintf("ann%d@example.com", len(plain))
		h.gateway("/get_varifycode", map[string]any{"email": email})
		got := h.gateway("/user_register", map[string]any{
			"email": email, "user": user, "passwd": masked, "confirm": masked, "varifycode": codeFor(t, box, email),
		})
		if got["error"] != 0.0 {
			t.Fatalf("%q: %v", plain, got)
		}
		body, _ := json.Marshal(map[string]string{"username": user, "password": plain})
		if a := h.json("/login", string(body)); a.status != 200 {
			t.Errorf("%q is not the password: %d %s", plain, a.status, a.body)
		}
		if got := h.gateway("/user_login", map[string]any{"email": email, "passwd": masked}); got["error"] != 0.0 {
			t.Errorf("%q: %v", masked, got)
		}
	}
}

func TestWhereClientsConnect(t *testing.T) {
	for name, test := range map[string]struct {
		gateway    routes.GatewayConfig
		publicURL  string
		host       string // asked
		want, port string
	}{
		"where they asked":         {gateway: routes.GatewayConfig{Port: 8090}, host: "chat.example:3000", want: "chat.example", port: "8090"},
		"by IPv6":                  {gateway: routes.GatewayConfig{Port: 8090}, host: "[::1]:3000", want: "::1", port: "8090"},
		"where the server is said": {gateway: routes.GatewayConfig{Port: 8090}, publicURL: "https://a.example", host: "b", want: "a.example", port: "8090"},
		"where the setting says":   {gateway: routes.GatewayConfig{Host: "tcp.example", Port: 1}, host: "b", want: "tcp.example", port: "1"},
		"without a TCP door":       {host: "chat.example:3000", want: "chat.example", port: "3000"},
		"without one, behind TLS":  {publicURL: "https://a.example", host: "b", want: "a.example", port: "443"},
		"without one, at port 80":  {host: "chat.example", want: "chat.example", port: "80"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, func(c *routes.Config) {
				c.Gateway, c.PublicURL = test.gateway, test.publicURL
				c.Gateway.Connections = func() int { return 0 }
			})
			ann := h.join("Ann")
			got, _ := h.get("/status/assign", append(ann.bearer(), "Host", test.host)...).value().(map[string]any)
			if got["host"] != test.want || got["port"] != test.port {
				t.Errorf("%v", got)
			}
		})
	}
}
