package routes_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/routes"
)

func TestHealth(t *testing.T) {
	var ready error
	h := open(t, func(c *routes.Config) { c.Ready = func(context.Context) error { return ready } })
	ok, away := `{"status":"ok"}`, `{"err_code":503,"message":"not ready: the engine does not answer"}`
	h.get("/healthz").says(200, ok)
	h.get("/readyz").says(200, ok)
	for _, ready = range []error{errors.New("dial db.internal"), chat.Errorf(chat.NotFound, "db.internal")} {
		h.get("/healthz").says(200, ok)
		h.get("/Readyz/").says(503, away)
	}
	if lines := h.log.lines("ERROR"); len(lines) != 2 || !strings.Contains(lines[0], "db.internal") {
		t.Errorf("log: %q, want the cause once for each", lines)
	}
}

func TestReadyDoesNotWaitForEver(t *testing.T) {
	h := open(t, func(c *routes.Config) {
		c.Ready = func(ctx context.Context) error {
			if _, bounded := ctx.Deadline(); !bounded {
				return nil
			}
			return context.DeadlineExceeded
		}
	})
	h.get("/readyz").says(503, `{"err_code":503,"message":"not ready: the engine does not answer"}`)
}
