package routes_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/auth"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/routes"
)

// mailbox is where letters arrive at once.
type mailbox struct {
	mu      sync.Mutex // guards letters
	letters map[string]chat.Letter
}

func (m *mailbox) Mail(to string, _ time.Time, write func(context.Context) (chat.Letter, error)) {
	l, err := write(context.Background())
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters[to] = l
}

// letter takes the last letter for an address out of the box.
func (m *mailbox) letter(to string) chat.Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.letters[to]
	delete(m.letters, to)
	return l
}

// openWithMail opens the door with codes that go to a mailbox.
func openWithMail(t *testing.T, change ...func(*routes.Config)) (*house, *mailbox) {
	t.Helper()
	maker, err := auth.NewCodes([]byte("a secret of the tests alone"))
	if err != nil {
		t.Fatal(err)
	}
	m := &mailbox{letters: make(map[string]chat.Letter)}
	codes := func(c *routes.Config) {
		engine := c.Accounts.Store.(chat.Store)
		c.Codes = &chat.Codes{
			Store: engine, Accounts: engine, Maker: maker, Mailer: m, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Limits: chat.CodeLimits{SendBySource: limit.None{}, TakeByEmail: limit.None{}, TakeBySource: limit.None{}},
		}
		c.Accounts.Codes = c.Codes
	}
	return open(t, append([]func(*routes.Config){codes}, change...)...), m
}

const sent = `{"err_code":200,"message":"验证码已发送"}`

// otherThan is a code that is wrong.
func otherThan(code string) string {
	if code == "000000" {
		return "111111"
	}
	return "000000"
}

func TestAnnResetsHerPassword(t *testing.T) {
	h, mail := openWithMail(t)
	h.json("/toregister", `{"username":"ann","password":"old","email":"Ann@example.com","phoneNum":"1001"}`)
	token := h.json("/login", `{"username":"ann","password":"old"}`).text("token")

	h.json("/sendCode", `{"email":"ann@example.com","purpose":"reset"}`).says(200, sent)
	l := mail.letter("ann@example.com")
	if l.Kind != chat.LetterCode || len(l.Code) != 6 {
		t.Fatalf("she reads %+v", l)
	}
	reset := func(code, password string) answer {
		return h.json("/resetPassword", fmt.Sprintf(`{"email":"ANN@example.com","code":"%s","password":"%s"}`, code, password))
	}
	reset(otherThan(l.Code), "new").says(403, `{"err_code":403,"message":"code: wrong"}`)
	reset("", "new").says(400, `{"err_code":400,"message":"code: missing"}`)
	reset(l.Code, strings.Repeat("x", 73)).says(400, `{"err_code":400,"message":"*"}`)
	reset(l.Code, "new").says(200, `{"err_code":200,"message":"密码重置成功!"}`)
	reset(l.Code, "newer").says(410, `{"err_code":410,"message":"code: expired, or never sent: ask for a new one"}`)
	h.get("/friendList", "Authorization", "Bearer "+token).says(401, `{"err_code":401,"message":"Token失效"}`)
	h.json("/login", `{"username":"ann","password":"old"}`).says(407, `{"err_code":407,"message":"密码或账号错误"}`)
	if a := h.json("/login", `{"username":"ann","password":"new"}`); a.status != 200 {
		t.Errorf("her new password: %s", a.body)
	}
}

func TestAnnChangesHerEmail(t *testing.T) {
	h, mail := openWithMail(t)
	ann, bob := h.join("ann"), h.join("bob")
	change := func(p person, email, code, password string) answer {
		return h.json("/changeEmail", fmt.Sprintf(`{"email":"%s","code":"%s","password":"%s"}`, email, code, password), p.bearer()...)
	}
	h.form("/sendCode", []string{"email", "new@example.com", "purpose", "email"}).says(200, sent)
	code := mail.letter("new@example.com").Code
	h.json("/changeEmail", `{"email":"new@example.com","code":"123456","password":"x"}`).says(401, `{"err_code":401,"message":"Token失效"}`)
	change(ann, "new@example.com", code, "a guess").says(403, `{"err_code":403,"message":"password: wrong"}`)
	change(ann, "new@example.com", otherThan(code), "ann's password").says(403, `{"err_code":403,"message":"code: wrong"}`)
	change(ann, "newer@example.com", code, "ann's password").says(410, `{"err_code":410,"message":"*"}`)
	change(ann, "new@example.com", code, "ann's password").says(200, `{"err_code":200,"message":"邮箱修改成功!"}`)
	stored, err := h.accounts.Account(t.Context(), chat.UserID(ann.id))
	if err != nil || stored.Email != "new@example.com" {
		t.Errorf("stored is %q, %v", stored.Email, err)
	}

	// Two codes for one new address: whoever is first has it.
	h.json("/sendCode", `{"email":"free@example.com","purpose":"email"}`).says(200, sent)
	first := mail.letter("free@example.com").Code
	change(bob, "free@example.com", first, "bob's password").says(200, `{"err_code":200,"message":"邮箱修改成功!"}`)
	h.json("/sendCode", `{"email":"free@example.com","purpose":"email"}`).says(200, sent)
	if l := mail.letter("free@example.com"); l.Kind != chat.LetterTaken || l.Code != "" {
		t.Errorf("Bob reads %+v", l)
	}
}

func TestRegisteringWhereACodeIsDemanded(t *testing.T) {
	h, mail := openWithMail(t, func(c *routes.Config) { c.Accounts.DemandCode = true })
	form := []string{"username", "ann", "password", "pw", "email", "ann@example.com", "phoneNum", "1001"}
	h.form("/toregister", form).says(403, `{"err_code":403,"message":"code: wrong"}`)
	h.json("/sendCode", `{"email":"ann@example.com","purpose":"register"}`).says(200, sent)
	code := mail.letter("ann@example.com").Code
	h.form("/toregister", append(form, "code", otherThan(code))).says(403, `{"err_code":403,"message":"code: wrong"}`)
	if a := h.form("/toregister", append(form, "code", code)); a.status != 200 {
		t.Fatalf("with the code: %s", a.body)
	}
	// Who has no code does not learn that Ann is here.
	h.form("/toregister", append(form, "code", code)).says(410, `{"err_code":410,"message":"*"}`)
}

// Whoever asks for a code hears the same, whether or not somebody has the address; and a purpose is one of three.
func TestAskingForACodeTellsNothing(t *testing.T) {
	h, _ := openWithMail(t)
	h.json("/toregister", `{"username":"ann","password":"old","email":"ann@example.com","phoneNum":"1001"}`)
	for _, purpose := range []string{"register", "reset", "email"} {
		for _, email := range []string{"ann@example.com", "nobody@example.com"} {
			h.json("/sendCode", fmt.Sprintf(`{"email":"%s","purpose":"%s"}`, email, purpose)).says(200, sent)
		}
	}
	for body, want := range map[string]string{
		`{"email":"ann@example.com"}`:                                           "purpose: missing",
		`{"purpose":"reset"}`:                                                   "email: missing",
		`{"email":"ann@example.com","purpose":"admin"}`:                         "purpose: register, reset or email",
		`{"email":"ann@example.com\r\nBcc: bob@example.com","purpose":"reset"}`: "email: not an address",
	} {
		h.json("/sendCode", body).says(400, `{"err_code":400,"message":"`+want+`"}`)
	}
}

func TestCodesAreCountedBySource(t *testing.T) {
	h, _ := openWithMail(t, func(c *routes.Config) { c.Codes.Limits.SendBySource = limit.New(1, time.Hour, time.Now) })
	h.json("/sendCode", `{"email":"ann@example.com","purpose":"reset"}`).says(200, sent)
	a := h.json("/sendCode", `{"email":"bob@example.com","purpose":"reset"}`)
	if a.status != 429 || a.header.Get("Retry-After") != "3600" {
		t.Errorf("%d, %v: %s", a.status, a.header, a.body)
	}
}

func TestTheLetterIsInHerLanguage(t *testing.T) {
	h, mail := openWithMail(t)
	for accept, want := range map[string]string{
		"":                                 "en",
		"zh":                               "zh",
		"zh-CN,zh;q=0.9,en;q=0.8":          "zh",
		"zh-Hant-TW":                       "zh",
		"en-US,en;q=0.9,zh;q=0.8":          "en",
		"en;q=0.1, zh;q=0.9":               "zh",
		"fr-FR, zh;q=0.5":                  "zh",
		"fr, de":                           "en",
		"*":                                "en",
		"zhuyin":                           "en",
		";;;=,,":                           "en",
		strings.Repeat("x-y-", 10_000):     "en",
		"zh," + strings.Repeat("de,", 120): "en", // too long to be read
	} {
		h.json("/sendCode", `{"email":"ann@example.com","purpose":"register"}`, "Accept-Language", accept).says(200, sent)
		if got := mail.letter("ann@example.com").Language; got != want {
			t.Errorf("Accept-Language %.40q: a letter in %q, not %q", accept, got, want)
		}
	}
}
