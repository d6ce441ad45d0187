package embedded

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-chat/parley/chat"
)

// sockets are where users can be reached. They are kept in memory alone: one process has the folder at a time, and its
// sockets end with it. So a login that writes nothing else writes nothing. The zero value is ready.
type sockets struct {
	mu    sync.RWMutex // guards what follows
	users map[chat.UserID][]chat.Socket
	nodes map[chat.NodeID]time.Time // alive until then
}

// PutSocket implements chat.SocketStore.
func (s *Store) PutSocket(ctx context.Context, sock chat.Socket) error {
	if !sock.User.Valid() {
		return chat.Errorf(chat.Invalid, "not a user id")
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	if s.sockets.users == nil {
		s.sockets.users = make(map[chat.UserID][]chat.Socket)
	}
	here := s.sockets.users[sock.User]
	if i := slices.IndexFunc(here, func(o chat.Socket) bool { return o.ID == sock.ID }); i >= 0 {
		here[i] = sock
		return nil
	}
	s.sockets.users[sock.User] = append(here, sock)
	return nil
}

// DeleteSocket implements chat.SocketStore. It deletes while the disk is away, too: what it left would stay.
func (s *Store) DeleteSocket(ctx context.Context, user chat.UserID, id chat.SocketID) error {
	s.sockets.mu.Lock()
	s.sockets.keep(user, func(o chat.Socket) bool { return o.ID != id })
	s.sockets.mu.Unlock()
	err := s.enter(ctx)
	if err == nil {
		s.leave()
	}
	return err
}

// keep leaves a user the sockets that are to stay, and says how many went. The caller holds the lock.
func (s *sockets) keep(user chat.UserID, stays func(chat.Socket) bool) (gone int) {
	former := s.users[user]
	rest := slices.DeleteFunc(former, func(o chat.Socket) bool { return !stays(o) })
	if len(rest) == 0 {
		delete(s.users, user)
	} else {
		s.users[user] = rest
	}
	return len(former) - len(rest)
}

// Sockets implements chat.SocketStore.
func (s *Store) Sockets(ctx context.Context, users []chat.UserID, now time.Time) ([]chat.Socket, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	s.sockets.mu.RLock()
	defer s.sockets.mu.RUnlock()
	var found []chat.Socket
	for _, user := range users {
		for _, sock := range s.sockets.users[user] {
			if s.sockets.nodes[sock.Node].After(now) {
				found = append(found, sock)
			}
		}
	}
	return found, nil
}

// Beat implements chat.SocketStore.
func (s *Store) Beat(ctx context.Context, node chat.NodeID, until time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	if s.sockets.nodes == nil {
		s.sockets.nodes = make(map[chat.NodeID]time.Time)
	}
	s.sockets.nodes[node] = until
	return nil
}

// SweepSockets implements chat.SocketStore. It looks through all sockets only when a node died.
func (s *Store) SweepSockets(ctx context.Context, now time.Time) (removed int, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	dead := make(map[chat.NodeID]bool)
	for node, until := range s.sockets.nodes {
		if !until.After(now) {
			dead[node] = true
			delete(s.sockets.nodes, node)
		}
	}
	if len(dead) == 0 {
		return 0, nil
	}
	for user := range s.sockets.users { // keep may delete the one it is at
		removed += s.sockets.keep(user, func(o chat.Socket) bool { return !dead[o.Node] })
	}
	return removed, nil
}

// dropSockets removes what former versions left in the folder: they wrote sockets down.
func (s *Store) dropSockets() error {
	for _, kind := range []byte{kindSocket, kindNode} {
		left := false
		if err := s.each([]byte{kind}, func(_, _ []byte) error { left = true; return nil }); err != nil {
			return err
		}
		if !left {
			continue
		}
		if err := s.db.DeleteRange([]byte{kind}, []byte{kind + 1}, pebble.NoSync); err != nil {
			return broken(err)
		}
	}
	return nil
}
