package routes

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf16"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
	"github.com/parley-chat/parley/uschat"
)

// GatewayConfig says where clients of UsChat are sent to.
type GatewayConfig struct {
	Host        string // "" for PUBLIC_URL's, or else the one that was asked
	Port        int    // of the TCP door; 0 when there is none: then clients are sent to where they asked, which has Socket.IO
	Masked      bool   // passwords come as UsChat's desktop client sends them, see unmask
	Node        chat.NodeID
	Connections func() int
}

// gatewayDoor is UsChat's GateServer and StatusServer (wire contract, section 2): it answers with status 200 whatever
// happens, and `error` tells.
type gatewayDoor struct {
	accounts  *chat.Accounts
	codes     *chat.Codes
	node      GatewayConfig
	publicURL string
}

func (d gatewayDoor) routes() []route {
	type errors = map[chat.Code]uschat.Error
	code := errors{chat.NotFound: uschat.CodeExpired, chat.Forbidden: uschat.CodeWrong}
	reset := maps.Clone(code)
	reset[chat.Conflict] = uschat.WrongEmail
	return []route{
		{method: http.MethodPost, path: "/get_varifycode", handle: d.sendCode, failure: gatewayFailure(nil)},
		{method: http.MethodPost, path: "/user_register", handle: d.register, failure: gatewayFailure(code)},
		{method: http.MethodPost, path: "/reset_pwd", handle: d.reset, failure: gatewayFailure(reset)},
		{method: http.MethodPost, path: "/user_login", handle: d.login,
			failure: gatewayFailure(errors{chat.Unauthenticated: uschat.WrongPassword})},
		{method: http.MethodGet, path: "/status/assign", who: member, handle: d.assign, failure: gatewayFailure(nil)},
	}
}

// gatewayReply begins every answer.
type gatewayReply struct {
	Error   uschat.Error `json:"error"`
	Message string       `json:"message,omitempty"` // why, when Error is not 0
}

// gatewayFailure says an error in UsChat's numbers; own are the route's own.
func gatewayFailure(own map[chat.Code]uschat.Error) failure {
	return func(how refusal, e *chat.Error) (int, any) {
		reply := gatewayReply{Error: uschat.BadRequest, Message: how.message}
		if e != nil { // else the body is of no form that anybody reads
			reply = gatewayReply{cmp.Or(own[e.Code], uschat.ErrorOf(e.Code)), e.Message}
		}
		return http.StatusOK, reply
	}
}

// notConfirmed is the one answer of which the rules know nothing: passwd was typed twice.
var notConfirmed = gatewayReply{uschat.NotConfirmed, "confirm: not the same as passwd"}

// unmask undoes what UsChat's desktop client does to a password before it sends it: each UTF-16 unit is combined with their
// number, modulo 255, by exclusive or. It keeps nobody from reading it, and is undone so that the same password is good at
// every door.
func (d gatewayDoor) unmask(password string) string {
	if !d.node.Masked {
		return password
	}
	units := utf16.Encode([]rune(password))
	for i := range units {
		units[i] ^= uint16(len(units) % 255)
	}
	return string(utf16.Decode(units))
}

// readGateway is readFields of a JSON body, whatever its type is said to be: UsChat's own server looked at the body alone.
func readGateway(c echo.Context, fields []field, optional ...field) error {
	c.Request().Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	return readFields(c, fields, optional...)
}

type codeReply struct {
	gatewayReply
	Email string `json:"email"`
}

// sendCode does not say for what the code is: it is good for registering and for a new password.
func (d gatewayDoor) sendCode(c echo.Context, _ chat.Account) (any, error) {
	var email string
	if err := readGateway(c, []field{{"email", &email}}); err != nil {
		return nil, err
	}
	err := d.codes.Send(c.Request().Context(), email, chat.ForEither, limit.Address(c.RealIP()), letterLanguage(c.Request().Header))
	return codeReply{Email: email}, err
}

type registeredReply struct {
	gatewayReply
	UID   uint64 `json:"uid"`
	Email string `json:"email"`
	User  string `json:"user"`
	Icon  string `json:"icon"`
}

func (d gatewayDoor) register(c echo.Context, _ chat.Account) (any, error) {
	q := chat.Registration{Address: limit.Address(c.RealIP())}
	var confirm string
	err := readGateway(c, []field{
		{"email", &q.Email}, {"user", &q.Username}, {"passwd", &q.Password}, {"confirm", &confirm}, {"varifycode", &q.Code},
	}, field{"icon", &q.Icon}, field{"nick", &q.Nickname})
	switch {
	case err != nil:
		return nil, err
	case confirm != q.Password:
		return notConfirmed, nil
	}
	q.Password = d.unmask(q.Password)
	a, _, err := d.accounts.Register(c.Request().Context(), q)
	if err == nil {
		a, err = d.accounts.WithNumber(c.Request().Context(), a)
	}
	return registeredReply{UID: a.Number, Email: a.Email, User: a.Username, Icon: a.Icon}, err
}

type resetReply struct {
	gatewayReply
	Email string `json:"email"`
	User  string `json:"user"`
}

func (d gatewayDoor) reset(c echo.Context, _ chat.Account) (any, error) {
	var email, user, password, code string
	err := readGateway(c, []field{{"email", &email}, {"user", &user}, {"passwd", &password}, {"varifycode", &code}})
	if err != nil {
		return nil, err
	}
	err = d.accounts.Reset(c.Request().Context(), email, user, d.unmask(password), code, limit.Address(c.RealIP()))
	return resetReply{Email: email, User: user}, err
}

type gatewayLoginReply struct {
	gatewayReply
	Email    string `json:"email"`
	UID      uint64 `json:"uid"`
	Token    string `json:"token"`
	ChatHost string `json:"chathost"`
	ChatPort string `json:"chatport"` // text, as UsChat's clients read it
}

func (d gatewayDoor) login(c echo.Context, _ chat.Account) (any, error) {
	var email, password string
	if err := readGateway(c, []field{{"email", &email}, {"passwd", &password}}); err != nil {
		return nil, err
	}
	ctx := c.Request().Context()
	a, token, err := d.accounts.LoginByEmail(ctx, email, d.unmask(password), limit.Address(c.RealIP()))
	if err == nil {
		a, err = d.accounts.WithNumber(ctx, a)
	}
	host, port := d.address(c)
	return gatewayLoginReply{Email: a.Email, UID: a.Number, Token: token, ChatHost: host, ChatPort: port}, err
}

type nodeReply struct {
	gatewayReply
	Host        string      `json:"host"`
	Port        string      `json:"port"`
	Node        chat.NodeID `json:"node"`
	Connections int         `json:"connections"`
}

// assign names the node to connect to: there is this one.
func (d gatewayDoor) assign(c echo.Context, _ chat.Account) (any, error) {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	host, port := d.address(c)
	return nodeReply{Host: host, Port: port, Node: d.node.Node, Connections: d.node.Connections()}, nil
}

// address is where a client connects.
func (d gatewayDoor) address(c echo.Context) (host, port string) {
	base, err := url.Parse(baseURL(c, d.publicURL))
	if err != nil { // a Host header that is none
		base = &url.URL{}
	}
	host, port = cmp.Or(d.node.Host, base.Hostname()), base.Port()
	switch {
	case d.node.Port != 0:
		port = strconv.Itoa(d.node.Port)
	case port == "":
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	return host, port
}
