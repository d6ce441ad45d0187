package realtime

import (
	"context"
	"encoding/json"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/socketio"
)

func presenceEvents() map[string]event {
	return map[string]event{
		"presence": {known, rule(presenceOf)},
	}
}

// appearance is the event `presence`, and one user in the answer to a question.
type appearance struct {
	User   chat.UserID `json:"user"`
	Online bool        `json:"online"`
	At     int64       `json:"at"` // milliseconds since 1970; 0 for never
}

func appearanceOf(a chat.Appearance) appearance {
	w := appearance{User: a.User, Online: a.Online}
	if !a.At.IsZero() {
		w.At = a.At.UnixMilli()
	}
	return w
}

type presenceRequest struct {
	Users []chat.UserID `json:"users"`
}

type presenceReply struct {
	Users []appearance `json:"users"`
}

func presenceOf(ctx context.Context, s *session, r presenceRequest) (presenceReply, error) {
	seen, err := s.door.cfg.Presence.Of(ctx, s.userID(), r.Users)
	reply := presenceReply{make([]appearance, len(seen))}
	for i, a := range seen {
		reply.Users[i] = appearanceOf(a)
	}
	return reply, err
}

// Appear implements chat.Audience. Whoever has much waiting is spared it.
func (d *Server) Appear(news []chat.News) {
	dirty := d.takeBatch()
	for _, n := range news {
		payload, _ := json.Marshal(appearanceOf(n.Appearance))
		frame := socketio.EventFrame("/", "presence", payload)
		for _, user := range n.To {
			for _, s := range d.hub.Of(user) {
				if s.isIn() && s.conn.Queued() <= maxLive && s.conn.Enqueue(frame) {
					*dirty = append(*dirty, s.conn)
				}
			}
		}
	}
	d.flush(dirty)
}

// isIn tells whether the session has logged in and has not left.
func (s *session) isIn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == replaying || s.phase == live
}

// appear notes that the session is in. The caller holds s.mu.
func (s *session) appear() {
	s.present = true
	s.door.cfg.Presence.Enter(s.user, s.device, s.address())
}

// vanish takes back what appear noted, once.
func (s *session) vanish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.present {
		s.present = false
		s.door.cfg.Presence.Leave(s.user, s.device, s.address())
	}
}

// address is where the client is.
func (s *session) address() string { return s.socket.Handshake().(*handshake).address }
