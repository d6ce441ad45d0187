package chat

import (
	"context"
	"log/slog"
	"time"
)

// RetentionStore forgets messages whose time is over.
type RetentionStore interface {
	// Expire goes through conversations in the order of their ids, from the id from on, and in each from its old end up
	// to the first message that is not older than before. It deletes what it meets, with refs, changes and uses of
	// files, except the newest message of the conversation and the one with its latest change: numbers count from these,
	// so they stay as traces, Expired, with null as Body, without Files and Mentions, under the same ref and number of change.
	//
	// It stops when it has looked at limit messages, with the conversation to go on from, or with "" when it is through.
	// It holds no Append up. A crash may undo it.
	Expire(ctx context.Context, before time.Time, from ConvID, limit int) (expired int, next ConvID, err error)

	SketchStore
}

const (
	expireEvery  = time.Hour
	expireAtOnce = 500 // messages looked at by one call
)

// Retention is the rule that messages are kept for some time only.
type Retention struct {
	Store RetentionStore
	Keep  time.Duration // 0 for ever
	Now   func() time.Time
	Log   *slog.Logger
}

// Run deletes what is too old, now and each hour, until ctx ends.
func (r *Retention) Run(ctx context.Context) {
	if r.Keep == 0 {
		return
	}
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		expired, err := r.Pass(ctx)
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("old messages not deleted", "error", err)
		}
		if expired > 0 {
			r.Log.Info("old messages deleted", "messages", expired)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Pass goes once through all conversations, and then has what searches have summed up of the same time dropped. Between
// calls to the engine it waits as long as they took, so that half of the time is left to those who talk.
func (r *Retention) Pass(ctx context.Context) (expired int, err error) {
	before := r.Now().Add(-r.Keep)
	for from := ConvID(""); ; {
		begun := time.Now()
		n, next, err := r.Store.Expire(ctx, before, from, expireAtOnce)
		expired += n
		if err != nil {
			return expired, err
		}
		if next == "" {
			return expired, r.Store.DropSketches(ctx, before)
		}
		from = next
		select {
		case <-time.After(time.Since(begun)):
		case <-ctx.Done():
			return expired, Wrap(Unavailable, "cancelled", ctx.Err())
		}
	}
}
