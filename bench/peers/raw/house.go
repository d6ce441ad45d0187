package main

import "sync"

// house is who is there.
type house struct {
	mu    sync.RWMutex
	users map[string]*peer // by user id
	rooms map[string]map[*peer]bool
}

func (h *house) enter(me *peer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users[string(me.user)] = me
}

func (h *house) join(me *peer, room string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rooms[room] == nil {
		h.rooms[room] = make(map[*peer]bool)
	}
	h.rooms[room][me] = true
}

func (h *house) leave(me *peer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.users[string(me.user)] == me {
		delete(h.users, string(me.user))
	}
	for _, members := range h.rooms {
		delete(members, me)
	}
}

// tell queues a frame for a user, if she is there, and enters her in touched.
func (h *house) tell(user []byte, touched map[*peer]bool, parts ...[]byte) {
	h.mu.RLock()
	receiver := h.users[string(user)]
	h.mu.RUnlock()
	if receiver != nil {
		receiver.frame(parts...)
		touched[receiver] = true
	}
}

// say queues a frame, made once, for everyone in a room, and enters them in touched.
func (h *house) say(room string, touched map[*peer]bool, parts ...[]byte) {
	whole := frame(nil, parts...)
	h.mu.RLock()
	defer h.mu.RUnlock()
	for member := range h.rooms[room] {
		member.mu.Lock()
		member.out = append(member.out, whole...)
		member.mu.Unlock()
		touched[member] = true
	}
}
