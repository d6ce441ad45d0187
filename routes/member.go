package routes

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
)

// memberDoor is who someone is to the room chat (wire contract, section 3). Its account is a username, its username a
// nickname.
type memberDoor struct {
	accounts *chat.Accounts
}

func (d memberDoor) routes() []route {
	return []route{
		{method: http.MethodPost, path: "/account/register", who: anyone, handle: d.register, failure: memberRefused(http.StatusBadRequest)},
		{method: http.MethodPost, path: "/account/login", who: anyone, handle: d.login, failure: memberRefused(0)},
		{method: http.MethodPost, path: "/account/member/profile", who: member, handle: d.profile, failure: memberFailed},
	}
}

// memberAnswer is what the room chat says of most things.
type memberAnswer struct {
	Data       bool   `json:"data"`
	Code       int    `json:"code"`
	Msg        string `json:"msg"`
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds
}

// memberRefused is the form of a refusal; most is the one status that requests are refused with, 0 for the usual ones. A
// failure of ours keeps its own, and so does a limit.
func memberRefused(most int) failure {
	return func(how refusal, e *chat.Error) (int, any) {
		status := how.status
		if most != 0 && status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
			status = most
		}
		return status, memberAnswer{Code: status, Msg: how.message, RetryAfter: retryAfter(e)}
	}
}

// memberFailed is the form of a refusal where only who is known is let in.
func memberFailed(how refusal, _ *chat.Error) (int, any) {
	return how.status, struct {
		Error string `json:"error"`
	}{how.message}
}

func (d memberDoor) register(c echo.Context, _ chat.Account) (any, error) {
	q := chat.Registration{Address: limit.Address(c.RealIP())}
	err := readBody(c, field{"account", &q.Username}, field{"password", &q.Password}, field{"email", &q.Email},
		field{"username", &q.Nickname})
	if err != nil {
		return nil, err
	}
	if _, _, err := d.accounts.Register(c.Request().Context(), q); err != nil {
		return nil, err
	}
	return nil, writeJSON(c, http.StatusAccepted, memberAnswer{Data: true, Code: http.StatusOK, Msg: "註冊成功"})
}

// login tells an unknown account from a wrong password, as the contract has it: this door says who exists. It takes as
// long for both, and both are paced.
func (d memberDoor) login(c echo.Context, _ chat.Account) (any, error) {
	var account, password string
	if err := readBody(c, field{"account", &account}, field{"password", &password}); err != nil {
		return nil, err
	}
	ctx := c.Request().Context()
	_, token, err := d.accounts.Login(ctx, account, password, limit.Address(c.RealIP()))
	if chat.CodeOf(err) == chat.Unauthenticated {
		switch _, unknown := d.accounts.Store.AccountByUsername(ctx, account); chat.CodeOf(unknown) {
		case "":
			return nil, echo.NewHTTPError(http.StatusUnauthorized, "Unauthorized")
		case chat.NotFound:
			return nil, echo.NewHTTPError(http.StatusBadRequest, "查無帳號")
		default:
			return nil, unknown
		}
	}
	return struct {
		Token string `json:"token"`
	}{token}, err
}

// memberProfile is a user as she sees herself.
type memberProfile struct {
	Account  string      `json:"account"`
	Username string      `json:"username"`
	ID       chat.UserID `json:"id"`
}

func (d memberDoor) profile(_ echo.Context, me chat.Account) (any, error) {
	return struct {
		Code int           `json:"code"`
		Data memberProfile `json:"data"`
		Msg  string        `json:"msg"`
	}{http.StatusOK, memberProfile{me.Username, nameOf(me), me.ID}, "登入成功"}, nil
}

// nameOf is what a user is called: her nickname, or else her username.
func nameOf(a chat.Account) string {
	if a.Nickname != "" {
		return a.Nickname
	}
	return a.Username
}
