package embedded_test

import (
	"context"
	"testing"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/embedded"
	"github.com/parley-chat/parley/store/storetest"
)

func engine() storetest.Engine {
	return storetest.Engine{
		New: func(t testing.TB) string { return t.TempDir() },
		Open: func(ctx context.Context, url string) (chat.Store, error) {
			return embedded.Open(ctx, url, nil)
		},
	}
}

func TestContract(t *testing.T) { storetest.Run(t, engine()) }

func TestCrash(t *testing.T) { storetest.Crash(t, engine()) }
