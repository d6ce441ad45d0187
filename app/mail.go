package app

import (
	"log/slog"
	"time"

	"github.com/parley-chat/parley/auth"
	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/limit"
)

// newCodes makes the rules of email codes and the post that carries them, which works once it runs.
func newCodes(cfg Config, secret []byte, engine chat.Store, now func() time.Time, log *slog.Logger) (*chat.Codes, *auth.Post, error) {
	maker, err := auth.NewCodes(secret)
	if err != nil {
		return nil, nil, err
	}
	var carrier auth.Carrier = auth.LogCarrier{Log: log}
	if cfg.SMTP.IsZero() {
		log.Warn("SMTP_URL is empty: email codes are written to this log, where whoever reads it can use them")
	} else if carrier, err = auth.NewSMTP(cfg.SMTP, cfg.MailFrom); err != nil {
		return nil, nil, err
	}
	post := auth.NewPost(carrier, now, log)
	return &chat.Codes{
		Store: engine, Accounts: engine, Maker: maker, Mailer: post, Limits: codeLimits(cfg.RateLimits, now), Now: now, Log: log,
	}, post, nil
}

// codeLimits are the defaults that docs/api.md lists. An email is sent one code a minute, and five at once, then one each
// 12 minutes; with MaxTries that leaves 625 guesses a day at a million codes.
func codeLimits(on bool, now func() time.Time) chat.CodeLimits {
	if !on {
		return chat.CodeLimits{SendBySource: limit.None{}, TakeByEmail: limit.None{}, TakeBySource: limit.None{}}
	}
	return chat.CodeLimits{
		SendByEmail:  []chat.Limiter{limit.New(1, time.Minute, now), limit.New(5, 12*time.Minute, now)},
		SendBySource: limit.New(20, 30*time.Second, now),
		TakeByEmail:  limit.New(10, 30*time.Second, now),
		TakeBySource: limit.New(100, time.Second, now),
	}
}
