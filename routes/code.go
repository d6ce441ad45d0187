package routes

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
)

// codeDoor is what a code in the mail is asked for, and opens.
type codeDoor struct {
	codes    *chat.Codes
	accounts *chat.Accounts
}

// codeRefusals are what a code that does not fit is answered with, wherever one is asked for.
func codeRefusals() map[chat.Code]refusal {
	return map[chat.Code]refusal{chat.NotFound: {status: http.StatusGone}}
}

func (d codeDoor) routes() []route {
	return []route{
		{method: http.MethodPost, path: "/sendCode", who: anyone, handle: d.send},
		{method: http.MethodPost, path: "/resetPassword", who: anyone, handle: d.reset, refusals: codeRefusals()},
		{method: http.MethodPost, path: "/changeEmail", who: member, handle: d.changeEmail, refusals: codeRefusals()},
	}
}

// doneReply says that it was done.
type doneReply struct {
	ErrCode int    `json:"err_code"`
	Message string `json:"message"`
}

func (d codeDoor) send(c echo.Context, _ chat.Account) (any, error) {
	var email, purpose string
	if err := readBody(c, field{"email", &email}, field{"purpose", &purpose}); err != nil {
		return nil, err
	}
	err := d.codes.Send(c.Request().Context(), email, chat.Purpose(purpose), limit.Address(c.RealIP()), letterLanguage(c.Request().Header))
	return doneReply{http.StatusOK, "验证码已发送"}, err
}

func (d codeDoor) reset(c echo.Context, _ chat.Account) (any, error) {
	var email, code, password string
	if err := readBody(c, field{"email", &email}, field{"code", &code}, field{"password", &password}); err != nil {
		return nil, err
	}
	err := d.accounts.Reset(c.Request().Context(), email, "", password, code, limit.Address(c.RealIP()))
	return doneReply{http.StatusOK, "密码重置成功!"}, err
}

func (d codeDoor) changeEmail(c echo.Context, me chat.Account) (any, error) {
	var email, code, password string
	if err := readBody(c, field{"email", &email}, field{"code", &code}, field{"password", &password}); err != nil {
		return nil, err
	}
	err := d.accounts.ChangeEmail(c.Request().Context(), me.ID, email, password, code, limit.Address(c.RealIP()))
	return doneReply{http.StatusOK, "邮箱修改成功!"}, err
}

// maxLanguages bounds an Accept-Language that is read, in bytes.
const maxLanguages = 256

// letterLanguage tells in which of the languages that there are letters in a client wants hers (RFC 9110, section 12.5.4):
// "zh", or else "en".
func letterLanguage(h http.Header) string {
	accept := h.Get("Accept-Language")
	if len(accept) > maxLanguages {
		return "en"
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return "en"
	}
	for _, tag := range wanted { // most wanted first
		switch base, _ := tag.Base(); base.String() {
		case "zh", "en":
			return base.String()
		}
	}
	return "en"
}
