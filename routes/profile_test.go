package routes_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/routes"
)

func TestAnnDescribesHerself(t *testing.T) {
	h := open(t)
	ann, bob := h.join("ann"), h.join("bob")
	own := func(profile string) string {
		return `"userInfo":{"userID":"` + ann.id + `","userName":"ann","number":-1,` + profile + `,"imgUrl":"","email":"*","phoneNum":"*"}}`
	}
	h.get("/profile", ann.bearer()...).says(200,
		`{"err_code":200,"message":"查询成功",`+own(`"nickname":"","description":"","sex":0,"icon":""`))
	h.json("/profile", `{"nickname":"小安","description":"a\nb","sex":"2","icon":":/res/head_1.jpg","userName":"root"}`, ann.bearer()...).says(200,
		`{"err_code":200,"message":"修改成功!",`+own(`"nickname":"小安","description":"a\nb","sex":2,"icon":":/res/head_1.jpg"`))
	h.form("/profile", []string{"nickname", "", "sex", "1"}, ann.bearer()...).says(200,
		`{"err_code":200,"message":"修改成功!",`+own(`"nickname":"","description":"a\nb","sex":1,"icon":":/res/head_1.jpg"`))
	for body, field := range map[string]string{
		`{"sex":3}`: "sex", `{"sex":"x"}`: "sex", `{"sex":1.5}`: "sex", `{"sex":true}`: "sex", `{"nickname":["a"]}`: "nickname",
		`{"description":"` + strings.Repeat("x", 501) + `"}`: "description", `{"icon":"a\u0000"}`: "icon",
	} {
		a := h.json("/profile", body, ann.bearer()...).says(400, `{"err_code":400,"message":"*"}`)
		if m := a.text("message"); !strings.HasPrefix(m, field+": ") {
			t.Errorf("%s: %q does not name %s", body, m, field)
		}
	}
	// Others see all of it but what is hers alone.
	seen := h.get("/profile?userID="+ann.id, bob.bearer()...).says(200, `{"err_code":200,"message":"查询成功","userInfo":{
		"userID":"`+ann.id+`","userName":"ann","number":-1,"nickname":"","description":"a\nb","sex":1,"icon":":/res/head_1.jpg","imgUrl":""}}`)
	if strings.Contains(seen.body, "@") || strings.Contains(seen.body, "phone") {
		t.Errorf("Bob sees %s", seen.body)
	}
	h.get("/profile?userID="+strings.Repeat("0", 24), bob.bearer()...).says(404, `{"err_code":404,"message":"*"}`)
	h.get("/profile?userID="+url.QueryEscape("no id"), bob.bearer()...).says(404, `{"err_code":404,"message":"*"}`)
	h.get("/profile").says(401, `{"err_code":401,"message":"Token失效"}`)
	h.json("/profile", `{"nickname":"x"}`).says(401, `{"err_code":401,"message":"Token失效"}`)
}

func TestAnnLeaves(t *testing.T) {
	h := open(t)
	ann, bob := h.join("ann"), h.join("bob")
	h.json("/deleteAccount", `{}`, ann.bearer()...).says(400, `{"err_code":400,"message":"password: missing"}`)
	h.json("/deleteAccount", `{"password":"guess"}`, ann.bearer()...).says(403, `{"err_code":403,"message":"password: wrong"}`)
	h.json("/deleteAccount", `{"password":"ann's password"}`).says(401, `{"err_code":401,"message":"Token失效"}`)
	h.json("/deleteAccount", `{"password":"ann's password"}`, ann.bearer()...).says(200, `{"err_code":200,"message":"账号已注销!"}`)

	h.get("/profile", ann.bearer()...).says(401, `{"err_code":401,"message":"Token失效"}`)
	h.json("/login", `{"username":"ann","password":"ann's password"}`).says(407, `{"err_code":407,"message":"密码或账号错误"}`)
	h.get("/serach/user?num=ann", bob.bearer()...).says(200, `{"message":"没有找到对应用户"}`)
	h.get("/profile?userID="+ann.id, bob.bearer()...).says(200,
		`{"err_code":200,"message":"查询成功","userInfo":{"userID":"`+ann.id+`","deleted":true}}`)
	if again := h.join("ann"); again.id == ann.id {
		t.Error("another Ann has her id")
	}
}

func TestBobIsFoundByNumber(t *testing.T) {
	h := open(t)
	ann, bob := h.join("ann"), h.join("bob")
	a, err := h.accounts.Account(t.Context(), chat.UserID(bob.id))
	if err != nil {
		t.Fatal(err)
	}
	number := strconv.FormatUint(a.Number, 10)
	h.get("/search/user?num="+number, ann.bearer()...).says(200,
		`{"message":"查询成功","userInfo":{"userName":"bob","userID":"`+bob.id+`","userImg":"","number":`+number+`}}`)
}

func TestSearchesArePaced(t *testing.T) {
	h := open(t, func(c *routes.Config) {
		c.Accounts.Limits.SearchByUser = limit.New(2, time.Hour, c.Accounts.Now)
		c.Accounts.Limits.ProfileByUser = limit.New(1, time.Hour, c.Accounts.Now)
	})
	ann, bob := h.join("ann"), h.join("bob")
	for range 2 {
		h.get("/search/user?num=13800000000", ann.bearer()...).says(200, `{"message":"没有找到对应用户"}`)
	}
	h.get("/search/user?num=bob", ann.bearer()...).says(429, `{"err_code":429,"message":"*","retryAfter":-1}`)
	h.get("/search/user?num=ann", bob.bearer()...).says(200, `{"message":"查询成功","userInfo":{"userName":"ann","userID":"*","userImg":"","number":-1}}`)
	if got := h.get("/profile?userID="+bob.id, ann.bearer()...).status; got != http.StatusOK {
		t.Errorf("the first look: %d", got)
	}
	h.get("/profile?userID="+bob.id, ann.bearer()...).says(429, `{"err_code":429,"message":"*","retryAfter":-1}`)
}
