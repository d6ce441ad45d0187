package realtime

import (
	"context"
	"slices"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/socketio"
)

func deviceEvents() map[string]event {
	return map[string]event{
		"device:list": {known, (*session).listDevices},
		"device:kick": {known, (*session).kickDevice},
	}
}

// deviceReply is one device in the answer to `device:list`.
type deviceReply struct {
	Device  chat.DeviceID `json:"device"`
	Address string        `json:"address"`
	Seen    int64         `json:"seen"` // milliseconds since 1970
	Online  bool          `json:"online"`
	Current bool          `json:"current"`
}

// listDevices takes no argument, or any.
func (s *session) listDevices(e *socketio.Event) {
	ctx, cancel := context.WithTimeout(context.Background(), eventTime)
	defer cancel()
	s.mu.Lock()
	user, device, loggedIn := s.user, s.device, s.phase != idle
	s.mu.Unlock()
	all, err := s.door.cfg.Devices.List(ctx, user)
	if err != nil {
		s.refuse(answerOf(e), err)
		return
	}
	reply := struct {
		Devices []deviceReply `json:"devices"`
	}{make([]deviceReply, len(all))}
	for i, d := range all {
		reply.Devices[i] = deviceReply{d.ID, d.Address, d.Seen.UnixMilli(), d.Online, loggedIn && d.ID == device}
	}
	s.answer(answerOf(e), reply)
}

type kickRequest struct {
	Device chat.DeviceID `json:"device"`
}

// kickDevice ends a device. One that kicks itself is answered first.
func (s *session) kickDevice(e *socketio.Event) {
	ctx, cancel := context.WithTimeout(context.Background(), eventTime)
	defer cancel()
	var ended chat.Eviction
	r, err := readRequest[kickRequest](e)
	if err == nil {
		ended, err = s.door.cfg.Devices.Kick(ctx, s.userID(), r.Device, s)
	}
	if err != nil {
		s.refuse(answerOf(e), err)
	} else {
		s.answer(answerOf(e), struct{}{})
	}
	if s.meant(ended) {
		s.kick(ended.Reason)
	}
}

// evictOthers ends the user's other devices, if there may be one at a time.
func (s *session) evictOthers(ctx context.Context) error {
	return s.door.cfg.Devices.Evict(ctx, s.userID(), func() (chat.DeviceID, chat.TokenID, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.device, s.token.ID, s.phase != over
	})
}

// Evict ends the sockets that an eviction means, but the one that asked for it.
func (d *Server) Evict(e chat.Eviction) {
	d.ended.Add(1)
	for _, s := range d.hub.Of(e.User) {
		if s != e.Asking && s.meant(e) {
			s.kick(e.Reason)
		}
	}
}

// meant tells whether an eviction means this session: it came with a token that is dead, or is logged in as the device.
func (s *session) meant(e chat.Eviction) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.user == e.User && (s.phase != idle && slices.Contains(e.Devices, s.device) ||
		slices.ContainsFunc(e.Tokens, func(t chat.Token) bool { return t.ID == s.token.ID }))
}
