package routes_test

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/routes"
)

// spy is a limiter that allows everything and tells the keys it is asked for.
type spy func(key string)

func (f spy) Allow(key string) (time.Duration, bool) { f(key); return 0, true }
func (spy) Reset(string)                             {}

// away is an engine that stopped answering.
type away struct{ chat.AccountStore }

func (away) Account(context.Context, chat.UserID) (chat.Account, error) {
	return chat.Account{}, &chat.Error{Code: chat.Unavailable, Message: "the engine does not answer",
		RetryAfter: 2100 * time.Millisecond, Cause: errors.New("disk on fire")}
}

func trust(prefixes ...string) func(*routes.Config) {
	return func(c *routes.Config) {
		for _, p := range prefixes {
			c.TrustedProxies = append(c.TrustedProxies, netip.MustParsePrefix(p))
		}
	}
}
