package gateway

import (
	"cmp"
	"context"
	"slices"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/uschat"
)

func loginRequests() map[uint16]request {
	return map[uint16]request{
		1005: {reply: 1006, open: true, handle: (*session).logIn},
		1023: {reply: 1024, open: true, handle: rule(heartbeat)},
	}
}

// profile is a user as everybody may see her.
type profile struct {
	UID  uint64 `json:"uid"`
	Name string `json:"name"`
	Nick string `json:"nick"`
	Icon string `json:"icon"`
	Sex  int    `json:"sex"`
	Desc string `json:"desc"`
}

func (d *Server) profile(a *chat.Account) profile {
	return profile{a.Number, a.Username, cmp.Or(a.Nickname, a.Username), d.icon(a), a.Sex, a.Description}
}

type loginRequest struct {
	UID   uschat.Number `json:"uid"`
	Token uschat.Text   `json:"token"`
}

// loginReply is what UsChat's client begins with. What of the lists does not fit into the frame follows, as if it
// happened now.
type loginReply struct {
	answer
	profile
	Email   string      `json:"email"`
	Token   string      `json:"token"`
	Applies []applicant `json:"apply_list"`
	Friends []friend    `json:"friend_list"`
}

// logIn proves by a token whose session this is, and starts telling it what happens. A user has one session at this door:
// her former one ends.
func (s *session) logIn(r request, body []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	if s.user != "" {
		s.refuse(r, chat.Errorf(chat.Invalid, "logged in already"))
		return
	}
	var reply loginReply
	var rest []told
	q, err := decode[loginRequest](body)
	if err == nil {
		reply, rest, err = s.start(ctx, q)
	}
	if err != nil {
		s.refuse(r, err)
		if s.user != "" { // too late to try again on this connection
			e := chat.AsError(err)
			s.end(notice{Error: uschat.ErrorOf(e.Code), Reason: e.Message})
		}
		return
	}
	// What is delivered before the answer is on its way, the client loads behind it; the rest it hears.
	s.mu.Lock()
	defer s.mu.Unlock()
	s.send(encode(r.reply, reply))
	for _, t := range rest {
		if t.frame != nil {
			s.send(t.frame)
		}
	}
	for _, t := range s.held {
		if !slices.ContainsFunc(rest, func(r told) bool { return r.id == t.id && r.uid == t.uid }) {
			s.send(t.frame)
		}
	}
	s.held, s.live = nil, true
}

// told is what a client hears of a user: by a frame, or without one in the answer to its login.
type told struct {
	id    uint16
	uid   uint64
	frame []byte
}

// maxHeld bounds what happens between friends while a login is under way and is told behind it.
const maxHeld = 64

// tell sends a client what it is told, or keeps it until the login is answered.
func (s *session) tell(t told) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.live:
		s.send(t.frame)
	case len(s.held) < maxHeld:
		s.held = append(s.held, t)
	}
}

// start makes the session a user's.
func (s *session) start(ctx context.Context, q loginRequest) (reply loginReply, rest []told, err error) {
	d, token := s.door, string(q.Token)
	ended := d.ended.Load()
	a, claims, err := d.cfg.Accounts.Authenticate(ctx, token)
	if err == nil {
		a, err = d.know(ctx, a)
	}
	switch {
	case err != nil:
		return reply, nil, err
	case uint64(q.UID) != a.Number:
		return reply, nil, chat.Errorf(chat.NotFound, "uid: not the token's user")
	}
	// Another device than a Socket.IO client that came with the same token: that one is sent what this one writes.
	device, socket := "uschat:"+chat.DeviceID(claims.Token.ID), chat.SocketID(chat.RandomID(15))
	login := chat.Device{User: a.ID, ID: device, Address: s.address, Tokens: []chat.Token{claims.Token}}
	if _, err := d.cfg.Devices.Login(ctx, login); err != nil {
		return reply, nil, err
	}
	if err := d.cfg.Registry.Enter(ctx, a.ID, device, socket); err != nil {
		return reply, nil, err
	}
	s.user, s.number, s.device, s.token, s.socket, s.login = a.ID, a.Number, device, claims.Token, socket, d.logins.Add(1)
	d.hub.Add(s.user, s)
	d.cfg.Presence.Enter(s.user, s.device, s.address)
	// It can be found and ended from here on. A token that died before did so unheard.
	if d.ended.Load() != ended {
		if _, _, err := d.cfg.Accounts.Authenticate(ctx, token); err != nil {
			return reply, nil, err
		}
	}
	s.supersede()
	if err := d.cfg.Devices.Evict(ctx, s.user, s.here); err != nil {
		return reply, nil, err
	}
	return d.welcome(ctx, a, token) // behind hub.Add: what happens from then on is held
}

// supersede ends the user's other sessions at this door, or this one if a later login is here already: of several at the
// same moment one stays.
func (s *session) supersede() {
	elsewhere := notice{Reason: "logged in elsewhere"}
	for _, other := range s.door.hub.Of(s.user) {
		switch {
		case other.login < s.login:
			other.end(elsewhere)
		case other.login > s.login:
			s.end(elsewhere)
		}
	}
}

// here is what chat.Devices.Evict asks.
func (s *session) here() (chat.DeviceID, chat.TokenID, bool) {
	select {
	case <-s.over:
		return "", "", false
	default:
		return s.device, s.token.ID, true
	}
}

// leave undoes what the login did.
func (s *session) leave() {
	if s.user == "" {
		return
	}
	d := s.door
	d.hub.Remove(s.user, s)
	d.cfg.Presence.Leave(s.user, s.device, s.address)
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	d.cfg.Registry.Leave(ctx, s.user, s.socket)
}

func heartbeat(context.Context, *session, struct{}) (answer, error) { return answer{}, nil }

// welcome makes the answer to a login, and says of whom it tells: with the frames for what does not fit into it.
func (d *Server) welcome(ctx context.Context, a chat.Account, token string) (reply loginReply, rest []told, err error) {
	list, err := d.cfg.Friends.List(ctx, a.ID)
	if err != nil {
		return reply, nil, err
	}
	reply = loginReply{profile: d.profile(&a), Email: a.Email, Token: token, Applies: []applicant{}, Friends: []friend{}}
	left := MaxBody - sizeOf(reply)
	for _, r := range list.Requests {
		if r.Account, err = d.know(ctx, r.Account); err != nil {
			return reply, nil, err
		}
		one, t := d.applicant(&r.Account, r.Note), told{id: idAsked, uid: r.Account.Number}
		if size := sizeOf(one); size <= left {
			reply.Applies, left = append(reply.Applies, one), left-size
		} else {
			t.frame = d.asked(&r.Account, r.Note)
		}
		rest = append(rest, t)
	}
	for _, f := range list.Friends {
		if f.Account, err = d.know(ctx, f.Account); err != nil {
			return reply, nil, err
		}
		one := friend{d.profile(&f.Account), cmp.Or(f.Friendship.Remark, f.Account.Username)}
		t := told{id: idBefriended, uid: f.Account.Number}
		if size := sizeOf(one); size <= left {
			reply.Friends, left = append(reply.Friends, one), left-size
		} else {
			t.frame = d.befriended(a.Number, &f.Account)
		}
		rest = append(rest, t)
	}
	return reply, rest, nil
}
