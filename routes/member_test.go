package routes_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/routes"
)

const memberRegistered = `{"data":true,"code":200,"msg":"註冊成功"}`

// Ann registers as clients of the room chat do. Her account is the same at the native door.
func TestMemberOfTheRoomChat(t *testing.T) {
	h := open(t)
	h.json("/account/register", `{"account":"ann","password":"pw","email":"Ann@example.com","username":"小安"}`).says(202, memberRegistered)
	h.json("/account/login", `{"account":"ann","password":"pw"}`).says(200, `{"token":"*"}`)
	token := h.json("/Account/Login/", `{"account":"ann","password":"pw"}`).text("token")
	profile := h.json("/account/member/profile", ``, "Authorization", "Bearer "+token)
	profile.says(200, `{"code":200,"data":{"account":"ann","username":"小安","id":"*"},"msg":"登入成功"}`)
	native := h.json("/login", `{"username":"ann","password":"pw"}`)
	if id := native.text("userInfo", "userId"); id == "" || id != profile.text("data", "id") {
		t.Errorf("Ann is %q here and %q there", profile.text("data", "id"), id)
	}
	h.get("/friendList", "Authorization", "Bearer "+token).says(200, `{"message":"暂无好友"}`)

	h.json("/toregister", `{"username":"bob","password":"pw","email":"bob@example.com","phoneNum":"13800000001"}`)
	token = h.json("/account/login", `{"account":"bob","password":"pw"}`).text("token")
	h.json("/account/member/profile", ``, "Authorization", "Bearer "+token).says(200,
		`{"code":200,"data":{"account":"bob","username":"bob","id":"*"},"msg":"登入成功"}`)
}

func TestMemberIsRefusedInTheRoomChatsWords(t *testing.T) {
	h := open(t)
	h.json("/account/register", `{"account":"ann","password":"pw","email":"ann@example.com","username":"Ann"}`).says(202, memberRegistered)
	for _, body := range []string{
		`{"account":"ann","password":"pw","email":"other@example.com","username":"Ann"}`,
		`{"account":"other","password":"pw","email":"ANN@example.com","username":"Ann"}`,
		`{"account":"carl","password":"pw","email":"carl@example.com"}`,
		`{"account":"carl","password":"pw","email":"carl","username":"Carl"}`,
		`{}`, `[]`, `{`,
	} {
		h.json("/account/register", body).says(400, `{"data":false,"code":400,"msg":"*"}`)
	}
	h.json("/account/login", `{"account":"carl","password":"pw"}`).says(400, `{"data":false,"code":400,"msg":"查無帳號"}`)
	h.json("/account/login", `{"account":"ann","password":"wp"}`).says(401, `{"data":false,"code":401,"msg":"Unauthorized"}`)
	h.json("/account/login", `{"account":"ann"}`).says(400, `{"data":false,"code":400,"msg":"password: missing"}`)
	for _, header := range []string{"", "Bearer", "Bearer x", "Basic x"} {
		h.json("/account/member/profile", `{}`, "Authorization", header).says(401, `{"error":"*"}`)
	}
}

// Whether an account exists this door tells in words, but it takes the same work to find out, and is paced alike.
func TestMemberGuessesArePaced(t *testing.T) {
	passwords := &countedPasswords{}
	h := open(t, func(cfg *routes.Config) {
		passwords.Passwords = cfg.Accounts.Passwords
		cfg.Accounts.Passwords = passwords
		cfg.Accounts.Limits.LoginByAccount = limit.New(3, time.Hour, time.Now)
		cfg.Accounts.Limits.RegisterByAddress = limit.New(2, time.Hour, time.Now)
	})
	register := func(name string) answer {
		return h.json("/account/register", fmt.Sprintf(`{"account":"%s","password":"pw","email":"%[1]s@example.com","username":"x"}`, name))
	}
	register("ann").says(202, memberRegistered)
	register("bob").says(202, memberRegistered)
	register("carl").says(429, `{"data":false,"code":429,"msg":"*","retryAfter":3600}`)
	for account, status := range map[string]int{"ann": http.StatusUnauthorized, "nobody": http.StatusBadRequest} {
		for try := range 5 {
			before := passwords.verified.Load()
			a := h.json("/account/login", fmt.Sprintf(`{"account":"%s","password":"guess %d"}`, account, try))
			done := passwords.verified.Load() - before
			switch {
			case try < 3 && (a.status != status || done != 1):
				t.Errorf("%s, guess %d: %d after %d comparisons", account, try, a.status, done)
			case try >= 3 && (a.status != http.StatusTooManyRequests || done != 0 || a.header.Get("Retry-After") == ""):
				t.Errorf("%s, guess %d: %d after %d comparisons", account, try, a.status, done)
			}
		}
	}
}

// countedPasswords counts what a login costs most.
type countedPasswords struct {
	chat.Passwords
	verified atomic.Int64
}

func (p *countedPasswords) Verify(hash, password string) (ok, stale bool) {
	p.verified.Add(1)
	return p.Passwords.Verify(hash, password)
}

// The plain WebSocket's door is told whom the path names, however that is spelled.
func TestPlainDoorIsToldTheSender(t *testing.T) {
	h := open(t, func(cfg *routes.Config) {
		cfg.Plain = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%q", r.PathValue("Sender")) })
		cfg.Origins = []string{"https://chat.example"}
	})
	for path, want := range map[string]string{
		"/ws/ann": "ann", "/WS/Ann": "Ann", "/ws/ann/": "ann", "/ws/%E5%AE%89?token=x": "安", "/ws/a%2Fb%20c": "a/b c", "/ws/a%3Fb": "a?b", "/ws/a/b": "a/b",
	} {
		if a := h.get(path); a.status != 200 || a.body != fmt.Sprintf("%q", want) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/ws", "/ws/"} {
		if a := h.get(path); a.status != 404 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := h.json("/ws/ann", `{}`); a.status != 405 {
		t.Errorf("posted: %d", a.status)
	}
	if a := h.get("/ws/ann", "Origin", "https://evil.example"); a.status != 403 {
		t.Errorf("from a page that may not: %d", a.status)
	}
	if a := h.get("/ws/ann", "Origin", "https://chat.example"); a.status != 200 {
		t.Errorf("from a page that may: %d", a.status)
	}
}
