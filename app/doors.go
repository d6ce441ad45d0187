package app

import (
	"context"
	"sync"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/plainws"
	"github.com/parley-chat/parley/realtime"
)

// door holds connections of users: one for each way in which clients speak. It hears what all are told, and knows to
// whom of its own to say it.
type door interface {
	chat.Door // what was sent
	// Revoke ends every connection of a user whose tokens died.
	Revoke(user chat.UserID)
	// Evict ends the connections that an eviction means, but the one that asked for it.
	Evict(e chat.Eviction)
	// Connections returns how many clients are connected.
	Connections() int
	// Shutdown lets nobody in any more, sends what is queued, tells every client, and waits for them until ctx ends.
	Shutdown(ctx context.Context)
}

// doors are all doors that hold connections. A user may have connections at each, and what ends or changes for her does
// so at all of them.
type doors []door

// Revoke is chat.Accounts.Revoked.
func (d doors) Revoke(user chat.UserID) {
	for _, door := range d {
		door.Revoke(user)
	}
}

// Evict is chat.Devices.End.
func (d doors) Evict(e chat.Eviction) {
	for _, door := range d {
		door.Evict(e)
	}
}

// Connections returns how many clients are connected, by whichever door.
func (d doors) Connections() (n int) {
	for _, door := range d {
		n += door.Connections()
	}
	return n
}

// Shutdown closes the doors side by side.
func (d doors) Shutdown(ctx context.Context) {
	var all sync.WaitGroup
	for _, door := range d {
		all.Go(func() { door.Shutdown(ctx) })
	}
	all.Wait()
}

// those returns the doors that hear what T tells: not every door shows everything.
func those[T any](d doors) (all []T) {
	for _, door := range d {
		if hears, ok := door.(T); ok {
			all = append(all, hears)
		}
	}
	return all
}

// openPlain opens the plain WebSocket door over what the Socket.IO door stands on. An address's connections are counted
// together.
func openPlain(with realtime.Config) *plainws.Server {
	transport := with.Transport.Engine
	return plainws.New(plainws.Config{
		Accounts: with.Accounts, Rooms: with.Rooms, Messages: with.Messages, Devices: with.Devices, Cursors: with.Cursors,
		Registry: with.Registry, Presence: with.Presence, Now: with.Now, Log: with.Log,
		Events: with.Events, Bytes: with.Bytes, Handshakes: with.Handshakes, Connections: with.Connections,
		MaxQueued: transport.MaxQueued, WriteTimeout: transport.WriteTimeout,
		PingInterval: transport.PingInterval, PingTimeout: transport.PingTimeout,
	})
}
