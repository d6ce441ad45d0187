package realtime

import (
	"context"
	"encoding/json"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/socketio"
)

const (
	// maxWelcomes bounds the logins that wait for their requests. Past it, who logs in finds them by `friend:list` alone.
	maxWelcomes = 100_000
	// welcomeWait bounds the question for one login: the others wait behind it.
	welcomeWait = 2 * time.Second
)

// welcome is a login that is still to be told which requests wait. A login does not wait for that, and costs the engine
// no more meanwhile: one goroutine, which lives while there are any, goes through them.
type welcome struct {
	session *session
	user    chat.UserID
}

// tellWaiting has a session told, soon, which requests wait for its user. One that comes at the same moment may be told
// twice.
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

// welcomeAll goes through the logins. The one under way stays in the list, so that there is one goroutine.
func (d *Server) welcomeAll() {
	for {
		d.welcoming.Lock()
		batch := d.welcomes
		d.welcoming.Unlock()
		for _, w := range batch {
			d.welcome(w)
		}
		d.welcoming.Lock()
		d.welcomes = append([]welcome(nil), d.welcomes[len(batch):]...)
		done := len(d.welcomes) == 0
		d.welcoming.Unlock()
		if done {
			return
		}
	}
}

func (d *Server) welcome(w welcome) {
	if w.session.userID() != w.user || !w.session.isIn() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), welcomeWait)
	defer cancel()
	requests, err := d.cfg.Friends.Waiting(ctx, w.user)
	if err != nil {
		d.cfg.Log.Warn("requests not told at a login", "user", w.user, "error", err)
		return
	}
	flush := false
	for i := range requests {
		payload, _ := json.Marshal(d.asking(&requests[i].FriendRequest, &requests[i].Account))
		flush = w.session.tell(socketio.EventFrame("/", "friend:asked", payload)) || flush
	}
	if flush {
		w.session.conn.Flush()
	}
}
