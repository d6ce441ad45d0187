package ferrettest

import (
	"context"
	"testing"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
	"github.com/parley-chat/parley/store/storetest"
)

func TestEverythingMovesBetweenTheEngines(t *testing.T) {
	folders := storetest.Engine{
		New:  func(t testing.TB) string { return t.TempDir() },
		Open: func(ctx context.Context, url string) (chat.Store, error) { return embedded.Open(ctx, url, nil) },
	}
	uri := server(t)
	storetest.Move(t, folders, engine(func() string { return uri }))
}
