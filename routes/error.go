package routes

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/parley-chat/parley/chat"
)

// refusal is how the door says no: the HTTP status and, where the wire contract fixes it, the text. Without one the
// error's own message is sent.
type refusal struct {
	status  int
	message string
}

// refusalOf is the one table from codes to statuses. A row of a noun's table may have its own words, see route.
func refusalOf(code chat.Code) refusal {
	switch code {
	case chat.Invalid:
		return refusal{status: http.StatusBadRequest}
	case chat.Unauthenticated:
		return refusal{http.StatusUnauthorized, "Token失效"}
	case chat.Forbidden:
		return refusal{status: http.StatusForbidden}
	case chat.NotFound:
		return refusal{status: http.StatusNotFound}
	case chat.Conflict:
		return refusal{status: http.StatusConflict}
	case chat.TooLarge:
		return refusal{status: http.StatusRequestEntityTooLarge}
	case chat.TooMany:
		return refusal{status: http.StatusTooManyRequests}
	case chat.Unavailable:
		return refusal{status: http.StatusServiceUnavailable}
	default:
		return refusal{status: http.StatusInternalServerError}
	}
}

// refused is an error that a route says in its own words.
type refused struct {
	error
	route *route
}

func (r refused) Unwrap() error { return r.error }

// failure makes the body of an error where a door has a form of its own for it. e is nil for what Echo says itself. The
// status may be another one than how has.
type failure func(how refusal, e *chat.Error) (status int, body any)

// errorReply is the body of every error: err_code is the HTTP status.
type errorReply struct {
	ErrCode    int    `json:"err_code"`
	Message    string `json:"message"`
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds
}

// writeError is the one place that logs and writes errors.
func (s *server) writeError(err error, c echo.Context) {
	how, e := explain(err)
	s.logError(c, how.status, err)
	if c.Response().Committed {
		return
	}
	reply := errorReply{ErrCode: how.status, Message: how.message}
	header := c.Response().Header()
	if reply.RetryAfter = retryAfter(e); reply.RetryAfter > 0 {
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(reply.RetryAfter))
	}
	status, body := how.status, any(reply)
	var own refused
	if errors.As(err, &own) && own.route.failure != nil {
		status, body = own.route.failure(how, e)
	}
	if status == http.StatusUnauthorized {
		header.Set(echo.HeaderWWWAuthenticate, "Bearer") // RFC 9110, section 11.6.1
	}
	_ = writeJSON(c, status, body) // when it cannot be written, the client is gone
}

// retryAfter is when to come back, in seconds; 0 says nothing.
func retryAfter(e *chat.Error) int {
	if e == nil || e.Code != chat.TooMany && e.RetryAfter <= 0 {
		return 0
	}
	return max(1, int(math.Ceil(e.RetryAfter.Seconds())))
}

// explain finds the words for an error. e is nil for what Echo says itself: no such path, no such method.
func explain(err error) (how refusal, e *chat.Error) {
	var own refused
	var plain *echo.HTTPError
	if errors.As(err, &plain) {
		return refusal{plain.Code, fmt.Sprint(plain.Message)}, nil
	}
	e = chat.AsError(err)
	how = refusalOf(e.Code)
	if errors.As(err, &own) {
		if words, ok := own.route.refusals[e.Code]; ok {
			how = words
		}
	}
	if how.message == "" {
		how.message = e.Message
	}
	return how, e
}

// logError logs an error once: ours at level error, the client's at debug, and so what broke because she went away.
func (s *server) logError(c echo.Context, status int, err error) {
	r := c.Request()
	level := slog.LevelDebug
	if status >= http.StatusInternalServerError && r.Context().Err() == nil {
		level = slog.LevelError
	}
	s.log.LogAttrs(r.Context(), level, "request refused",
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status), slog.Any("error", err))
}

// recoverPanics turns a panic into an internal error whose cause, for the log, is the stack.
func recoverPanics() echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{
		DisableStackAll:     true,
		DisableErrorHandler: true,
		LogErrorFunc: func(_ echo.Context, err error, stack []byte) error {
			return &chat.Error{Code: chat.Internal, Message: "internal error", Cause: fmt.Errorf("panic: %v\n%s", err, stack)}
		},
	})
}

// writeJSON names the charset as Express does: some clients of old guess Latin-1 without it.
func writeJSON(c echo.Context, status int, reply any) error {
	c.Response().Header().Set(echo.HeaderContentType, "application/json; charset=utf-8")
	return c.JSONPretty(status, reply, "")
}
