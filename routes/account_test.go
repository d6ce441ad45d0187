package routes_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/routes"
)

func TestAnnRegistersAndLogsIn(t *testing.T) {
	h := open(t)
	a := h.json("/toregister", `{"username":"安","password":"pw","email":"Ann@example.com","phoneNum":"13800000001"}`)
	a.says(200, `{"err_code":200,"message":"注册成功!","token":"*","userInfo":{"username":"安","imgUrl":"","userId":"*","uid":"*","number":-1}}`)
	id := a.text("userInfo", "uid")
	if !chat.UserID(id).Valid() || id != a.text("userInfo", "userId") {
		t.Errorf("uid %q, userId %q: want the same id", id, a.text("userInfo", "userId"))
	}
	h.get("/friendList", "Authorization", "Bearer "+a.text("token")).says(200, `{"message":"暂无好友"}`)

	for name, b := range map[string]answer{
		"JSON":       h.json("/login", `{"username":"安","password":"pw"}`),
		"urlencoded": h.form("/login", []string{"username", "安", "password", "pw"}),
	} {
		b.says(200, `{"err_code":200,"message":"账号登录成功!","token":"*","userInfo":{"username":"安","imgUrl":"","userId":"`+id+`","uid":"`+id+`","number":-1}}`)
		if got := h.get("/friendList", "Authorization", "Bearer "+b.text("token")).status; got != 200 {
			t.Errorf("%s: her token is answered with %d", name, got)
		}
	}
}

func TestBobRegistersByForm(t *testing.T) {
	h := open(t)
	bob := []string{"username", "bob & co", "password", "p=w+d%", "email", "bob@example.com", "phoneNum", "+86 138", "color", "red"}
	h.form("/toregister", bob).says(200,
		`{"err_code":200,"message":"注册成功!","token":"*","userInfo":{"username":"bob & co","imgUrl":"","userId":"*","uid":"*","number":-1}}`)
	if got := h.json("/login", `{"username":"bob & co","password":"p=w+d%"}`).status; got != 200 {
		t.Errorf("login: %d", got)
	}
}

func TestPhoneGivenAsNumber(t *testing.T) {
	h := open(t)
	ann := h.json("/toregister", `{"username":"ann","password":12345678901234567890,"email":"a@example.com","phoneNum":13800000001}`)
	if ann.status != 200 {
		t.Fatal(ann.body)
	}
	if got := h.json("/login", `{"username":"ann","password":"12345678901234567890"}`).status; got != 200 {
		t.Errorf("the digits must come as they were sent: %d", got)
	}
	h.get("/serach/user?num=13800000001", "Authorization", "Bearer "+ann.text("token")).says(200,
		`{"message":"查询成功","userInfo":{"userName":"ann","userID":"*","userImg":"","number":-1}}`)
}

func TestTakenAtRegistration(t *testing.T) {
	h := open(t)
	h.form("/toregister", []string{"username", "ann", "password", "1", "email", "ann@example.com", "phoneNum", "1111"})
	for what, pairs := range map[string][]string{
		"username": {"username", "ann", "email", "carl@example.com", "phoneNum", "2222"},
		"email":    {"username", "carl", "email", "ANN@example.com", "phoneNum", "2222"},
		"phone":    {"username", "carl", "email", "carl@example.com", "phoneNum", "1111"},
	} {
		t.Run(what, func(t *testing.T) {
			a := h.form("/toregister", append(pairs, "password", "2"))
			a.t = t
			a.says(402, `{"err_code":402,"message":"已存在相同账号"}`)
		})
	}
}

func TestRegistrationNamesTheWrongField(t *testing.T) {
	h := open(t)
	for _, c := range []struct{ body, names string }{
		{`{}`, "username"},
		{`{"username":null}`, "username"},
		{`{"username":""}`, "username"},
		{`{"username":{"$ne":null}}`, "username"},
		{`{"username":["ann"]}`, "username"},
		{`{"username":true}`, "username"},
		{`{"username":"ann"}`, "password"},
		{`{"username":"ann","password":"1","phoneNum":1111}`, "email"},
		{`{"username":"ann","password":"1","email":"ann@example.com"}`, "phoneNum"},
		{`{"username":"ann","password":"1","email":"ann@example.com","phoneNum":{}}`, "phoneNum"},
		{`{"username":"ann","password":"1","email":"nobody","phoneNum":"1111"}`, "email"},
		{`{"username":"ann","password":"1","email":"ann@example.com","phoneNum":"call me"}`, "phoneNum"},
		{`{"username":"a\nb","password":"1","email":"ann@example.com","phoneNum":"1111"}`, "username"},
		{`{"username":"` + strings.Repeat("a", 65) + `","password":"1","email":"ann@example.com","phoneNum":"1111"}`, "username"},
		{`{"username":"ann","password":"` + strings.Repeat("p", 73) + `","email":"ann@example.com","phoneNum":"1111"}`, "password"},
	} {
		a := h.json("/toregister", c.body).says(400, `{"err_code":400,"message":"*"}`)
		if m := a.text("message"); !strings.HasPrefix(m, c.names+": ") {
			t.Errorf("%s: %q does not name %s", c.body, m, c.names)
		}
	}
}

func TestWrongLoginSaysNothing(t *testing.T) {
	h := open(t)
	h.join("ann")
	for _, body := range []string{
		`{"username":"ann","password":"guess"}`,
		`{"username":"nobody","password":"guess"}`,
		`{"username":"ann","password":"` + strings.Repeat("x", 1000) + `"}`,
	} {
		h.json("/login", body).says(407, `{"err_code":407,"message":"密码或账号错误"}`)
	}
}

func TestUserOfTheNodeServerLogsIn(t *testing.T) {
	h := open(t)
	dora := chat.Account{
		ID: "5e7d0000000000000000d04a", Username: "dora", Email: "dora@example.com", Phone: "3333",
		Password: "14e1b600b1fd579f47433b88e8d85291", // md5(md5("123456"))
		Picture:  "http://192.168.0.108:3000/mongo/img/1.jpg",
	}
	if err := h.accounts.CreateAccount(context.Background(), dora); err != nil {
		t.Fatal(err)
	}
	h.form("/login", []string{"username", "dora", "password", "123456"}).says(200, `{"err_code":200,"message":"账号登录成功!",
		"token":"*","userInfo":{"username":"dora","imgUrl":"http://192.168.0.108:3000/mongo/img/1.jpg",
		"userId":"5e7d0000000000000000d04a","uid":"5e7d0000000000000000d04a","number":-1}}`)
}

func TestAnnChangesHerPassword(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	h.json("/changePassword", `{"password":"guess","newPassword":"new"}`, ann.bearer()...).
		says(403, `{"err_code":403,"message":"password: wrong"}`)
	h.json("/changePassword", `{"password":"ann's password"}`, ann.bearer()...).
		says(400, `{"err_code":400,"message":"newPassword: missing"}`)
	a := h.json("/changePassword", `{"password":"ann's password","newPassword":"new"}`, ann.bearer()...).
		says(200, `{"err_code":200,"message":"密码修改成功!","token":"*"}`)

	h.get("/friendList", ann.bearer()...).says(401, `{"err_code":401,"message":"Token失效"}`)
	h.get("/friendList", "Authorization", "Bearer "+a.text("token")).says(200, `{"message":"暂无好友"}`)
	if got := h.json("/login", `{"username":"ann","password":"new"}`).status; got != 200 {
		t.Errorf("login with the new password: %d", got)
	}
}

func TestBobSearches(t *testing.T) {
	h := open(t)
	bob, carl := h.join("bob"), h.join("卡尔 & co")
	found := `{"message":"查询成功","userInfo":{"userName":"卡尔 & co","userID":"` + carl.id + `","userImg":"","number":-1}}`
	none := `{"message":"没有找到对应用户"}`
	a, err := h.accounts.Account(context.Background(), chat.UserID(carl.id))
	if err != nil {
		t.Fatal(err)
	}
	name, phone := url.QueryEscape(a.Username), url.QueryEscape(a.Phone)
	for query, want := range map[string]string{
		"num=" + name:                      found,
		"num=" + phone:                     found,
		"username=" + name:                 found,
		"phoneNum=" + phone:                found,
		"num=&username=" + name:            found,
		"num=nobody":                       none,
		"num=":                             none,
		"num=%ff%fe":                       none,
		"num=" + strings.Repeat("9", 5000): none,
		"num=" + url.QueryEscape(a.Email):  none,
	} {
		for _, path := range []string{"/serach/user", "/search/user", "/Serach/User/"} {
			h.get(path+"?"+query, bob.bearer()...).says(200, want)
		}
	}
	h.get("/serach/user", bob.bearer()...).says(400, `{"err_code":400,"message":"num: missing"}`)
	h.get("/serach/user?num[$ne]=1", bob.bearer()...).says(400, `{"err_code":400,"message":"num: missing"}`)
}

func TestTokenIsNeeded(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	for _, knock := range []struct{ method, path string }{
		{"GET", "/serach/user?num=ann"}, {"GET", "/search/user?num=ann"}, {"POST", "/updateImg"}, {"POST", "/Addfriends"},
		{"GET", "/friendList"}, {"GET", "/FRIENDLIST/"}, {"POST", "/changePassword"},
	} {
		for _, header := range []string{
			"", "Bearer", "Bearer ", ann.token, "Basic " + ann.token, "Bearer " + ann.token + "x", "Bearer x.y.z",
			"Bearer " + strings.Repeat("a", 100_000), "Bearer " + ann.token + " " + ann.token,
		} {
			a := h.ask(knock.method, knock.path, nil, "Authorization", header).says(401, `{"err_code":401,"message":"Token失效"}`)
			if got := a.header.Get("WWW-Authenticate"); got != "Bearer" {
				t.Errorf("WWW-Authenticate %q", got)
			}
		}
	}
	for _, scheme := range []string{"Bearer", "bearer", "BEARER", "Bearer "} {
		h.get("/friendList", "Authorization", scheme+" "+ann.token).says(200, `{"message":"暂无好友"}`)
	}
	// What needs no token is not troubled by a bad one.
	if got := h.json("/login", `{"username":"ann","password":"ann's password"}`, "Authorization", "Bearer old").status; got != 200 {
		t.Errorf("login with an old token: %d", got)
	}
}

func TestPacedDoors(t *testing.T) {
	now := time.Unix(1_600_000_000, 0)
	slow := func() *limit.Keyed {
		return limit.New(2, 1500*time.Millisecond, func() time.Time { return now })
	}
	h := open(t, func(c *routes.Config) {
		c.Accounts.Limits.LoginByAccount, c.Accounts.Limits.RegisterByAddress = slow(), slow()
	})
	for _, door := range []struct{ path, body string }{
		{"/login", `{"username":"ann","password":"guess"}`},
		{"/toregister", `{"username":"ann","password":"1","email":"ann@example.com","phoneNum":"1111"}`},
	} {
		h.json(door.path, door.body)
		h.json(door.path, door.body)
		a := h.json(door.path, door.body).says(429, `{"err_code":429,"message":"*","retryAfter":2}`)
		if got := a.header.Get("Retry-After"); got != "2" { // 1.5 s, rounded up
			t.Errorf("%s: Retry-After %q", door.path, got)
		}
	}
}

func TestAddressThatIsPaced(t *testing.T) {
	var keys []string
	proxied := func(c *routes.Config) {
		c.Accounts.Limits.LoginByAddress = spy(func(key string) { keys = append(keys, key) })
	}
	for _, c := range []struct {
		name, forwarded, want string
		trusted               []string
	}{
		{"direct", "", "127.0.0.1", nil},
		{"nobody is trusted", "9.9.9.9", "127.0.0.1", nil},
		{"another is trusted", "9.9.9.9", "127.0.0.1", []string{"10.0.0.0/8", "::1/128"}},
		{"the proxy is trusted", "9.9.9.9", "9.9.9.9", []string{"127.0.0.0/8"}},
		{"the client lied to the proxy", "1.1.1.1, 9.9.9.9", "9.9.9.9", []string{"127.0.0.1/32"}},
		{"two proxies", "9.9.9.9, 10.1.2.3", "9.9.9.9", []string{"127.0.0.1/32", "10.0.0.0/8"}},
		{"IPv6 counts by its /64", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", []string{"127.0.0.1/32"}},
		{"IPv4 in IPv6", "::ffff:9.9.9.9", "9.9.9.9", []string{"127.0.0.1/32"}},
		{"no address", "unknown", "127.0.0.1", []string{"127.0.0.1/32"}},
	} {
		keys = nil
		h := open(t, proxied, trust(c.trusted...))
		header := []string{}
		if c.forwarded != "" {
			header = []string{"X-Forwarded-For", c.forwarded, "X-Real-IP", "8.8.8.8"}
		}
		h.json("/login", `{"username":"ann","password":"guess"}`, header...)
		if len(keys) != 1 || keys[0] != c.want {
			t.Errorf("%s: paced %q, want %q", c.name, keys, c.want)
		}
	}
}

func TestEngineIsAway(t *testing.T) {
	h := open(t)
	ann := h.join("ann")
	h.config.Accounts.Store = away{h.accounts}
	h.get("/friendList", ann.bearer()...).says(http.StatusServiceUnavailable,
		`{"err_code":503,"message":"the engine does not answer","retryAfter":3}`)
	lines := h.log.lines("ERROR")
	if len(lines) != 1 || !strings.Contains(lines[0], "disk on fire") || !strings.Contains(lines[0], `"path":"/friendList"`) {
		t.Errorf("log: %q, want one line with the cause", lines)
	}
}
