package realtime

import (
	"context"
	"encoding/json"

	"github.com/parley-chat/parley/chat"
	"github.com/parley-chat/parley/realtime/socketio"
)

func friendEvents() map[string]event {
	return map[string]event{
		"friend:ask":     {known, rule(askFriend)},
		"friend:answer":  {known, rule(answerFriend)},
		"friend:remove":  {known, aboutFriend((*chat.Friends).Remove)},
		"friend:block":   {known, aboutFriend((*chat.Friends).Block)},
		"friend:unblock": {known, aboutFriend((*chat.Friends).Unblock)},
		"friend:remark":  {known, rule(remarkFriend)},
		"friend:list":    {known, (*session).listFriends},
	}
}

// friendRequest is the argument of the events about one other user; each reads the fields that it needs.
type friendRequest struct {
	User   chat.UserID `json:"user"`
	Note   string      `json:"note"`
	Accept *bool       `json:"accept"`
	Remark string      `json:"remark"`
}

// bondReply says what an ask led to: "asked", "friends" from now on, or "already".
type bondReply struct {
	State chat.Bond `json:"state"`
}

func askFriend(ctx context.Context, s *session, r friendRequest) (bondReply, error) {
	bond, err := s.door.cfg.Friends.Ask(ctx, s.userID(), r.User, r.Note)
	return bondReply{bond}, err
}

func answerFriend(ctx context.Context, s *session, r friendRequest) (struct{}, error) {
	if r.Accept == nil {
		return struct{}{}, chat.Errorf(chat.Invalid, "accept: true or false")
	}
	return struct{}{}, s.door.cfg.Friends.Answer(ctx, s.userID(), r.User, *r.Accept)
}

// aboutFriend makes a handler of a rule between two users.
func aboutFriend(do func(f *chat.Friends, ctx context.Context, user, other chat.UserID) error) func(*session, *socketio.Event) {
	return rule(func(ctx context.Context, s *session, r friendRequest) (struct{}, error) {
		return struct{}{}, do(s.door.cfg.Friends, ctx, s.userID(), r.User)
	})
}

func remarkFriend(ctx context.Context, s *session, r friendRequest) (struct{}, error) {
	return struct{}{}, s.door.cfg.Friends.Remark(ctx, s.userID(), r.User, r.Remark)
}

// acquaintance is a user as others see her.
type acquaintance struct {
	User     chat.UserID `json:"user"`
	Name     string      `json:"name"`
	Nickname string      `json:"nickname,omitempty"`
	Img      string      `json:"img"`
}

func (d *Server) acquaintance(a *chat.Account) acquaintance {
	return acquaintance{User: a.ID, Name: a.Username, Nickname: a.Nickname, Img: d.picture(a.Picture)}
}

// friend is one in the list. Times are milliseconds since 1970; At is since when she is online, or when she was seen
// last, 0 when she never was or does not let the asker know.
type friend struct {
	acquaintance
	Remark string `json:"remark,omitempty"`
	Online bool   `json:"online"`
	At     int64  `json:"at"`
	Since  int64  `json:"since"`
}

// asking is the event `friend:asked`, and a request in the list.
type asking struct {
	acquaintance
	Note string `json:"note"`
	At   int64  `json:"at"`
}

func (d *Server) asking(r *chat.FriendRequest, other *chat.Account) asking {
	return asking{d.acquaintance(other), r.Note, r.At.UnixMilli()}
}

type friendsReply struct {
	Friends  []friend       `json:"friends"`
	Requests []asking       `json:"requests"`
	Asked    []asking       `json:"asked"`
	Blocked  []acquaintance `json:"blocked"`
}

// listFriends takes no argument, or any.
func (s *session) listFriends(e *socketio.Event) {
	ctx, cancel := context.WithTimeout(context.Background(), eventTime)
	defer cancel()
	d := s.door
	list, err := d.cfg.Friends.List(ctx, s.userID())
	if err != nil {
		s.refuse(answerOf(e), err)
		return
	}
	reply := friendsReply{[]friend{}, []asking{}, []asking{}, []acquaintance{}} // in JSON [], not null
	for i := range list.Friends {
		f := &list.Friends[i]
		seen := appearanceOf(f.Seen)
		reply.Friends = append(reply.Friends, friend{
			d.acquaintance(&f.Account), f.Friendship.Remark, seen.Online, seen.At, f.Friendship.Since.UnixMilli(),
		})
	}
	for i := range list.Requests {
		reply.Requests = append(reply.Requests, d.asking(&list.Requests[i].FriendRequest, &list.Requests[i].Account))
	}
	for i := range list.Asked {
		reply.Asked = append(reply.Asked, d.asking(&list.Asked[i].FriendRequest, &list.Asked[i].Account))
	}
	for i := range list.Blocked {
		reply.Blocked = append(reply.Blocked, d.acquaintance(&list.Blocked[i]))
	}
	s.answer(answerOf(e), reply)
}

// friendAnswered is the event `friend:answered`.
type friendAnswered struct {
	User     chat.UserID `json:"user"`
	Name     string      `json:"name"`
	Accepted bool        `json:"accepted"`
	At       int64       `json:"at"`
}

// friendRemoved is the event `friend:removed`.
type friendRemoved struct {
	User chat.UserID `json:"user"`
}

// FriendAsked implements chat.FriendAudience.
func (d *Server) FriendAsked(r chat.FriendRequest, from chat.Account) {
	asked := chat.Asking{FriendRequest: r, Account: from}
	for _, s := range d.hub.Of(r.To) {
		if s.tellAsked(&asked) {
			s.conn.Flush()
		}
	}
}

// maxAsked bounds the requests that a session remembers to have told.
const maxAsked = 1000

// tellAsked tells a session that has logged in of a request, unless it was told: one that is made while its receiver logs in
// is found waiting, and is live.
func (s *session) tellAsked(r *chat.Asking) (flush bool) {
	payload, _ := json.Marshal(s.door.asking(&r.FriendRequest, &r.Account)) // numbers and strings always marshal
	frame := socketio.EventFrame("/", "friend:asked", payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := r.At.UnixMilli()
	if s.user != r.To || s.phase != live && s.phase != replaying || s.asked[r.From] == at {
		return false
	}
	if s.asked == nil || len(s.asked) >= maxAsked {
		s.asked = make(map[chat.UserID]int64)
	}
	s.asked[r.From] = at
	return s.conn.Enqueue(frame)
}

// FriendAnswered implements chat.FriendAudience.
func (d *Server) FriendAnswered(to chat.UserID, by chat.Account, accepted bool) {
	d.tellUser(to, "friend:answered", friendAnswered{by.ID, by.Username, accepted, d.cfg.Now().UnixMilli()})
}

// FriendRemoved implements chat.FriendAudience.
func (d *Server) FriendRemoved(to, by chat.UserID) {
	d.tellUser(to, "friend:removed", friendRemoved{by})
}

// tellUser tells the sessions of a user who have logged in.
func (d *Server) tellUser(user chat.UserID, event string, argument any) {
	sessions := d.hub.Of(user)
	if len(sessions) == 0 {
		return
	}
	payload, _ := json.Marshal(argument) // numbers and strings always marshal
	frame := socketio.EventFrame("/", event, payload)
	dirty := d.takeBatch()
	for _, s := range sessions {
		if s.tell(frame) {
			*dirty = append(*dirty, s.conn)
		}
	}
	d.flush(dirty)
}
