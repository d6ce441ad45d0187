package auth

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/chat"
)

const (
	maxWaiting = 1000 // letters, about 300 bytes each
	firstRetry = time.Second
	lastRetry  = time.Minute
	drainTime  = 2 * time.Second // for letters that wait when the server ends
)

// Carrier brings one letter to one address.
type Carrier interface {
	// Carry returns when the letter is in other hands, or ctx has ended. Errors: Invalid when trying again is of no use;
	// any other may pass. None has the address or the code in it.
	Carry(ctx context.Context, to string, l chat.Letter) error
}

// Post carries letters in the background, one after the other, and tries again what fails, later and later. It keeps them
// in memory alone: a code that was lost with the server is asked for anew. It implements chat.Mailer. Make it with
// NewPost.
type Post struct {
	carrier Carrier
	now     func() time.Time
	log     *slog.Logger
	first   time.Duration // before the second try
	drain   time.Duration // see drainTime

	wake chan struct{} // holds one token while there may be something new

	mu      sync.Mutex // guards what follows
	waiting []errand
	closed  bool
}

// errand is a letter to be carried.
type errand struct {
	to     string
	due    time.Time // for the next try
	until  time.Time
	failed int // tries
	write  func(context.Context) (chat.Letter, error)
}

// NewPost returns a post that works while Run does.
func NewPost(carrier Carrier, now func() time.Time, log *slog.Logger) *Post {
	return &Post{carrier: carrier, now: now, log: log, first: firstRetry, drain: drainTime, wake: make(chan struct{}, 1)}
}

// Mail implements chat.Mailer. While maxWaiting letters wait, it drops others.
func (p *Post) Mail(to string, until time.Time, write func(context.Context) (chat.Letter, error)) {
	if !p.add(errand{to: to, due: p.now(), until: until, write: write}) {
		p.log.Warn("letter dropped: too many wait, or the server ends", "to", masked(to))
	}
}

func (p *Post) add(e errand) (ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.waiting) >= maxWaiting {
		return false
	}
	p.waiting = append(p.waiting, e)
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return true
}

// next takes out the letter that has been due for longest; none when ok is false, and then the next is due after wait.
func (p *Post) next() (e errand, wait time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return e, time.Hour, false
	}
	first := 0
	for i := range p.waiting {
		if p.waiting[i].due.Before(p.waiting[first].due) {
			first = i
		}
	}
	if wait = p.waiting[first].due.Sub(p.now()); wait > 0 {
		return e, wait, false
	}
	e = p.waiting[first]
	last := len(p.waiting) - 1
	p.waiting[first], p.waiting[last] = p.waiting[last], errand{}
	p.waiting = p.waiting[:last]
	return e, 0, true
}

// Run carries letters until ctx ends; then, for two seconds at the most, those that are due.
func (p *Post) Run(ctx context.Context) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(p.drain, cancel) })
	defer stop()
	for {
		e, wait, ok := p.next()
		if ok {
			p.carry(work, e)
			continue
		}
		if ctx.Err() != nil {
			break
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-p.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if n := len(p.waiting); n > 0 {
		p.log.Warn("letters not sent: the server ends", "letters", n)
	}
}

// carry tries one letter, and puts it back when another try may help.
func (p *Post) carry(ctx context.Context, e errand) {
	now := p.now()
	if !now.Before(e.until) {
		p.log.Error("letter given up: its code has expired", "to", masked(e.to), "tries", e.failed)
		return
	}
	l, err := e.write(ctx)
	if err == nil {
		err = p.carrier.Carry(ctx, e.to, l)
	}
	switch {
	case err == nil:
		p.log.Debug("letter sent", "to", masked(e.to), "kind", l.Kind, "tries", e.failed+1)
		return
	case chat.CodeOf(err) == chat.Invalid:
		p.log.Error("letter given up", "to", masked(e.to), "error", err)
		return
	}
	e.due = p.now().Add(min(p.first<<min(e.failed, 10), lastRetry))
	e.failed++
	p.log.Warn("letter not sent, it is tried again", "to", masked(e.to), "tries", e.failed, "error", err)
	if !p.add(e) {
		p.log.Error("letter given up: too many wait", "to", masked(e.to), "tries", e.failed)
	}
}

// masked is an address as logs may have it: its first letter and its domain.
func masked(address string) string {
	name, domain, _ := strings.Cut(address, "@")
	for _, first := range name {
		return string(first) + "***@" + domain
	}
	return "***"
}

// LogCarrier writes letters to the log, code and all, where no mail server is set.
type LogCarrier struct{ Log *slog.Logger }

// Carry implements Carrier.
func (c LogCarrier) Carry(_ context.Context, to string, l chat.Letter) error {
	c.Log.Info("email code: no SMTP_URL is set, so it is written here", "to", to, "letter", l.Kind, "code", l.Code)
	return nil
}
