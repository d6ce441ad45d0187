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

// Ann deletes her account while the data is exported. The archive has her, or that she is gone; of both, no engine would
// take it in.
func TestAnAccountIsErasedDuringAnExport(t *testing.T) {
	s := opened(t, newProxy(t).uri)
	ann := newUser()
	noError(t, s.CreateAccount(t.Context(), chat.Account{ID: ann, Username: "Ann", Password: "x", Created: noon()}))
	found := 0
	noError(t, s.Export(t.Context(), func(b *chat.Batch) error {
		if found == 0 {
			noError(t, s.EraseAccount(t.Context(), ann, noon()))
		}
		found += len(b.Accounts) + len(b.Erased)
		return nil
	}))
	if found != 1 {
		t.Errorf("the archive has Ann %d times", found)
	}
}
