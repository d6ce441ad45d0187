package app

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/engineio"
)

// administrators returns who is let into /admin. An entry that looks like a user id is one: nobody gets in by taking
// the id of another for a name.
func administrators(accounts *chat.Accounts, admins []string) func(context.Context, string) error {
	return func(ctx context.Context, token string) error {
		account, _, err := accounts.Authenticate(ctx, strings.TrimPrefix(token, "Bearer "))
		if err != nil {
			return err
		}
		if isAdministrator(account, admins) {
			return nil
		}
		return chat.Errorf(chat.Forbidden, "for administrators alone: ADMIN_USERS names them")
	}
}

func isAdministrator(a chat.Account, admins []string) bool {
	return slices.Contains(admins, string(a.ID)) || !chat.UserID(a.Username).Valid() && slices.Contains(admins, a.Username)
}

// staysAdministrator is chat.Accounts.Stays: whoever took the free name of an administrator would be one.
func staysAdministrator(admins []string) func(chat.Account) error {
	return func(a chat.Account) error {
		if isAdministrator(a, admins) {
			return chat.Errorf(chat.Forbidden, "an administrator's account stays: first take it out of ADMIN_USERS")
		}
		return nil
	}
}

// figures are what administrators see, once a second, as the event `stats`. Rates are those of the time since the
// last one.
type figures struct {
	At                time.Time      `json:"at"`
	Uptime            int64          `json:"uptime"` // seconds
	Connections       int            `json:"connections"`
	Transports        map[string]int `json:"transports"`
	Protocols         map[string]int `json:"protocols"` // generations of Engine.IO
	EventsPerSecond   float64        `json:"eventsPerSecond"`
	MessagesPerSecond float64        `json:"messagesPerSecond"`
	Send              sendQueues     `json:"send"`
	Commit            commitFigures  `json:"commit"`
	Memory            memory         `json:"memory"`
	Goroutines        int            `json:"goroutines"`
}

// sendQueues is what waits to be sent, over all connections.
type sendQueues struct {
	Packets int `json:"packets"`
	Bytes   int `json:"bytes"`
	Longest int `json:"longest"` // bytes that wait for one of them
}

// commitFigures is what the group commit does.
type commitFigures struct {
	Queued           int     `json:"queued"`
	QueuedBytes      int     `json:"queuedBytes"`
	BatchesPerSecond float64 `json:"batchesPerSecond"`
	BatchSize        float64 `json:"batchSize"` // messages, on average
	Latency          float64 `json:"latency"`   // milliseconds that the engine takes for a batch, on average
}

// memory is in bytes.
type memory struct {
	Heap   uint64 `json:"heap"`
	System uint64 `json:"system"`
}

// sources is where figures come from.
type sources struct {
	server  *Server
	started time.Time
	now     func() time.Time
}

// sample is all that is counted, at one moment.
type sample struct {
	at        time.Time
	transport engineio.Stats
	events    uint64
	commit    chat.CommitStats
}

func (s *sources) sample() sample {
	transport, events := s.server.door.Stats()
	if s.server.extension != nil {
		events += s.server.extension.Events()
	}
	return sample{s.now(), transport, events, s.server.messages.Stats()}
}

// watch begins a row of figures.
func (s *sources) watch() func() any {
	last := s.sample()
	return func() any {
		former := last
		last = s.sample()
		return last.since(former, s.started)
	}
}

// since makes figures of a sample and the one before it.
func (to sample) since(from sample, started time.Time) figures {
	seconds := to.at.Sub(from.at).Seconds()
	batches := float64(to.commit.Batches - from.commit.Batches)
	messages := float64(to.commit.Messages - from.commit.Messages)
	spent := to.commit.Spent - from.commit.Spent
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return figures{
		At: to.at, Uptime: int64(to.at.Sub(started).Seconds()),
		Connections:       to.transport.Connections,
		Transports:        map[string]int{"polling": to.transport.Polling, "websocket": to.transport.WebSocket},
		Protocols:         map[string]int{"3": to.transport.Protocol3, "4": to.transport.Connections - to.transport.Protocol3},
		EventsPerSecond:   ratio(float64(to.events-from.events), seconds),
		MessagesPerSecond: ratio(messages, seconds),
		Send:              sendQueues{to.transport.Queued, to.transport.QueuedBytes, to.transport.LongestQueue},
		Commit: commitFigures{
			Queued: to.commit.Queued, QueuedBytes: to.commit.QueuedBytes,
			BatchesPerSecond: ratio(batches, seconds), BatchSize: ratio(messages, batches),
			Latency: ratio(float64(spent)/float64(time.Millisecond), batches),
		},
		Memory: memory{m.HeapAlloc, m.Sys}, Goroutines: runtime.NumGoroutine(),
	}
}

// ratio is 0 where there is nothing to divide by.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
