// Package routes is the HTTP door: accounts, friends, pictures and files as the Vue/Node chat server's front ends know them
// (wire contract, section 1), health for whoever runs the server, and the way to the Socket.IO door.
//
// It reads requests, asks the rules of package chat, and writes their answers in the contract's words. It owns no rule
// and knows no engine. Echo lives here and nowhere else.
package routes

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
)

// Config is what the door stands on. All of it is needed but for what says otherwise.
type Config struct {
	Accounts *chat.Accounts
	Codes    *chat.Codes
	Friends  *chat.Friends
	Pictures *chat.Pictures
	Files    PictureServer
	Uploads  *chat.Files
	Bodies   FileServer // of Uploads
	Gateway  GatewayConfig
	Ready    func(context.Context) error // nil when requests can be answered

	// Socket serves /socket.io/, every method but OPTIONS. It may hijack the connection, and no limit of this package
	// touches it. RemoteAddr tells it the client's address, also behind a trusted proxy. May be nil: then there is none.
	Socket http.Handler
	// Plain serves GET /ws/{Sender}, the plain WebSocket, likewise. The request has the path value Sender.
	Plain http.Handler

	PublicURL      string         // where clients find the server, without a slash at the end; "" is where each one asked
	Origins        []string       // the web pages that may call, as "https://host"; empty or "*" allows every page
	TrustedProxies []netip.Prefix // whose X-Forwarded-For and X-Forwarded-Proto are believed; may be empty
	Log            *slog.Logger
}

const (
	socketPath  = "/socket.io/"
	plainPrefix = "/ws/"
	plainPath   = plainPrefix + ":Sender"
)

// isSocket tells whether a path is served by a door whose connections last. No limit of time touches those, and a browser
// asks no server's leave to open them.
func isSocket(c echo.Context) bool { return c.Path() == socketPath || c.Path() == plainPath }

// requestTime bounds how long a request may take to come, and then its answer to go: 8 MB at 70 KB/s. Files may take
// longer while they come and go, see pacedBody and slowest.
const requestTime = 2 * time.Minute

// route is one row of a noun's table.
type route struct {
	method, path string
	who          who
	handle       handler

	refusals map[chat.Code]refusal // where this route says no in other words than error.go
	failure  failure               // and in another form; nil is error.go's
	body     int64                 // bytes a body may have; 0 is maxBody
}

// who may knock.
type who int

const (
	anyone who = iota
	member     // the bearer of a good token
)

// handler answers one request. me is whose token came, the zero Account where anyone may knock. The reply is written as
// JSON with status 200; it is nil when the handler wrote the answer itself.
type handler func(c echo.Context, me chat.Account) (reply any, err error)

type server struct {
	accounts *chat.Accounts
	log      *slog.Logger
}

// New returns the door. It starts nothing and holds nothing that must be closed.
func New(cfg Config) http.Handler {
	s := &server{accounts: cfg.Accounts, log: cfg.Log}
	table := routeTable(cfg)
	e := echo.New()
	e.HTTPErrorHandler = s.writeError
	e.IPExtractor, e.SchemeExtractor = believe(cfg.TrustedProxies)
	e.Pre(spell(table))
	e.Use(recoverPanics(), prepare, newCORS(cfg.Origins, cfg.PublicURL).middleware)
	for _, r := range table {
		e.Add(r.method, r.path, s.serve(r))
		if r.method == http.MethodGet { // RFC 9110, section 9.1: whoever answers GET answers HEAD
			e.Add(http.MethodHead, r.path, s.serve(r))
		}
	}
	if cfg.Socket != nil {
		e.Any(socketPath, serveSocket(cfg.Socket))
	}
	if cfg.Plain != nil {
		plain := serveSocket(cfg.Plain)
		e.GET(plainPath, func(c echo.Context) error {
			r := c.Request()
			r.SetPathValue("Sender", r.URL.Path[len(plainPrefix):]) // Echo's own is as it was escaped
			return plain(c)
		})
	}
	return e
}

// routeTable joins the tables that stand at the head of each noun's file.
func routeTable(cfg Config) []route {
	publicURL := strings.TrimRight(cfg.PublicURL, "/")
	pictures := pictureDoor{cfg.Pictures, cfg.Files, publicURL}
	return slices.Concat(
		accountDoor{cfg.Accounts, pictures}.routes(),
		codeDoor{cfg.Codes, cfg.Accounts}.routes(),
		profileDoor{cfg.Accounts, pictures}.routes(),
		memberDoor{cfg.Accounts}.routes(),
		friendDoor{cfg.Friends, pictures}.routes(),
		pictures.routes(),
		fileDoor{cfg.Uploads, cfg.Bodies, publicURL}.routes(),
		healthDoor{cfg.Ready}.routes(),
		gatewayDoor{cfg.Accounts, cfg.Codes, cfg.Gateway, publicURL}.routes(),
	)
}

// Routes returns what a door with this configuration answers, as "POST /login", but for the doors whose connections last.
func (cfg Config) Routes() []string {
	var all []string
	for _, r := range routeTable(cfg) {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

// serve turns a row into Echo's form: who knocks, how much she may send, what is answered.
func (s *server) serve(r route) echo.HandlerFunc {
	return func(c echo.Context) error {
		defer linger(c.Request().Header, c.Request().Body)
		boundBody(c, r.body)
		var me chat.Account
		var err error
		if r.who == member {
			me, err = s.authenticate(c.Request())
		}
		var reply any
		if err == nil {
			reply, err = r.handle(c, me)
		}
		switch {
		case err != nil:
			return refused{err, &r}
		case reply == nil:
			return nil
		default:
			return writeJSON(c, http.StatusOK, reply)
		}
	}
}

// authenticate tells whose request this is by its header Authorization: Bearer (RFC 6750, section 2.1).
func (s *server) authenticate(r *http.Request) (chat.Account, error) {
	scheme, token, _ := strings.Cut(r.Header.Get(echo.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return chat.Account{}, chat.Errorf(chat.Unauthenticated, "no bearer token")
	}
	a, _, err := s.accounts.Authenticate(r.Context(), strings.TrimSpace(token))
	return a, err
}

// serveSocket hands a request on with the client's own address.
func serveSocket(h http.Handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if ip := c.RealIP(); ip != echo.ExtractIPDirect()(r) {
			r.RemoteAddr = net.JoinHostPort(ip, "0")
		}
		h.ServeHTTP(c.Response(), r)
		return nil
	}
}

// spell rewrites a path to the spelling of the table: Express, and so the clients, know no case and no slash at the
// end. Any other path keeps its bytes, and so does the name of a picture or file.
func spell(table []route) echo.MiddlewareFunc {
	known := map[string]string{strings.TrimSuffix(socketPath, "/"): socketPath}
	for _, r := range table {
		known[strings.ToLower(r.path)] = r.path
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			u := c.Request().URL
			raw := strings.TrimSuffix(echo.GetPath(c.Request()), "/")
			if path, ok := known[strings.ToLower(raw)]; ok {
				u.Path, u.RawPath = path, ""
				return next(c)
			}
			for _, prefix := range []string{chat.PicturePrefix, chat.FilePrefix, plainPrefix} {
				if n := len(prefix); len(raw) > n && strings.EqualFold(raw[:n], prefix) {
					u.Path = prefix + u.Path[n:]
					if u.RawPath != "" {
						u.RawPath = prefix + u.RawPath[n:]
					}
					if prefix == plainPrefix {
						u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
					}
				}
			}
			return next(c)
		}
	}
}

// prepare does what every answer needs, and bounds the time of every request but those that open lasting connections.
func prepare(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderXContentTypeOptions, "nosniff")
		if !isSocket(c) {
			// net/http lifts both before the connection's next request. A writer without deadlines needs none.
			rc, now := http.NewResponseController(c.Response()), time.Now()
			_ = rc.SetReadDeadline(now.Add(requestTime))
			_ = rc.SetWriteDeadline(now.Add(2 * requestTime))
		}
		return next(c)
	}
}
