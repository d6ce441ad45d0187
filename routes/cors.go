package routes

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
)

// cors says which web pages may call. Parley uses no cookies: a page has what its own script gives it, so that any
// page may be allowed, with credentials too, and gains nothing that a program without a browser has not.
type cors struct {
	any     bool
	origins map[string]bool
}

// newCORS reads a list of origins; an empty one or "*" allows every page. The server's own pages are always allowed.
func newCORS(origins []string, publicURL string) cors {
	p := cors{any: len(origins) == 0, origins: map[string]bool{}}
	for _, o := range origins {
		p.any = p.any || o == "*"
		p.origins[strings.ToLower(strings.TrimRight(o, "/"))] = true
	}
	if u, err := url.Parse(publicURL); err == nil {
		p.origins[strings.ToLower(u.Scheme+"://"+u.Host)] = true
	}
	return p
}

// allows tells whether a page of this origin may call: one of the list, or of the host that the request came to.
func (p cors) allows(origin string, r *http.Request) bool {
	if p.any || p.origins[strings.ToLower(origin)] {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// middleware writes the CORS headers (Fetch standard, section 3.2) and answers OPTIONS on any path. Only what
// opens sockets is closed to a forbidden page: there the browser does not keep it out, WebSocket knows no CORS.
func (p cors) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, h := c.Request(), c.Response().Header()
		origin, socket := r.Header.Get(echo.HeaderOrigin), isSocket(c)
		preflight := r.Method == http.MethodOptions
		if p.any && !socket {
			h.Set(echo.HeaderAccessControlAllowOrigin, "*")
		} else {
			h.Add(echo.HeaderVary, echo.HeaderOrigin)
			switch {
			case origin == "": // no page, or one of this very host
			case p.allows(origin, r):
				h.Set(echo.HeaderAccessControlAllowOrigin, origin)
				if socket { // socket.io-client sends credentials where it is told to, and "*" does not go with those
					h.Set(echo.HeaderAccessControlAllowCredentials, "true")
				}
			case socket && !preflight:
				return chat.Errorf(chat.Forbidden, "pages of this origin may not connect")
			}
		}
		if !preflight {
			return next(c)
		}
		if h.Get(echo.HeaderAccessControlAllowOrigin) != "" {
			h.Set(echo.HeaderAccessControlAllowMethods, "GET, POST, PUT, DELETE, OPTIONS")
			h.Set(echo.HeaderAccessControlAllowHeaders, "Content-Type, Content-Length, Authorization, Accept, X-Requested-With")
			h.Set(echo.HeaderAccessControlMaxAge, "86400") // seconds; browsers cap it as they like
		}
		return c.NoContent(http.StatusNoContent)
	}
}
