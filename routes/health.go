package routes

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/parley-chat/parley/chat"
)

// readyTime bounds how long the engine may take to say that it answers.
const readyTime = 3 * time.Second

// healthDoor is for whoever runs the server.
type healthDoor struct {
	ready func(context.Context) error
}

func (d healthDoor) routes() []route {
	return []route{
		{method: http.MethodGet, path: "/healthz", who: anyone, handle: d.alive},
		{method: http.MethodGet, path: "/readyz", who: anyone, handle: d.answers},
	}
}

type healthReply struct {
	Status string `json:"status"`
}

// alive says that the process answers, whatever it stands on does.
func (d healthDoor) alive(echo.Context, chat.Account) (any, error) { return healthReply{"ok"}, nil }

// answers says whether requests can be served now.
func (d healthDoor) answers(c echo.Context, _ chat.Account) (any, error) {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTime)
	defer cancel()
	if err := d.ready(ctx); err != nil {
		return nil, &chat.Error{Code: chat.Unavailable, Message: "not ready: the engine does not answer", Cause: err}
	}
	return healthReply{"ok"}, nil
}
