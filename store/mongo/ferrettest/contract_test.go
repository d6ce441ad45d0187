package ferrettest

import (
	"context"
	"os"
	"testing"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/store/storetest"
)

// engine is what storetest holds to the contract. On FerretDB the large stories are a tenth of their size, since every
// find there reads a whole collection. RacyUpdates stays off even so: within one process, which is all that the
// stories use, the engine updates a record once at a time.
func engine(server func() string) storetest.Engine {
	scale := 10
	if os.Getenv(mongoEnv) != "" {
		scale = 1
	}
	return storetest.Engine{
		New: func(t testing.TB) string { return fresh(t, server()) },
		Open: func(ctx context.Context, uri string) (chat.Store, error) {
			s, err := open(ctx, uri)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		Scale: scale,
	}
}

func TestContract(t *testing.T) {
	uri := server(t)
	storetest.Run(t, engine(func() string { return uri }))
}

// TestCrash kills the process that uses the engine, not the server: what the server keeps is the server's affair.
func TestCrash(t *testing.T) {
	// New runs in the parent alone, so no child starts a server.
	storetest.Crash(t, engine(func() string { return server(t) }))
}
