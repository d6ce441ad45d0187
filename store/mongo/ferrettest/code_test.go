package ferrettest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/chat"
	parley "github.com/parley-chat/parley/store/mongo"
)

// Two processes on one database: a code that both are given at once is used once, and five tries are five together.
func TestTwoNodesAndOneCode(t *testing.T) {
	uri := fresh(t, server(t))
	nodes := []*parley.Store{opened(t, uri), opened(t, uri)}
	const email = "ann@example.org"
	try := func(hash string) (fits, wrong, gone int) {
		var outcomes [3]atomic.Int32
		var all sync.WaitGroup
		start := make(chan struct{})
		for i := range 16 {
			all.Go(func() {
				<-start
				err := nodes[i%2].TryCode(t.Context(), email, chat.ForReset, []byte(hash), noon())
				switch chat.CodeOf(err) {
				case "":
					outcomes[0].Add(1)
				case chat.Forbidden:
					outcomes[1].Add(1)
				case chat.NotFound:
					outcomes[2].Add(1)
				default:
					t.Errorf("TryCode: %v", err)
				}
			})
		}
		close(start)
		all.Wait()
		return int(outcomes[0].Load()), int(outcomes[1].Load()), int(outcomes[2].Load())
	}
	for round := range 5 {
		code := chat.EmailCode{Email: email, Purpose: chat.ForReset, Hash: []byte("right"), Expires: noon().Add(10 * time.Minute)}
		noError(t, nodes[round%2].PutCode(t.Context(), code))
		if fits, wrong, gone := try("right"); fits != 1 || wrong != 0 || gone != 15 {
			t.Errorf("round %d: of 16 %d used it, %d were told that it is wrong, %d that it is gone", round, fits, wrong, gone)
		}
		noError(t, nodes[round%2].PutCode(t.Context(), code))
		if fits, wrong, gone := try("wrong"); fits != 0 || wrong != chat.MaxTries || gone != 16-chat.MaxTries {
			t.Errorf("round %d: of 16 guesses %d fit, %d were looked at, %d came too late", round, fits, wrong, gone)
		}
	}
}
