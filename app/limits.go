package app

import (
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
)

// accountLimits are the defaults that README lists: ten logins to an account, then one each 30 s; a hundred logins
// from an address, then one a second; thirty registrations from an address, then one each 10 s; sixty searches of a user,
// then one each 10 s; three hundred profiles, then one a second.
func accountLimits(on bool, now func() time.Time) chat.AccountLimits {
	if !on {
		return chat.AccountLimits{
			LoginByAccount: limit.None{}, LoginByAddress: limit.None{}, RegisterByAddress: limit.None{},
			SearchByUser: limit.None{}, ProfileByUser: limit.None{},
		}
	}
	return chat.AccountLimits{
		LoginByAccount:    limit.New(10, 30*time.Second, now),
		LoginByAddress:    limit.New(100, time.Second, now),
		RegisterByAddress: limit.New(30, 10*time.Second, now),
		SearchByUser:      limit.New(60, 10*time.Second, now),
		ProfileByUser:     limit.New(300, time.Second, now),
	}
}

// askLimit is a hundred requests for friendship of a user, then one each 10 s.
func askLimit(on bool, now func() time.Time) chat.Limiter {
	if !on {
		return limit.None{}
	}
	return limit.New(100, 10*time.Second, now)
}

// socketLimits are two thousand events, then 500 a second; 16 MB, then 4 MB a second.
func socketLimits(on bool) (events, bytes limit.Bucket) {
	if !on {
		return limit.Bucket{}, limit.Bucket{}
	}
	return limit.NewBucket(2000, 2*time.Millisecond), limit.NewBucket(16<<20, 250*time.Nanosecond)
}

// connectionLimits bound what one address may open: so many connections, and so many handshakes a second, of which ten
// seconds' worth may come at once, as they do when many come back after a restart.
func connectionLimits(cfg Config, now func() time.Time) (handshakes chat.Limiter, connections *limit.Count) {
	if !cfg.RateLimits {
		return nil, nil
	}
	return limit.New(10*cfg.HandshakesPerSecond, time.Second/time.Duration(cfg.HandshakesPerSecond), now),
		limit.NewCount(cfg.ConnectionsPerAddress)
}
