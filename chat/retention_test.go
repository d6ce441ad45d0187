package chat

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

// yard is an engine with so many old messages.
type yard struct {
	SketchStore
	old     int
	before  time.Time
	from    []ConvID
	fails   error
	dropped time.Time
}

func (y *yard) DropSketches(_ context.Context, before time.Time) error {
	y.dropped = before
	return nil
}

func (y *yard) Expire(_ context.Context, before time.Time, from ConvID, limit int) (int, ConvID, error) {
	y.before, y.from = before, append(y.from, from)
	n := min(y.old, limit)
	if y.old -= n; y.fails != nil {
		return n, "", y.fails
	}
	if y.old > 0 {
		return n, ConvID(rune('a' + len(y.from))), nil
	}
	return n, "", nil
}

func TestAPassGoesOnUntilItIsThrough(t *testing.T) {
	noon := time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)
	y := &yard{old: 3*expireAtOnce - 1}
	r := Retention{Store: y, Keep: 48 * time.Hour, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)}
	if n, err := r.Pass(t.Context()); n != 3*expireAtOnce-1 || err != nil {
		t.Errorf("%d deleted, %v", n, err)
	}
	if len(y.from) != 3 || y.from[0] != "" || y.from[1] != "b" || y.from[2] != "c" || !y.before.Equal(noon.AddDate(0, 0, -2)) {
		t.Errorf("asked from %q, before %v", y.from, y.before)
	}
	if !y.dropped.Equal(y.before) {
		t.Errorf("sketches before %v are dropped", y.dropped)
	}
	y = &yard{old: 10 * expireAtOnce, fails: Errorf(Unavailable, "away")}
	r.Store = y
	if n, err := r.Pass(t.Context()); n != expireAtOnce || !errors.Is(err, y.fails) || len(y.from) != 1 {
		t.Errorf("an engine that is away: %d, %v, asked %d times", n, err, len(y.from))
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	y = &yard{old: 10 * expireAtOnce}
	r.Store = y
	if _, err := r.Pass(gone); CodeOf(err) != Unavailable {
		t.Errorf("at the end of the server: %v", err)
	}
}

func TestForEverDeletesNothing(t *testing.T) {
	y := &yard{old: 5}
	r := Retention{Store: y, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	r.Run(t.Context()) // returns at once
	if y.old != 5 {
		t.Error("messages were deleted")
	}
}
