// Package hub knows who is at a door: which sessions each user has there. Each door that holds connections has a hub of
// its own, over its own kind of session.
package hub

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/parley-chat/parley/chat"
)

// Hub knows the sessions of each user at one door. Make it with New.
type Hub[S comparable] struct {
	seed   maphash.Seed
	users  atomic.Int64
	shards [64]shard[S]
}

type shard[S comparable] struct {
	mu    sync.RWMutex
	users map[chat.UserID][]S // a slice is never changed, only replaced: readers walk it without the lock
}

// New returns an empty hub.
func New[S comparable]() *Hub[S] { return &Hub[S]{seed: maphash.MakeSeed()} }

func (h *Hub[S]) shard(user chat.UserID) *shard[S] {
	return &h.shards[maphash.String(h.seed, string(user))%uint64(len(h.shards))]
}

// Of returns the sessions of a user. The slice must not be changed.
func (h *Hub[S]) Of(user chat.UserID) []S {
	s := h.shard(user)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.users[user]
}

// Users returns how many users have a session here.
func (h *Hub[S]) Users() int { return int(h.users.Load()) }

// Each calls walk with every user who is here and stays, and her sessions, in no order, until it returns false. Some users
// are held while it runs: walk must not call Add or Remove, nor wait for whoever does.
func (h *Hub[S]) Each(walk func(user chat.UserID, sessions []S) (more bool)) {
	for i := range h.shards {
		if !h.shards[i].each(walk) {
			return
		}
	}
}

func (s *shard[S]) each(walk func(chat.UserID, []S) bool) (more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for user, sessions := range s.users {
		if !walk(user, sessions) {
			return false
		}
	}
	return true
}

// Add enters a session of a user. One that is there already stays there once.
func (h *Hub[S]) Add(user chat.UserID, add S) {
	s := h.shard(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == nil {
		s.users = make(map[chat.UserID][]S)
	}
	former := s.users[user]
	if slices.Contains(former, add) {
		return
	}
	if len(former) == 0 {
		h.users.Add(1)
	}
	s.users[user] = append(slices.Clip(former), add)
}

// Remove takes a session of a user out. One that is not there is no error.
func (h *Hub[S]) Remove(user chat.UserID, gone S) {
	s := h.shard(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	former := s.users[user]
	rest := slices.DeleteFunc(slices.Clone(former), func(s S) bool { return s == gone })
	switch {
	case len(rest) > 0:
		s.users[user] = rest
	case len(former) > 0:
		delete(s.users, user)
		h.users.Add(-1)
	}
}
