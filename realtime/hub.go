package realtime

import (
	"hash/maphash"
	"slices"
	"sync"

	"github.com/parley-chat/parley/chat"
)

// hub knows which sessions each user has on this node. Its zero value is not ready: use newHub.
type hub struct {
	seed   maphash.Seed
	shards [64]hubShard
}

type hubShard struct {
	mu    sync.RWMutex
	users map[chat.UserID][]*session // a slice is never changed, only replaced: readers walk it without the lock

	evicting sync.Mutex // one login at a time evicts the user's other devices; taken before everything else
}

func newHub() hub { return hub{seed: maphash.MakeSeed()} }

func (h *hub) shard(user chat.UserID) *hubShard {
	return &h.shards[maphash.String(h.seed, string(user))%uint64(len(h.shards))]
}

// of returns the sessions of a user. The slice must not be changed.
func (h *hub) of(user chat.UserID) []*session {
	s := h.shard(user)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.users[user]
}

func (h *hub) add(user chat.UserID, add *session) {
	s := h.shard(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == nil {
		s.users = make(map[chat.UserID][]*session)
	}
	if former := s.users[user]; !slices.Contains(former, add) {
		s.users[user] = append(slices.Clip(former), add)
	}
}

func (h *hub) remove(user chat.UserID, gone *session) {
	s := h.shard(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(s.users[user]), func(s *session) bool { return s == gone })
	if len(rest) == 0 {
		delete(s.users, user)
		return
	}
	s.users[user] = rest
}
