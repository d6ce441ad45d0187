package chat

import (
	"container/heap"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Appearance says whether a user is there.
type Appearance struct {
	User   UserID
	Online bool      // she has a logged-in socket, or lost her last one a moment ago
	At     time.Time // since when she is online, or when she was seen last; zero for never
}

// News say to whom to tell that a user came or went.
type News struct {
	Appearance
	To []UserID
}

// Audience hears who comes and goes.
type Audience interface {
	// Appear tells the news, in their order, to those who are there. It should not wait for a client.
	Appear(news []News)
}

// PresenceConfig is what presence stands on. All of it is needed.
type PresenceConfig struct {
	Friends FriendStore
	Devices DeviceStore
	Sockets SocketStore
	Node    NodeID
	Grace   time.Duration // for a user without a socket to come back as if she had not left
	Now     func() time.Time
	Log     *slog.Logger
}

const (
	// MaxPresence is how many users one question may name.
	MaxPresence = 100
	// presenceRetry is how long nobody is told anything after the engine did not answer.
	presenceRetry = 2 * time.Second
	// maxNews and gatherTime bound what is told at once: when many come together, each who hears is written to once.
	maxNews    = 1024
	gatherTime = 50 * time.Millisecond
)

// Presence are the rules of who is online, and of who may know. Being counted as a friend by someone is her consent to
// be seen; to count her as one is not. Whom she blocks is not among those: see Friends. Make it with NewPresence.
//
// Who comes or goes is put into one queue, ordered by when to look at it, with one place for each user; Run looks, and
// tells what has changed since it was told last. So a user who comes and goes all the time, or has thousands of friends,
// holds up nobody but the news about herself.
type Presence struct {
	cfg  PresenceConfig
	seen sightings
	wake chan struct{} // holds one token when the queue has a new head

	mu     sync.Mutex // guards what follows
	visits map[UserID]*visit
	queue  visitQueue
}

// visit is a user who is on this node, or was a moment ago.
type visit struct {
	user    UserID
	sockets int
	since   time.Time // when the first of them came
	gone    time.Time // when the last one went
	told    bool      // her friends believe that she is online
	due     time.Time // when to look at her
	place   int       // in the queue, from 1; 0 when she is not in it
}

// NewPresence returns the rules.
func NewPresence(cfg PresenceConfig) *Presence {
	return &Presence{
		cfg: cfg, seen: sightings{store: cfg.Devices, log: cfg.Log},
		wake: make(chan struct{}, 1), visits: make(map[UserID]*visit),
	}
}

// Enter says that a socket of this node logged in. For each call there is one of Leave.
func (s *Presence) Enter(user UserID, device DeviceID, address string) {
	now := s.cfg.Now()
	s.seen.note(Sighting{User: user, Device: device, Address: address, At: now})
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.visits[user]
	if v == nil {
		v = &visit{user: user}
		s.visits[user] = v
	}
	if v.sockets++; v.sockets > 1 || v.told && s.lingers(v, now) {
		return
	}
	v.since, v.told = now, false
	s.look(v, now)
}

// Leave says that a socket which had logged in is gone.
func (s *Presence) Leave(user UserID, device DeviceID, address string) {
	now := s.cfg.Now()
	s.seen.note(Sighting{User: user, Device: device, Address: address, At: now})
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.visits[user]
	if v == nil || v.sockets == 0 {
		return
	}
	if v.sockets--; v.sockets == 0 {
		v.gone = now
		s.look(v, now.Add(s.cfg.Grace))
	}
}

// hereAtOnce bounds how long Here holds up those who come and go.
const hereAtOnce = 256

// Here tells, for each user, whether she has a logged-in socket on this node.
func (s *Presence) Here(users []UserID) []bool {
	here := make([]bool, 0, len(users))
	for part := range slices.Chunk(users, hereAtOnce) {
		s.mu.Lock()
		for _, user := range part {
			v := s.visits[user]
			here = append(here, v != nil && v.sockets > 0)
		}
		s.mu.Unlock()
	}
	return here
}

// lingers tells whether a user without a socket still counts as online.
func (s *Presence) lingers(v *visit, now time.Time) bool { return now.Before(v.gone.Add(s.cfg.Grace)) }

// look puts a visit into the queue, or forward in it. The caller holds s.mu.
func (s *Presence) look(v *visit, due time.Time) {
	switch {
	case v.place == 0:
		v.due = due
		heap.Push(&s.queue, v)
	case due.Before(v.due):
		v.due = due
		heap.Fix(&s.queue, v.place-1)
	}
	if v.place == 1 {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// Run tells the audience who comes and goes, and writes who was seen, until ctx ends. Then nobody is told any more: the
// node is ending, and her friends with it.
func (s *Presence) Run(ctx context.Context, audience Audience) {
	var writing sync.WaitGroup
	writing.Go(func() { s.seen.run(ctx) })
	defer writing.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		news, wait, err := s.gather(ctx)
		if len(news) > 0 {
			audience.Appear(news)
		}
		wake := s.wake
		if err != nil {
			s.cfg.Log.Warn("nobody is told who comes and goes, trying again", "error", err)
			wait, wake = presenceRetry, nil
		}
		timer.Reset(wait)
		select {
		case <-wake:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// gather takes what there is to tell, up to a bound, until the first error. wait says when there is more.
func (s *Presence) gather(ctx context.Context) (news []News, wait time.Duration, err error) {
	for end := s.cfg.Now().Add(gatherTime); len(news) < maxNews && s.cfg.Now().Before(end); {
		v, a, wait := s.next()
		if v == nil {
			return news, wait, nil
		}
		to, err := s.audienceOf(ctx, a)
		s.told(v, a, err)
		if err != nil {
			return news, 0, err
		}
		if len(to) > 0 {
			news = append(news, News{a, to})
		}
	}
	return news, 0, nil
}

// next takes the next visit of which there is something to tell, and holds it for told: what changes from now on is
// other news. When there is none, v is nil and wait says for how long.
func (s *Presence) next() (v *visit, a Appearance, wait time.Duration) {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		if wait = s.queue[0].due.Sub(now); wait > 0 {
			return nil, a, wait
		}
		v := heap.Pop(&s.queue).(*visit)
		switch online := v.sockets > 0; {
		case !online && s.lingers(v, now):
			s.look(v, v.gone.Add(s.cfg.Grace))
		case online && !v.told:
			v.told = true
			return v, Appearance{User: v.user, Online: true, At: v.since}, 0
		case !online && v.told:
			v.told = false
			return v, Appearance{User: v.user, At: v.gone}, 0
		case !online:
			delete(s.visits, v.user) // she was gone before anybody was told
		}
	}
	return nil, a, time.Hour
}

// told lets go of what next took. After an error, her friends believe what they believed before.
func (s *Presence) told(v *visit, a Appearance, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		v.told = !a.Online
		s.look(v, s.cfg.Now().Add(presenceRetry)) // behind others, whose news may be told
	case !v.told && v.sockets == 0 && v.place == 0:
		delete(s.visits, v.user)
	}
}

// audienceOf returns those whom a user counts as friends; nobody when she has left this node and is on another.
func (s *Presence) audienceOf(ctx context.Context, a Appearance) ([]UserID, error) {
	if !a.Online {
		elsewhere, err := s.elsewhere(ctx, []UserID{a.User})
		if err != nil || len(elsewhere) > 0 {
			return nil, err
		}
	}
	return s.cfg.Friends.Friends(ctx, a.User)
}

// elsewhere tells who has sockets on other nodes, and since when.
func (s *Presence) elsewhere(ctx context.Context, users []UserID) (map[UserID]time.Time, error) {
	sockets, err := s.cfg.Sockets.Sockets(ctx, users, s.cfg.Now())
	if err != nil {
		return nil, err
	}
	since := make(map[UserID]time.Time)
	for _, socket := range sockets {
		if first, known := since[socket.User]; socket.Node != s.cfg.Node && (!known || socket.Since.Before(first)) {
			since[socket.User] = socket.Since
		}
	}
	return since, nil
}

// Of answers who of users is there. Left out are those who do not count the asker as a friend, but for herself.
//
// Errors: Invalid for more than MaxPresence users, or what is no user id.
func (s *Presence) Of(ctx context.Context, asker UserID, users []UserID) ([]Appearance, error) {
	if len(users) > MaxPresence {
		return nil, Errorf(Invalid, "users: at most %d", MaxPresence)
	}
	for _, user := range users {
		if !user.Valid() {
			return nil, Errorf(Invalid, "users: not all are user ids")
		}
	}
	return s.of(ctx, asker, users)
}

// of answers Of, for any number of users.
func (s *Presence) of(ctx context.Context, asker UserID, users []UserID) ([]Appearance, error) {
	befriended, err := s.cfg.Friends.Befriended(ctx, users, asker)
	if err != nil {
		return nil, err
	}
	var seen []Appearance
	var away []UserID
	now := s.cfg.Now()
	s.mu.Lock()
	for i, user := range users {
		if !befriended[i] && user != asker {
			continue
		}
		a := Appearance{User: user}
		if v := s.visits[user]; v != nil && (v.sockets > 0 || s.lingers(v, now)) {
			a.Online, a.At = true, v.since
		} else {
			away = append(away, user)
		}
		seen = append(seen, a)
	}
	s.mu.Unlock()
	if len(away) == 0 {
		return seen, nil
	}
	elsewhere, err := s.elsewhere(ctx, away)
	if err != nil {
		return nil, err
	}
	last, err := s.cfg.Devices.LastSeen(ctx, away)
	if err != nil {
		return nil, err
	}
	for i := range seen {
		if seen[i].Online {
			continue
		}
		if seen[i].At, seen[i].Online = elsewhere[seen[i].User]; !seen[i].Online {
			seen[i].At = last[0]
		}
		last = last[1:]
	}
	return seen, nil
}

// visitQueue is a heap, the visit to look at first on top.
type visitQueue []*visit

func (q visitQueue) Len() int           { return len(q) }
func (q visitQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q visitQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i+1, j+1
}

func (q *visitQueue) Push(x any) {
	v := x.(*visit)
	*q = append(*q, v)
	v.place = len(*q)
}

func (q *visitQueue) Pop() any {
	last := (*q)[len(*q)-1]
	last.place = 0
	(*q)[len(*q)-1] = nil
	*q = (*q)[:len(*q)-1]
	return last
}
