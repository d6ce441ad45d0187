package plainws

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/gobwas/ws"

	"github.com/parley-chat/parley/chat"
)

// identity is whose session it is, at which device, and what proves it.
type identity struct {
	user   chat.UserID
	name   string
	device chat.DeviceID
	token  chat.Token
	text   string // of the token
	ended  uint64 // Server.ended before it was checked
}

// identify tells whose a request is, by its token in the query or in the header Authorization.
//
// Errors: Unauthenticated; Forbidden when it is not Sender's.
func (d *Server) identify(ctx context.Context, r *http.Request) (identity, error) {
	query := r.URL.Query()
	who := identity{text: query.Get("token"), ended: d.ended.Load()}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); who.text == "" && ok && strings.EqualFold(scheme, "bearer") {
		who.text = strings.TrimSpace(token)
	}
	if who.text == "" {
		return who, chat.Errorf(chat.Unauthenticated, "no token: connect to /ws/ACCOUNT?token=TOKEN; POST /account/login gives one")
	}
	a, claims, err := d.cfg.Accounts.Authenticate(ctx, who.text)
	if err != nil {
		return who, err
	}
	if err := d.isHer(ctx, a, r.PathValue("Sender")); err != nil {
		return who, err
	}
	who.user, who.name, who.token = a.ID, a.Username, claims.Token
	if who.device = chat.DeviceID(strings.Clone(query.Get("device"))); who.device == "" {
		// Another program than the Socket.IO client that has the same token, which keeps its place by it.
		who.device = "ws:" + chat.DeviceID(claims.Token.ID)
	}
	who.text = strings.Clone(who.text) // not part of the request, which would stay in memory with it
	return who, nil
}

// isHer tells whether sender is a user's name, id or number.
func (d *Server) isHer(ctx context.Context, a chat.Account, sender string) error {
	if sender == a.Username || sender == string(a.ID) {
		return nil
	}
	if number, err := strconv.ParseUint(sender, 10, 64); err == nil {
		if a, err = d.cfg.Accounts.WithNumber(ctx, a); err != nil {
			return err
		}
		if number == a.Number {
			return nil
		}
	}
	return chat.Errorf(chat.Forbidden, "the path names another user than the token: /ws/ACCOUNT, with one's own account, id or number")
}

// enter makes the session known, so that it hears, is counted, and can be ended. What goes wrong ends it. It hears first
// what it missed: what is live waits for that.
func (s *session) enter(ctx context.Context) {
	d := s.door
	d.hub.Add(s.user, s)
	d.names.Put(s.user, s.name)
	d.cfg.Presence.Enter(s.user, s.device, s.address)
	err := d.cfg.Registry.Enter(ctx, s.user, s.device, s.socket)
	// A token that died before the session was in the hub did so unheard: it is looked at again, if any died meanwhile.
	if err == nil && d.ended.Load() != s.ended {
		_, _, err = d.cfg.Accounts.Authenticate(ctx, s.text)
	}
	s.text = ""
	if err == nil {
		err = d.cfg.Devices.Evict(ctx, s.user, s.here)
	}
	if err != nil {
		d.log("session refused", err)
		s.end(closeCode(err), chat.AsError(err).Message)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replay()
}

// here is what chat.Devices.Evict asks.
func (s *session) here() (chat.DeviceID, chat.TokenID, bool) {
	return s.device, s.token.ID, !s.isOver()
}

// leave undoes what enter did.
func (s *session) leave() {
	d := s.door
	d.hub.Remove(s.user, s)
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	d.cfg.Presence.Leave(s.user, s.device, s.address)
	ctx, cancel := context.WithTimeout(context.Background(), engineTime)
	defer cancel()
	d.cfg.Registry.Leave(ctx, s.user, s.socket)
	s.giveUp()
}

// closeCode is what a WebSocket is closed with for an error (RFC 6455, section 7.4; 1013 is registered with IANA).
func closeCode(err error) ws.StatusCode {
	switch chat.CodeOf(err) {
	case chat.Unauthenticated, chat.Forbidden, chat.TooMany:
		return ws.StatusPolicyViolation
	case chat.Unavailable:
		return 1013 // try again later
	default:
		return ws.StatusInternalServerError
	}
}
