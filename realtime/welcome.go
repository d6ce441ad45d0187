package realtime

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/chat"
)

const (
	// maxWelcomes bounds the logins that wait for their requests. Past it, who logs in finds them by `friend:list` alone.
	maxWelcomes = 100_000
	// welcomesAtOnce of them make one question to the engine.
	welcomesAtOnce = 256
	// welcomeWait bounds the questions for so many logins.
	welcomeWait = 10 * time.Second
)

// welcome is a login that is still to be told which requests wait. A login does not wait for that: one goroutine, which
// lives while there are any, goes through them, and asks the engine once for all that gathered meanwhile.
type welcome struct {
	session *session
	user    chat.UserID
}

// tellWaiting has a session told, soon, which requests wait for its user.
func (d *Server) tellWaiting(s *session, user chat.UserID) {
	d.welcoming.Lock()
	defer d.welcoming.Unlock()
	if len(d.welcomes) >= maxWelcomes {
		return
	}
	d.welcomes = append(d.welcomes, welcome{s, user})
	if len(d.welcomes) == 1 {
		go d.welcomeAll()
	}
}

// welcomeAll goes through the logins. Those under way stay in the list, so that there is one goroutine.
func (d *Server) welcomeAll() {
	for done := false; !done; {
		d.welcoming.Lock()
		batch := d.welcomes[:min(len(d.welcomes), welcomesAtOnce)]
		d.welcoming.Unlock()
		if err := d.welcomeBatch(batch); err != nil {
			d.cfg.Log.Warn("requests not told at a login", "logins", len(batch), "error", err)
		}
		d.welcoming.Lock()
		d.welcomes = slices.Clone(d.welcomes[len(batch):]) // a clone, so that those who are through are let go of
		done = len(d.welcomes) == 0
		d.welcoming.Unlock()
	}
}

func (d *Server) welcomeBatch(batch []welcome) error {
	ctx, cancel := context.WithTimeout(context.Background(), welcomeWait)
	defer cancel()
	users := make([]chat.UserID, len(batch))
	for i, w := range batch {
		users[i] = w.user
	}
	awaited, err := d.cfg.Friends.Awaited(ctx, users)
	if err != nil {
		return err
	}
	for i, w := range batch {
		if !awaited[i] {
			continue
		}
		requests, err := d.cfg.Friends.Waiting(ctx, w.user)
		if err != nil {
			return err
		}
		flush := false
		for j := range requests {
			flush = w.session.tellAsked(&requests[j]) || flush
		}
		if flush {
			w.session.conn.Flush()
		}
	}
	return nil
}
