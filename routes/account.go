package routes

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
)

// accountDoor is who someone is.
type accountDoor struct {
	accounts *chat.Accounts
	pictures pictureDoor
}

func (d accountDoor) routes() []route {
	taken := codeRefusals()
	taken[chat.Conflict] = refusal{http.StatusPaymentRequired, "已存在相同账号"}
	wrong := map[chat.Code]refusal{chat.Unauthenticated: {http.StatusProxyAuthRequired, "密码或账号错误"}}
	return []route{
		{method: http.MethodPost, path: "/toregister", who: anyone, handle: d.register, refusals: taken},
		{method: http.MethodPost, path: "/login", who: anyone, handle: d.login, refusals: wrong},
		{method: http.MethodPost, path: "/changePassword", who: member, handle: d.changePassword},
		{method: http.MethodGet, path: "/serach/user", who: member, handle: d.search}, // as the Node server spells it
		{method: http.MethodGet, path: "/search/user", who: member, handle: d.search},
	}
}

// sessionReply is the start of a session.
type sessionReply struct {
	ErrCode  int      `json:"err_code"`
	Message  string   `json:"message"`
	Token    string   `json:"token"`
	UserInfo userInfo `json:"userInfo"`
}

// userInfo is a user as she sees herself. The Node server names her id uid at registration and userId at login.
type userInfo struct {
	Username string      `json:"username"`
	ImgURL   string      `json:"imgUrl"`
	UserID   chat.UserID `json:"userId"`
	UID      chat.UserID `json:"uid"`
	Number   uint64      `json:"number"`
}

// person is a user as others see her.
type person struct {
	UserID   chat.UserID `json:"userID"`
	UserName string      `json:"userName"`
	UserImg  string      `json:"userImg"`
}

func (d accountDoor) register(c echo.Context, _ chat.Account) (any, error) {
	q := chat.Registration{Address: limit.Address(c.RealIP())}
	err := readFields(c, []field{{"username", &q.Username}, {"password", &q.Password}, {"email", &q.Email},
		{"phoneNum", &q.Phone}}, field{"code", &q.Code})
	if err != nil {
		return nil, err
	}
	a, token, err := d.accounts.Register(c.Request().Context(), q)
	return d.session(c, "注册成功!", a, token, err)
}

func (d accountDoor) login(c echo.Context, _ chat.Account) (any, error) {
	var username, password string
	if err := readBody(c, field{"username", &username}, field{"password", &password}); err != nil {
		return nil, err
	}
	a, token, err := d.accounts.Login(c.Request().Context(), username, password, limit.Address(c.RealIP()))
	return d.session(c, "账号登录成功!", a, token, err)
}

// session answers what has come of a login or registration.
func (d accountDoor) session(c echo.Context, message string, a chat.Account, token string, err error) (any, error) {
	if err == nil {
		a, err = d.accounts.WithNumber(c.Request().Context(), a)
	}
	if err != nil {
		return nil, err
	}
	return sessionReply{http.StatusOK, message, token, userInfo{a.Username, d.pictures.url(c, a.Picture), a.ID, a.ID, a.Number}}, nil
}

// passwordReply carries the token that replaces all others of the user.
type passwordReply struct {
	ErrCode int    `json:"err_code"`
	Message string `json:"message"`
	Token   string `json:"token"`
}

func (d accountDoor) changePassword(c echo.Context, me chat.Account) (any, error) {
	var old, new string
	if err := readBody(c, field{"password", &old}, field{"newPassword", &new}); err != nil {
		return nil, err
	}
	token, err := d.accounts.ChangePassword(c.Request().Context(), me.ID, old, new)
	return passwordReply{http.StatusOK, "密码修改成功!", token}, err
}

// searchReply has no userInfo when nobody was found.
type searchReply struct {
	Message  string     `json:"message"`
	UserInfo *foundInfo `json:"userInfo,omitempty"`
}

// foundInfo is a user as a stranger finds her.
type foundInfo struct {
	person
	Number uint64 `json:"number"`
}

func (d accountDoor) search(c echo.Context, me chat.Account) (any, error) {
	q := c.QueryParams()
	if !q.Has("num") && !q.Has("username") && !q.Has("phoneNum") {
		return nil, chat.Errorf(chat.Invalid, "num: missing")
	}
	wanted := cmp.Or(q.Get("num"), q.Get("username"), q.Get("phoneNum"))
	a, err := d.accounts.Search(c.Request().Context(), me.ID, strings.ToValidUTF8(wanted, "\ufffd"))
	switch chat.CodeOf(err) {
	case "":
		return searchReply{"查询成功", &foundInfo{d.pictures.person(c, a), a.Number}}, nil
	case chat.NotFound:
		return searchReply{"没有找到对应用户", nil}, nil
	default:
		return nil, err
	}
}
