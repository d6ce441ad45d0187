package realtime

import (
	"context"
	"strings"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/rawjson"
	"github.com/parley-chat/parley/realtime/socketio"
)

func loginEvents() map[string]event {
	return map[string]event{
		"login": {anyone, (*session).login},
	}
}

const howToLogIn = "log in first: connect with {auth: {token}}, or emit login with {token}; POST /login gives a token"

// unnamedDevice stands for the device of a client that brings neither a device name nor a token.
const unnamedDevice chat.DeviceID = "unnamed"

// Connect implements socketio.Namespace. A client may come without a token, but not with a bad one.
func (d *Server) Connect(socket *socketio.Socket, auth []byte) (socketio.Handler, error) {
	h := *socket.Handshake().(*handshake)
	var token, device string
	if auth != nil && !readTexts(auth, text{"token", &token}, text{"device", &device}) {
		return nil, refusal(chat.Errorf(chat.Invalid, "auth: token and device are strings"))
	}
	if token != "" {
		h.token = token
	}
	s := newSession(d, socket)
	if s.device = chat.DeviceID(device); s.device == "" {
		s.device = chat.DeviceID(h.device)
	}
	if h.token == "" {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), eventTime)
	defer cancel()
	who, err := d.authenticate(ctx, h.token)
	if err != nil {
		return nil, refusal(err)
	}
	s.user, s.token = who.user, who.token
	if s.device == "" {
		s.device = who.device
	}
	d.hub.Add(s.user, s)
	if err := d.still(ctx, who); err != nil {
		d.hub.Remove(s.user, s)
		return nil, refusal(err)
	}
	return s, nil
}

// refusal is an error as the client's connect_error has it.
func refusal(err error) *socketio.ConnectError {
	f := failureOf(chat.AsError(err))
	return &socketio.ConnectError{Message: f.Message, Data: f}
}

// expel refuses a login whose token died while it was under way, and ends the socket, which is in the hub by now.
func (s *session) expel(to answerTo, err error) {
	s.refuse(to, err)
	s.kick("the token is no longer good: log in again")
}

// identity is whose socket it is, at which device, and what proves it.
type identity struct {
	user   chat.UserID
	device chat.DeviceID
	token  chat.Token // zero when a bare id was believed
	proof  string     // the token's text, when this request brought it
	ended  uint64     // Server.ended before it was checked
}

// authenticate accepts a token with or without the scheme that HTTP puts before it.
func (d *Server) authenticate(ctx context.Context, token string) (identity, error) {
	const scheme = "Bearer "
	if len(token) > len(scheme) && token[:len(scheme)] == scheme {
		token = token[len(scheme):]
	}
	ended := d.ended.Load()
	account, claims, err := d.cfg.Accounts.Authenticate(ctx, token)
	return identity{account.ID, chat.DeviceID(claims.Token.ID), claims.Token, token, ended}, err
}

// still tells whether a proof is as good as it was, once its socket is in the hub. One that died in between did so
// before its socket could be found and ended. It is checked again only if some token died meanwhile.
func (d *Server) still(ctx context.Context, who identity) error {
	if who.proof == "" || d.ended.Load() == who.ended {
		return nil
	}
	_, _, err := d.cfg.Accounts.Authenticate(ctx, who.proof)
	return err
}

// loginRequest is the argument of `login`: a bare user id, or {userid, token, device}, or nothing when the handshake said
// it all.
type loginRequest struct {
	userID, token, device string
}

func readLogin(args [][]byte) (r loginRequest, err error) {
	if len(args) == 0 || string(args[0]) == "null" {
		return r, nil
	}
	if id, ok := rawjson.String(args[0]); ok {
		return loginRequest{userID: id}, nil
	}
	if len(args) > 1 || !readTexts(args[0], text{"userid", &r.userID}, text{"token", &r.token}, text{"device", &r.device}) {
		return r, chat.Errorf(chat.Invalid, "login takes a user id or {userid, token, device}")
	}
	return r, nil
}

// text is a member of an object that is a string, and where to put it.
type text struct {
	name string
	into *string
}

// readTexts reads some members of an object; null leaves what is there. Names fit in any case, as they do with
// encoding/json. It returns false for what is no object, and when one of the texts is none.
func readTexts(object []byte, texts ...text) bool {
	malformed := false
	err := rawjson.Fields(object, func(name, value []byte) error {
		for _, t := range texts {
			if strings.EqualFold(string(name), t.name) && string(value) != "null" {
				s, ok := rawjson.String(value)
				*t.into, malformed = s, malformed || !ok
			}
		}
		return nil
	})
	return err == nil && !malformed
}

// loginReply is the event `login` and, with ok, its ack: {message, id, userId, device}.
type loginReply struct {
	socket string
	user   chat.UserID
	device chat.DeviceID
}

func (r loginReply) wireSize() int { return 80 + len(r.socket) + len(r.user) + len(r.device) }

func (r loginReply) appendMembers(b []byte) []byte {
	b = append(append(b, `"message":"登录成功","id":"`...), r.socket...) // base64 and hex digits: nothing to escape
	b = append(append(b, `","userId":"`...), r.user...)
	return rawjson.AppendString(append(b, `","device":`...), string(r.device))
}

// login proves who the socket is and starts delivery, oldest first.
func (s *session) login(e *socketio.Event) {
	to := answerOf(e)
	ctx, cancel := context.WithTimeout(context.Background(), eventTime)
	defer cancel()
	request, err := readLogin(e.Args)
	if err != nil {
		s.refuse(to, err)
		return
	}
	who, err := s.identify(ctx, request)
	if err != nil {
		switch chat.CodeOf(err) {
		case chat.Unauthenticated, chat.Forbidden:
			s.emit("unauthorized", failureOf(chat.AsError(err)))
			if to.ack < 0 {
				return // `unauthorized` says it all
			}
		}
		s.refuse(to, err)
		return
	}
	if err := s.start(ctx, to, who); err != nil {
		s.refuse(to, err)
	}
}

// identify tells whose socket this is.
func (s *session) identify(ctx context.Context, r loginRequest) (who identity, err error) {
	s.mu.Lock()
	former := identity{user: s.user, device: s.device, token: s.token}
	s.mu.Unlock()
	switch {
	case r.token != "":
		if who, err = s.door.authenticate(ctx, r.token); err != nil {
			return who, err
		}
		if former.device != "" && (former.user == "" || former.user == who.user) {
			who.device = former.device
		}
	case s.door.cfg.Trust && r.userID != "":
		who = former
		if who.user, err = s.trust(ctx, chat.UserID(r.userID)); err != nil {
			return who, err
		}
		if who.user != former.user {
			who.token = chat.Token{}
		}
	case former.user == "":
		return who, chat.Errorf(chat.Unauthenticated, howToLogIn)
	default:
		who = former
	}
	if r.userID != "" && chat.UserID(r.userID) != who.user {
		return who, chat.Errorf(chat.Forbidden, "userid: not the token's user")
	}
	if r.device != "" {
		who.device = chat.DeviceID(r.device)
	}
	if who.device == "" {
		who.device = unnamedDevice
	}
	return who, nil
}

// trust believes a bare user id, if there is such a user.
func (s *session) trust(ctx context.Context, id chat.UserID) (chat.UserID, error) {
	account, err := s.door.cfg.Accounts.Store.Account(ctx, id)
	if chat.CodeOf(err) == chat.NotFound {
		return "", chat.Errorf(chat.Unauthenticated, "userid: no such user")
	}
	return account.ID, err
}

// start makes the session that of a device, and sends what the device has not got. A second login of the same device
// is answered and changes nothing.
func (s *session) start(ctx context.Context, to answerTo, who identity) error {
	user, device := who.user, who.device
	reply := loginReply{s.socket.ID(), user, device}
	s.mu.Lock()
	formerUser, formerDevice, wasIn := s.user, s.device, s.phase != idle
	sameDevice := wasIn && formerUser == user && formerDevice == device
	sameToken := s.token.ID == who.token.ID
	s.mu.Unlock()
	if sameDevice && sameToken {
		s.emit("login", reply)
		s.answer(to, reply)
		return nil
	}
	login := chat.Device{User: user, ID: device, Address: s.address()}
	if who.token.ID != "" {
		login.Tokens = []chat.Token{who.token}
	}
	cursors, err := s.door.cfg.Devices.Login(ctx, login)
	if err != nil {
		return err
	}
	if sameDevice { // with a fresh token
		s.mu.Lock()
		s.token = who.token
		s.mu.Unlock()
		if err := s.door.still(ctx, who); err != nil {
			s.expel(to, err)
			return nil
		}
		s.emit("login", reply)
		s.answer(to, reply)
		return nil
	}
	if wasIn || formerUser != user {
		s.door.leave(s, formerUser, wasIn)
	}
	if err := s.door.cfg.Registry.Enter(ctx, user, device, chat.SocketID(s.socket.ID())); err != nil {
		s.logOut()
		return err
	}
	s.door.hub.Add(user, s)
	s.mu.Lock()
	if s.phase == over { // it left while this was under way
		s.mu.Unlock()
		s.door.leave(s, user, true)
		return nil
	}
	s.user, s.device, s.token, s.phase = user, device, who.token, replaying
	s.generation++
	wrote := s.forget()
	s.appear()
	s.mu.Unlock()
	s.door.cfg.Cursors.Advance(formerUser, formerDevice, nil, wrote)

	// From here on nothing that is committed passes unnoticed. What was committed before is in the engine.
	if err := s.door.still(ctx, who); err != nil {
		s.expel(to, err)
		return nil
	}
	var standing chat.Standing
	if err = s.evictOthers(ctx); err == nil {
		standing, err = s.door.cfg.Messages.Behind(ctx, user, cursors)
	}
	if err != nil {
		s.logOut()
		s.vanish()
		s.door.cfg.Registry.Leave(ctx, user, chat.SocketID(s.socket.ID()))
		return err
	}
	s.emit("login", reply)
	s.answer(to, reply)
	s.door.tellWaiting(s, user)
	s.begun(standing)
	return nil
}

// begun has the session go on from where its device stands.
func (s *session) begun(standing chat.Standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != replaying {
		return
	}
	for conv, seq := range standing.Rooms {
		if t, met := s.convs[conv]; t != nil || !met { // met, and without a track, is a room that she was just put out of
			s.goOn(conv, seq)
		}
	}
	behind := standing.Behind
	if len(behind) == 0 && len(s.missed) == 0 && len(s.changes) == 0 {
		s.phase = live
		return
	}
	for conv, seq := range s.missed {
		if _, known := behind[conv]; known {
			continue
		}
		if t := s.convs[conv]; t != nil && t.exact {
			seq = t.sent
		}
		behind[conv] = seq
	}
	s.missed, s.away = nil, standing.Last
	s.replay(behind)
}

// logOut makes of a session whose login failed one that has not logged in. Like one that only connected it stays in the
// hub, to be found when its user's tokens die.
func (s *session) logOut() {
	s.mu.Lock()
	user, gone := s.user, s.phase == over
	if !gone {
		s.phase = idle
	}
	s.mu.Unlock()
	if user == "" || gone {
		return
	}
	s.door.hub.Add(user, s)
	s.mu.Lock()
	gone = s.phase == over
	s.mu.Unlock()
	if gone { // it left while this was under way
		s.door.hub.Remove(user, s)
	}
}
